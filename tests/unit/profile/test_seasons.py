from __future__ import annotations

import msgspec
import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile.seasons import (
    HOURS,
    KAPPA,
    SeasonTally,
    hour_of_week,
    pack,
    shrink,
    unpack,
)

WIDTHS = {"b": 5, "a": 3}


def tally_of(seed, n=400):
    rng = np.random.default_rng(seed)
    tally = SeasonTally(WIDTHS)
    for _ in range(n):
        lanes = rng.integers(0, 300, size=(2, 6))
        tally.add(float(rng.integers(0, 10**9)), list(lanes))
    return tally


@pytest.mark.parametrize(
    ("unix_s", "hour"),
    [
        (0.0, 72),
        (345_600.0, 0),
        (345_599.0, 167),
        (1_764_028_800.0, 24),
        (1_764_028_800.0 + 3 * 3600 + 59, 27),
    ],
)
def test_hour_of_week(unix_s, hour):
    """1970-01-01 was a Thursday, 1970-01-05 a Monday, 2025-11-25 a Tuesday."""
    assert hour_of_week(unix_s) == hour
    assert hour_of_week(unix_s + 7 * 86_400) == hour


def test_shares_are_drawn_towards_the_whole():
    shares, rows = shrink(
        np.array([0.0, 90.0, 9e6]), np.array([0.0, 100.0, 1e7]), np.full(3, 0.2), kappa=50.0
    )
    assert shares == pytest.approx([0.2, (90 + 10) / 150, 0.9], abs=1e-5)
    assert rows.tolist() == [50.0, 150.0, 1e7 + 50]


def test_hour_never_seen_counts_as_few_rows():
    shares, rows = shrink(np.zeros(1), np.zeros(1), np.array([0.3]))
    assert (shares[0], rows[0]) == (0.3, KAPPA)


def test_counts_come_back_by_hour_and_name():
    tally = SeasonTally(WIDTHS)
    tally.add(0.0, [np.arange(9), np.array([70_000, 1, 2, 99])])
    tally.add(60.0, [np.ones(9, dtype=np.int64), np.ones(4, dtype=np.int64)])
    lanes = tally.seasons().lanes(72)
    assert list(lanes) == ["b", "a"]
    assert lanes["b"].tolist() == [1, 2, 3, 4, 5]
    assert lanes["a"].tolist() == [70_001, 2, 3]
    assert not any(row.any() for row in tally.seasons().lanes(71).values())


def test_merging_in_any_order_gives_the_same_bytes():
    one, two, three = tally_of(1), tally_of(2), tally_of(3)
    three.merge(one)
    three.merge(two)
    again, other = tally_of(1), tally_of(2)
    other.merge(tally_of(3))
    again.merge(other)
    assert pack(three.seasons()) == pack(again.seasons())


def test_packed_and_back():
    seasons = tally_of(4).seasons()
    assert unpack(pack(seasons)) == seasons
    empty = SeasonTally({}).seasons()
    assert unpack(pack(empty)).lanes(3) == {}


def test_quiet_hours_take_a_byte_a_lane():
    tally = SeasonTally(WIDTHS)
    tally.add(0.0, [np.full(5, 200), np.full(3, 200)])
    assert {len(block) for block in tally.seasons().hours} == {1 + 8}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 2}, "hour_of_week: expected format 1, got 2"),
        (
            {"hours": [b"\x01" + bytes(8)] * 167},
            "hour_of_week: expected 168 hours of 8 lanes, got 167 of {8}",
        ),
        (
            {"hours": [b"\x01" + bytes(7)] * 168},
            "hour_of_week: expected 168 hours of 8 lanes, got 168 of {7}",
        ),
        (
            {"hours": [b""] * HOURS},
            "hour_of_week: expected lanes by hour, got ValueError('counts without a size')",
        ),
    ],
)
def test_damaged_part(change, message):
    fields = msgspec.msgpack.decode(pack(tally_of(5).seasons()))
    with pytest.raises(BadReference) as caught:
        unpack(msgspec.msgpack.encode(fields | change))
    assert str(caught.value) == message


def test_tally_goes_on_from_what_was_packed():
    one, other = tally_of(6), tally_of(7)
    resumed = SeasonTally.of(unpack(pack(one.seasons())))
    one.merge(other)
    resumed.merge(other)
    assert pack(resumed.seasons()) == pack(one.seasons())
