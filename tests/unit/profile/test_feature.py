from __future__ import annotations

from sidecar.profile.feature import FeatureSpec


def test_specs_are_values():
    assert FeatureSpec("age", "input", "numeric") == FeatureSpec("age", "input", "numeric")
    assert FeatureSpec("age", "input", "numeric") != FeatureSpec("age", "output", "numeric")
