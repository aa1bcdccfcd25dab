from __future__ import annotations

from sidecar.profile.granules import Granules


def lists(horizon_ns=320, limit=32):
    return Granules(horizon_ns, list, limit)


def test_what_is_of_one_stretch_comes_together_in_any_order():
    granules = lists()
    for moment in (25, 3, 29, 0, 9):
        granules.at(moment).append(moment)
    assert granules.items() == [(0, [3, 0, 9]), (20, [25, 29])]


def test_looking_for_a_stretch_makes_none():
    granules = lists()
    granules.at(25).append(25)
    assert (granules.found(29), granules.found(30)) == ([25], None)
    assert len(granules.items()) == 1


def test_what_lies_wholly_before_the_horizon_is_dropped():
    granules = lists()
    for moment in range(0, 400, 10):
        granules.at(moment)
    granules.expire(400)
    assert [start for start, _ in granules.items()] == list(range(80, 400, 10))
    granules.expire(409)
    assert granules.items()[0][0] == 90 - 10 * (409 - 320 < 90)


def test_memory_is_bounded_by_the_number_of_stretches():
    granules = lists(horizon_ns=86_400)
    for moment in range(0, 500_000, 50):
        granules.at(moment)
        granules.expire(moment)
        assert len(granules.items()) <= 34


def test_a_horizon_shorter_than_its_stretches_has_stretches_of_1_ns():
    granules = lists(horizon_ns=3)
    assert granules.granule_ns == 1
    granules.at(5)
    granules.expire(9)
    assert granules.items() == []
