from __future__ import annotations

from sidecar.board import MONITOR, Board


def test_every_child_has_words_of_its_own() -> None:
    board = Board(2)
    for place in (MONITOR, 1, 2):
        board.note(place, 100 + place, 10 + place)
        board.beat(place, 1000 + place)
    assert [board.pid(place) for place in (MONITOR, 1, 2)] == [100, 101, 102]
    assert [board.n_restarts(place) for place in (MONITOR, 1, 2)] == [10, 11, 12]
    assert [board.beat_ns(place) for place in (MONITOR, 1, 2)] == [1000, 1001, 1002]


def test_a_child_that_starts_has_no_beat_and_noting_it_leaves_a_beat_alone() -> None:
    board = Board(1)
    assert board.beat_ns(1) == 0
    board.beat(1, 5)
    board.note(1, 100, 0)  # the child may beat before the supervisor has noted it
    assert board.beat_ns(1) == 5
    board.clear_beat(1)
    assert (board.beat_ns(1), board.pid(1)) == (0, 100)
