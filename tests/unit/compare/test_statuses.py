from __future__ import annotations

from sidecar.compare.statuses import NO_ANSWER, StatusMatrix


def matrix_of(*pairs):
    matrix = StatusMatrix()
    for primary, shadow in pairs:
        matrix.add(primary, shadow)
    return matrix


def test_errors_are_5xx_and_no_answer():
    matrix = matrix_of((200, 200), (200, 503), (500, 200), (500, 502), (200, NO_ANSWER), (422, 422))
    assert matrix.pairs == 6
    assert matrix.errors() == (2, 3)


def test_discordant_pairs_are_those_on_which_one_failed_alone():
    matrix = matrix_of((200, 503), (200, NO_ANSWER), (500, 200), (500, 500), (400, 200))
    assert matrix.discordant() == (1, 2)


def test_as_json():
    matrix = matrix_of((200, 200), (200, 200), (200, NO_ANSWER))
    assert matrix.to_json() == [
        {"primary": 200, "shadow": 200, "count": 2},
        {"primary": 200, "shadow": None, "count": 1},
    ]


def test_codes_that_http_does_not_know_take_no_room():
    assert len(matrix_of(*((200, code) for code in range(600, 5000))).counts) == 1


def test_merging_is_counting_both():
    one, other = matrix_of((200, 200)), matrix_of((200, 200), (200, 500))
    one.merge(other)
    assert one.counts == matrix_of((200, 200), (200, 200), (200, 500)).counts
