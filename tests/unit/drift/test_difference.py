from __future__ import annotations

import json

import numpy as np
import pytest

from sidecar.drift.difference import COLUMNS, compare_references
from sidecar.drift.moved import Moved
from sidecar.profile.codec import seal
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference


def reference(**columns):
    specs, values, texts = [], [], []
    for name, column in columns.items():
        column = np.asarray(column)
        is_text = column.dtype.kind == "U"
        specs.append(FeatureSpec(name, "input", "categorical" if is_text else "numeric"))
        texts.append(tuple(np.unique(column).tolist()) if is_text else ())
        codes = {text: float(code) for code, text in enumerate(texts[-1], 1)}
        values.append([codes[text] for text in column.tolist()] if is_text else column.astype(float))
    features = learn_reference(specs, np.column_stack(values), texts)
    return seal(len(values[0]), features, created_unix_s=0.0, provenance={})


def normal(seed, mean=0.0, rows=5000):
    return np.random.default_rng(seed).normal(mean, 1.0, size=rows)


def only(a, b):
    (found,) = compare_references(a, b)
    return found


def test_reference_does_not_differ_from_itself():
    same = reference(n=normal(1), c=np.repeat(["x", "y"], 2500))
    for found in compare_references(same, same):
        assert (found.state, found.moved) == ("ok", None)
        assert found.effects.psi == pytest.approx(0.0, abs=1e-6)


@pytest.mark.parametrize("seed", range(5))
def test_two_samples_of_one_distribution(seed):
    found = only(reference(n=normal(seed)), reference(n=normal(seed + 100)))
    assert found.state == "ok"
    assert found.effects.psi < 2 * found.effects.psi_critical
    assert found.effects.ks < 0.05


@pytest.mark.parametrize("seed", range(5))
def test_whole_numbers_are_not_torn_apart(seed):
    rng = np.random.default_rng(seed)
    a, b = rng.poisson(20, size=5000), rng.poisson(20, size=5000)
    found = only(reference(n=a), reference(n=b))
    assert found.state == "ok"
    assert found.effects.psi < found.effects.psi_critical


@pytest.mark.parametrize(("by", "direction"), [(0.5, "up"), (-0.5, "down")])
def test_shift_is_found(by, direction):
    found = only(reference(n=normal(1)), reference(n=normal(2, by)))
    assert found.state == "drift"
    assert found.moved.direction == direction
    assert found.effects.ks == pytest.approx(0.197, abs=0.03)  # 2 Phi(1/4) - 1


def test_categories_are_matched_by_text():
    a = reference(c=np.repeat(["x", "y"], [3000, 2000]))
    same = reference(c=np.repeat(["y", "x"], [2000, 3000]))
    assert only(a, same).effects.psi == pytest.approx(0.0, abs=1e-12)
    new = only(a, reference(c=np.repeat(["x", "z"], [3000, 2000])))
    assert new.state == "drift"
    assert new.moved in (Moved("other", "up"), Moved("category=y", "down"))


def test_missing_values():
    gaps = normal(2)
    gaps[:500] = np.nan
    found = only(reference(n=normal(1)), reference(n=gaps))
    assert (found.state, found.moved) == ("drift", Moved("missing", "up"))
    assert found.missing_ratios == (0.0, 0.1)


def test_features_of_one_side_only():
    a, b = reference(n=normal(1), gone=normal(2)), reference(n=normal(1), new=normal(3))
    assert [(d.spec.name, d.state) for d in compare_references(a, b)] == [
        ("n", "ok"),
        ("gone", "only_in_a"),
        ("new", "only_in_b"),
    ]


def test_feature_of_another_kind_is_another_feature():
    a, b = reference(n=normal(1, rows=100)), reference(n=np.repeat(["x", "y"], 50))
    assert [d.state for d in compare_references(a, b)] == ["only_in_a", "only_in_b"]


def test_columns_without_values():
    a, b = reference(n=np.full(300, np.nan)), reference(n=normal(1, rows=300))
    for one, other in ((a, b), (b, a), (a, a)):
        found = only(one, other)
        assert found.state == ("ok" if one is other else "drift")
        json.dumps(found.to_json(), allow_nan=False)


def test_rows_and_json():
    a = reference(n=normal(1), c=np.repeat(["x", "y"], 2500), gone=normal(2))
    for found in compare_references(a, reference(n=normal(2, 1.0), c=np.repeat(["x", "y"], 2500))):
        assert len(found.row()) == len(COLUMNS)
        assert all(isinstance(text, str) for text in found.row())
        json.dumps(found.to_json(), allow_nan=False)
