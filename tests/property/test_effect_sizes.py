"""Whatever was counted, effect sizes are numbers within their bounds, and JSON can hold all of it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernels.lanes import FIRST_CELL, FIRST_PRESENT
from kernels.moments import fill_sums
from sidecar.drift.univariate import Comparison
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference

COUNTS = st.one_of(st.just(0), st.integers(0, 50), st.integers(0, 2**40))
PHIS = st.sampled_from([1.0, 1.5, 40.0])
BETWEEN_0_AND_1 = ("js_distance", "hellinger", "ks", "l_infinity", "cramers_v")


def reference_of(column, kind="numeric", texts=()):
    (feature,) = learn_reference([FeatureSpec("f", "input", kind)], np.asarray(column)[:, None], [texts])
    return feature


COLUMNS = [
    np.random.default_rng(1).normal(size=400),
    np.random.default_rng(2).exponential(size=900) * 1e-9 + 1e6,
    np.r_[np.zeros(300), np.full(20, np.nan), np.random.default_rng(3).normal(size=80) * 1e200],
    np.zeros(250),
    np.full(100, np.nan),
    np.r_[np.full(5, np.inf), np.full(5, -np.inf)],
]
NUMERIC = [reference_of(column) for column in COLUMNS]
TEXTS = [
    reference_of(
        np.random.default_rng(4).integers(1, 5, size=500).astype(float), "categorical", tuple("abcd")
    )
]
FEATURES = st.sampled_from(NUMERIC + TEXTS)


def lanes_for(feature, data):
    wanted = feature.counts.size
    lanes = np.array(data.draw(st.lists(COUNTS, min_size=wanted, max_size=wanted)), dtype=np.int64)
    if feature.spec.kind == "categorical":
        lanes[FIRST_PRESENT:FIRST_CELL] = 0
    return lanes


@settings(max_examples=150)
@given(feature=FEATURES, phi=PHIS, data=st.data())
def test_any_counts_give_numbers_within_their_bounds(feature, phi, data):
    lanes = lanes_for(feature, data)
    effects = Comparison(feature, 200, phi).measure(lanes)
    json.dumps(effects.to_json(), allow_nan=False)
    for name, shown in effects.details().items():
        if shown.value is None:
            assert (shown.critical, shown.interval, shown.detectable) == (None, None, None)
            continue
        assert shown.value >= 0.0
        assert shown.value <= 1.0 or name not in BETWEEN_0_AND_1
        assert shown.critical > 0.0
        assert shown.detectable > 0.0
        assert shown.interval[0] <= shown.interval[1]
    for share in effects.basis.shares().values():
        assert 0.0 <= share.low <= share.ratio <= share.high <= 1.0
        assert share.detectable >= 0.0


@settings(max_examples=100)
@given(
    feature=st.sampled_from(NUMERIC),
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=60, max_size=80),
    data=st.data(),
)
def test_any_values_give_a_shift_and_a_spread(feature, values, data):
    column = np.array(values)
    sums = np.zeros(4, dtype=np.int64)
    fill_sums(column, feature.pivot, feature.unit, sums)
    extremes = np.array([column.min(), column.max()])
    effects = Comparison(feature, 200).measure(lanes_for(feature, data), sums, extremes)
    json.dumps(effects.to_json(), allow_nan=False)
    for name in ("mean_shift", "log_sd_ratio"):
        number = getattr(effects, name)
        assert number is None or math.isfinite(number)


@given(data=st.data())
def test_the_order_of_categories_does_not_matter(data):
    counts = np.array(data.draw(st.lists(st.integers(20, 500), min_size=4, max_size=4)))
    current = np.array(data.draw(st.lists(st.integers(60, 500), min_size=4, max_size=4)))
    order = np.array(data.draw(st.permutations(range(4))))
    found = []
    for places in (np.arange(4), order):
        column = np.repeat(np.arange(1.0, 5.0), counts[places])
        feature = reference_of(column, "categorical", tuple("abcd"[k] for k in places))
        lanes = np.r_[np.zeros(FIRST_CELL + 1, dtype=np.int64), current[places]]
        found.append(Comparison(feature, 40).measure(lanes))
    for name in ("psi", "js_distance", "hellinger", "l_infinity", "cramers_v"):
        before, after = (getattr(effects, name) for effects in found)
        if len(set(counts.tolist())) == 4:  # equal counts may be joined into other bins
            assert before is after is None or after == pytest.approx(before, rel=1e-9, abs=1e-12), name
