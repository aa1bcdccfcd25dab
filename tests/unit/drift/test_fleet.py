from __future__ import annotations

import math

import numpy as np
import pytest

from sidecar.drift.fleet import add_counts, average_log_e
from sidecar.errors import ShapeMismatch


def test_counts_are_added():
    panes = [np.array([[1, 2]]), np.array([[10, 0]]), np.array([[0, 5]])]
    assert add_counts(panes).tolist() == [[11, 7]]
    assert add_counts(panes).dtype == np.int64


def test_values_are_averaged_not_their_logarithms():
    found = average_log_e(
        [np.array([math.log(2.0), 1000.0, -np.inf]), np.array([math.log(4.0), -np.inf, -np.inf])]
    )
    assert found.tolist() == [pytest.approx(math.log(3.0)), pytest.approx(1000.0 - math.log(2.0)), -np.inf]


def test_mean_of_one_is_itself():
    assert average_log_e([np.array([3.0, -7.0])]) == pytest.approx([3.0, -7.0])


@pytest.mark.parametrize("combine", [add_counts, average_log_e])
def test_pods_that_do_not_fit(combine):
    with pytest.raises(ShapeMismatch) as caught:
        combine([np.zeros(2), np.zeros(3)])
    assert str(caught.value) == "fleet: expected an array of (2,), got (3,)"
    with pytest.raises(ShapeMismatch) as caught:
        combine([])
    assert str(caught.value) == "fleet: expected at least one pod, got none"
