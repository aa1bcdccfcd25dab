from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import rankdata, spearmanr

from sidecar.compare.correlation import rank_correlation, ranks


def test_worked_example():
    assert rank_correlation(np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 4])) == pytest.approx(0.8)


@pytest.mark.parametrize("seed", range(5))
def test_twin(seed):
    rng = np.random.default_rng(seed)
    primary = rng.integers(0, 10, size=60).astype(float)
    shadow = primary + rng.normal(size=60).round(1)
    assert ranks(shadow).tolist() == rankdata(shadow).tolist()
    assert rank_correlation(primary, shadow) == pytest.approx(spearmanr(primary, shadow).statistic)


def test_pairs_with_a_nan_are_left_out():
    primary, shadow = np.array([1.0, np.nan, 3.0, 4.0]), np.array([1.0, 2.0, np.nan, 2.0])
    assert rank_correlation(primary, shadow) == 1.0


@pytest.mark.parametrize(
    "columns", [([], []), ([1.0], [2.0]), ([1.0, 1.0], [1.0, 2.0]), ([1.0, np.nan], [1.0, 2.0])]
)
def test_what_has_no_order_has_no_correlation(columns):
    assert rank_correlation(*(np.array(column) for column in columns)) is None


def test_infinities_have_a_rank():
    assert rank_correlation(np.array([-np.inf, 0.0, np.inf]), np.array([1.0, 2.0, 3.0])) == 1.0
