from __future__ import annotations

import numpy as np
import pytest

from sidecar.compare.quality import QualityPairs
from sidecar.errors import ShapeMismatch


def pairs(*requests):
    found = QualityPairs()
    for primary, shadow in requests:
        found.add(np.array(primary, dtype=bool), np.array(shadow, dtype=bool))
    return found


def test_what_both_have_right_or_wrong_says_nothing():
    found = pairs(([1], [1]), ([0], [0])).judge(0.01, 0.05)
    assert (found.name, found.state, found.estimate) == ("quality", "undecided", 0.0)


def test_a_request_counts_once_whatever_its_rows():
    found = pairs(([1, 1, 0, 0], [0, 1, 1, 0]), ([1], [0]))
    assert (found.requests, found.primary_only, found.shadow_only) == (2, 1.25, 0.25)
    assert found.judge(0.01, 0.05).estimate == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("primary", "shadow", "state"),
    [([1], [0], "worse"), ([0], [1], "better"), ([1], [1], "equivalent")],
)
def test_what_is_said_once_enough_labels_are_there(primary, shadow, state):
    decided, early = pairs(*[(primary, shadow)] * 2000), pairs((primary, shadow))
    assert (decided.judge(0.01, 0.05).state, early.judge(0.01, 0.05).state) == (state, "undecided")


def test_requests_without_labels_are_none():
    found = pairs(([], []))
    assert (found.requests, found.judge(0.01, 0.05).estimate) == (0, None)


def test_merging_adds_up():
    one, other = pairs(([1], [0])), pairs(([0], [1]), ([1], [1]))
    one.merge(other)
    assert (one.requests, one.primary_only, one.shadow_only) == (3, 1.0, 1.0)


def test_rows_that_do_not_match():
    with pytest.raises(ShapeMismatch) as caught:
        pairs(([1, 1], [1, 1, 1]))
    assert str(caught.value) == "quality: primary has 2 rows, shadow has 3"
