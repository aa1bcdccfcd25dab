from __future__ import annotations

import numpy as np

from sidecar.config.model import FeatureConfig
from sidecar.payload.columns import intern_schema
from sidecar.profile.codec import seal
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.learning import learn_reference
from sidecar.profile.naming import name_columns

TENSOR = intern_schema(("x[0]", "x[1]", "x[2]"), ("numeric",) * 3)


def reference(*features):
    specs = [FeatureSpec(name, role, kind) for name, role, kind in features]
    texts = [("a",) if spec.kind == "categorical" else () for spec in specs]
    matrix = np.ones((10, len(specs)))
    return seal(10, learn_reference(specs, matrix, texts), created_unix_s=0.0, provenance={})


def names(naming):
    return [spec.name for spec in naming.specs]


def test_payload_names_stay_without_configuration():
    naming = name_columns(TENSOR, "input", (), None, None)
    assert names(naming) == ["x[0]", "x[1]", "x[2]"]
    assert naming.known == (None, None, None)


def test_texts_name_by_position():
    naming = name_columns(TENSOR, "input", ("age", "income"), None, None)
    assert names(naming) == ["age", "income", "x[2]"]
    assert naming.names == {"x[0]": "age", "x[1]": "income", "x[2]": "x[2]"}


def test_objects_name_by_column_and_force_the_kind():
    features = (FeatureConfig(name="zip", column="x[2]", kind="categorical"),)
    naming = name_columns(TENSOR, "input", features, None, None)
    assert naming.specs[2] == FeatureSpec("zip", "input", "categorical")
    assert names(naming)[:2] == ["x[0]", "x[1]"]


def test_more_names_than_columns():
    assert names(name_columns(TENSOR, "input", tuple("abcdef"), None, None)) == ["a", "b", "c"]


def test_name_given_twice_is_used_once():
    assert names(name_columns(TENSOR, "input", ("a", "a"), None, None)) == ["a", "x[1]", "x[2]"]


def test_reference_is_matched_by_name_and_decides_the_kind():
    given = reference(("x[1]", "input", "categorical"), ("other", "input", "numeric"))
    naming = name_columns(TENSOR, "input", (), None, given)
    assert naming.specs[1].kind == "categorical"
    assert [known is not None for known in naming.known] == [False, True, False]


def test_feature_of_the_other_role_is_not_taken():
    naming = name_columns(TENSOR, "output", (), None, reference(("x[0]", "input", "numeric")))
    assert naming.known == (None, None, None)


def test_first_output_is_the_only_output_of_the_reference():
    given = reference(("late", "output", "numeric"), ("x[0]", "input", "numeric"))
    naming = name_columns(TENSOR, "output", (), None, given)
    assert names(naming) == ["late", "x[1]", "x[2]"]
    assert naming.known[0] is given.features[0]


def test_output_that_bears_its_name_is_left_there():
    given = reference(("x[1]", "output", "numeric"))
    naming = name_columns(TENSOR, "output", (), None, given)
    assert names(naming) == ["x[0]", "x[1]", "x[2]"]
    assert naming.known[1] is given.features[0]


def test_configured_prediction_names_the_first_output_whatever_its_role():
    given = reference(("late", "input", "numeric"))
    naming = name_columns(TENSOR, "output", ("ignored",), "late", given)
    assert names(naming)[0] == "late"
    assert naming.known[0] is given.features[0]


def test_no_columns():
    assert name_columns(intern_schema((), ()), "output", (), "late", None).specs == ()
