from __future__ import annotations

import numpy as np
import pytest

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


# --- embeddings


def wide(width, *others):
    names = tuple(f"e[{at}]" for at in range(width)) + others
    return intern_schema(names, ("numeric",) * len(names))


def test_many_columns_of_one_tensor_are_one_group():
    naming = name_columns(wide(64, "age"), "input", (), None, None, 64)
    assert names(naming) == ["e.norm", *(f"e.p{at:02}" for at in range(16)), "age"]
    assert {spec.kind for spec in naming.specs} == {"numeric"}
    assert len(naming.columns) == 65
    assert naming.known == (None,) * 18
    assert [(group.name, group.dimension) for group in naming.layout.groups] == [("e", 64)]


@pytest.mark.parametrize(
    ("width", "features", "columns"),
    [
        (63, (), 64),
        (64, (), 0),
        (64, ("first",), 64),
        (64, (FeatureConfig(name="third", column="e[2]"),), 64),
    ],
)
def test_columns_that_are_few_or_named_are_features(width, features, columns):
    naming = name_columns(wide(width), "input", features, None, None, columns)
    assert len(naming.specs) == width
    assert naming.layout.groups == ()


def test_columns_that_the_reference_knows_are_features():
    given = reference(("e[7]", "input", "numeric"))
    assert len(name_columns(wide(64), "input", (), None, given, 64).specs) == 64


def test_configured_embeddings_may_be_short_and_have_a_name():
    features = (FeatureConfig(name="text", column="e", kind="embedding"),)
    naming = name_columns(wide(3, "age"), "input", features, None, None)
    assert names(naming)[0] == "text.norm"
    assert names(naming)[-1] == "age"
    assert naming.layout.groups[0].dimension == 3


def test_configured_embedding_that_is_no_tensor_changes_nothing():
    features = (FeatureConfig(name="age", kind="embedding"),)
    assert names(name_columns(wide(2, "age"), "input", features, None, None)) == ["e[0]", "e[1]", "age"]


def test_features_of_an_embedding_are_known_to_a_reference():
    given = reference(("e.norm", "input", "numeric"), ("e.p03", "output", "numeric"))
    naming = name_columns(wide(64), "input", (), None, given, 64)
    known = [spec.name for spec, found in zip(naming.specs, naming.known, strict=True) if found is not None]
    assert known == ["e.norm"]
