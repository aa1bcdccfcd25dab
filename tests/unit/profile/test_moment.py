from __future__ import annotations

import numpy as np
import pytest

from sidecar.profile.moment import parse_time, seconds


@pytest.mark.parametrize(
    "text",
    ["1700000000", "1700000000000", "1700000000000000", "1700000000000000000", "2023-11-14T22:13:20",
     "2023-11-14T22:13:20Z", "2023-11-14 23:13:20+01:00", "1.7e9"],
)  # fmt: skip
def test_one_moment_in_many_ways(text):
    assert parse_time(text) == 1.7e9


@pytest.mark.parametrize("text", ["soon", "", "2023-13-01"])
def test_what_is_no_time(text):
    with pytest.raises(ValueError, match=r"\w"):
        parse_time(text)


def test_the_unit_is_told_by_the_size():
    numbers = np.array([0.0, -86400.0, 1e10, 1.5e12, 1.5e15, 1.5e18, np.nan])
    expected = [0.0, -86400.0, 1e10, 1.5e9, 1.5e9, 1.5e9, np.nan]
    assert seconds(numbers) == pytest.approx(expected, nan_ok=True)
