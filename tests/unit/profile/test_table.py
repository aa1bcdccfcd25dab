from __future__ import annotations

import json
import math

import numpy as np
import pytest

from sidecar.profile.codec import seal
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.profile.table import COLUMNS, finite, reference_json, reference_rows


def reference():
    specs = [
        FeatureSpec("n", "input", "numeric"),
        FeatureSpec("c", "output", "categorical"),
        FeatureSpec("empty", "input", "numeric"),
    ]
    matrix = np.column_stack([np.arange(100.0), np.repeat([1.0, 2.0, np.nan, 0.0], 25), np.full(100, np.nan)])
    features = learn_reference(specs, matrix, [(), ("a", "b"), ()])
    return seal(100, features, created_unix_s=7.0, provenance={"files": "x"})


def test_rows_fit_the_columns():
    rows = reference_rows(reference())
    assert {len(row) for row in rows} == {len(COLUMNS)}
    assert rows[0][:8] == ("n", "input", "numeric", "100", "0.00%", "49.5", "29.01", "0")
    assert rows[1][:5] == ("c", "output", "categorical", "100", "25.00%")
    assert rows[1][-1] == "2: b 33%, a 33%"
    assert rows[2] == ("empty", "input", "numeric", "100", "100.00%", "", "", "", "", "", "")


def test_json_holds_no_nan():
    fields = reference_json(reference())
    json.dumps(fields, allow_nan=False)
    assert fields["features"][0]["mean"] == 49.5
    assert fields["features"][1]["categories"] == ["a", "b"]
    assert fields["features"][1]["cells"] == [25, 25, 25]
    assert fields["features"][2]["missing_ratio"] == 1.0


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_only_finite_numbers(value):
    assert finite(value) is None
    assert finite(1.5) == 1.5
