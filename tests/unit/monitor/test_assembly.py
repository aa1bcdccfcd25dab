from __future__ import annotations

import tracemalloc

from sidecar.monitor.assembly import PENDING_BYTES, Assembly


def add(
    assembly: Assembly, exchange: int, place: int, piece: bytes, *, request: bool = True, at_ns: int = 0
) -> None:
    assembly.add_piece(exchange, at_ns, is_request=request, place=place, piece=piece)


def test_pieces_of_both_sides_are_joined() -> None:
    assembly = Assembly()
    add(assembly, 1, 0, b"ab")
    add(assembly, 1, 0, b"xy", request=False)
    add(assembly, 2, 0, b"other")
    add(assembly, 1, 2, b"c")
    assert assembly.finish(1, 3, 2) == (b"abc", b"xy")
    assert len(assembly) == 1


def test_a_side_without_a_body_is_empty() -> None:
    assembly = Assembly()
    add(assembly, 1, 0, b"ab")
    assert assembly.finish(1, 2, 0) == (b"ab", b"")


def test_a_missing_piece_makes_it_incomplete() -> None:
    for places in ((0, 4), (2, 4), (0, 2)):
        assembly = Assembly()
        for place in places:
            add(assembly, 1, place, b"ab")
        assert assembly.finish(1, 6, 0) is None


def test_one_never_begun_is_incomplete() -> None:
    assert Assembly().finish(1, 5, 0) is None


def test_memory_is_bounded_and_the_oldest_goes_first() -> None:
    assembly = Assembly(most_bytes=2 * PENDING_BYTES + 10)
    for exchange in range(5):
        add(assembly, exchange, 0, b"abcd")
    assert len(assembly) == 2
    assert assembly.finish(0, 4, 0) is None
    assert assembly.finish(4, 4, 0) == (b"abcd", b"")


def test_what_is_silent_for_too_long_is_forgotten_and_what_goes_on_is_not() -> None:
    assembly = Assembly(longest_silence_s=60.0)
    add(assembly, 1, 0, b"ab", at_ns=0)
    add(assembly, 2, 0, b"ab", at_ns=0)
    add(assembly, 2, 2, b"cd", at_ns=50_000_000_000)
    add(assembly, 3, 0, b"ab", at_ns=61_000_000_000)
    assert assembly.finish(1, 2, 0) is None
    assert assembly.finish(2, 4, 0) == (b"abcd", b"")


def test_a_stream_of_many_small_pieces_is_one_body_and_costs_no_object_a_piece() -> None:
    assembly = Assembly()
    chunk = b"data: {}\n\n"
    tracemalloc.start()
    for number in range(5000):
        add(assembly, 1, number * len(chunk), chunk, request=False, at_ns=number)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held_bytes < 2 * 5000 * len(chunk)
    assert assembly.finish(1, 0, 5000 * len(chunk)) == (b"", chunk * 5000)


def test_exchanges_with_next_to_nothing_are_bounded_too() -> None:
    assembly = Assembly(most_bytes=100 * PENDING_BYTES)
    for exchange in range(1000):
        add(assembly, exchange, 0, b"")
    assert len(assembly) == 100


def test_what_was_not_held_takes_no_room_from_others() -> None:
    assembly = Assembly(most_bytes=3 * PENDING_BYTES + 10)
    for _ in range(100):
        add(assembly, 1, 7, b"behind a gap")
        assert assembly.finish(1, 7, 0) is None
    add(assembly, 2, 0, b"abcd")
    add(assembly, 3, 0, b"efgh")
    assert assembly.finish(2, 4, 0) == (b"abcd", b"")
