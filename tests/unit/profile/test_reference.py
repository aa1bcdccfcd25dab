from __future__ import annotations

import numpy as np

from sidecar.profile.codec import seal
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference


def test_rows_present_and_lookup():
    spec = FeatureSpec("n", "input", "numeric")
    features = learn_reference([spec], np.array([[1.0], [np.nan], [np.inf]]), [()])
    reference = seal(3, features, created_unix_s=0.0, provenance={})
    feature = reference.feature("n")
    assert feature is not None
    assert (feature.rows, feature.present) == (3, 2)
    assert feature.cells.sum() == 1
    assert reference.feature("m") is None
