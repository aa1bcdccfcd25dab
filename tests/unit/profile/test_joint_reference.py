from __future__ import annotations

import math

import msgspec
import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.joint_reference import (
    build_joint,
    correlations,
    joint_parts,
    pack_joint,
    part_name,
    unpack_joint,
)
from sidecar.profile.learning import learn_reference
from tests.unit.profile.test_joint import sums_of


def rows_of(n=1000, width=4, seed=1):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 2)) @ rng.normal(size=(2, width)) + 0.5 * rng.normal(size=(n, width))


def joint_of(rows, kinds=None, max_features=128):
    kinds = kinds or ["numeric"] * rows.shape[1]
    specs = [FeatureSpec(f"f{k}", "input", kind) for k, kind in enumerate(kinds)]
    return build_joint(learn_reference(specs, rows, [()] * len(specs)), rows, max_features)


def test_parts_are_told_apart_by_role():
    assert (part_name("input"), part_name("output")) == ("joint_input", "joint_output")


def test_all_rows_are_in_one_of_the_halves():
    joint = joint_of(rows_of(1000))
    assert (joint.trained.rows, joint.tested.rows) == (16 * 32, 1000 - 16 * 32)
    assert joint.total().rows == 1000


def test_categories_are_left_out_and_the_first_features_are_taken():
    rows = rows_of(width=5)
    kinds = ["numeric", "categorical", "numeric", "numeric", "numeric"]
    assert joint_of(rows, kinds).names == ("f0", "f2", "f3", "f4")
    assert joint_of(rows, kinds, max_features=2).names == ("f0", "f2")


@pytest.mark.parametrize(("rows", "kinds"), [(231, "nn"), (1000, "nc"), (1000, "c")])
def test_too_little_to_say(rows, kinds):
    names = {"n": "numeric", "c": "categorical"}
    assert joint_of(rows_of(rows, len(kinds)), [names[kind] for kind in kinds]) is None


def test_packing_loses_nothing():
    joint = joint_of(rows_of())
    again = unpack_joint(pack_joint(joint))
    assert pack_joint(again) == pack_joint(joint)
    assert again.names == joint.names
    assert again.components == joint.components
    assert again.error_variance == joint.error_variance
    off_diagonal = ~np.eye(4, dtype=bool)
    assert np.array_equal(again.shapes[:, off_diagonal], joint.shapes[:, off_diagonal])
    assert again.total().to_state() == joint.total().to_state()


def test_constant_features_have_no_error_to_expect():
    joint = joint_of(np.ones((500, 3)))
    assert math.isnan(joint.error_variance)
    assert math.isnan(unpack_joint(pack_joint(joint)).error_variance)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 2}, "joint part: expected version 1, got 2"),
        ({"names": ["f0"]}, None),
        ({"scales": b""}, None),
        ({"scales": bytes(64)}, None),
        ({"shapes": b"123"}, None),
        ({"trained": {}}, None),
        ({"names": ["f0", "f0", "f2", "f3"]}, None),
    ],
)
def test_damaged_parts_are_refused(change, message):
    fields = msgspec.msgpack.decode(pack_joint(joint_of(rows_of())))
    with pytest.raises(BadReference) as refused:
        unpack_joint(msgspec.msgpack.encode({**fields, **change}))
    assert message is None or str(refused.value) == message
    assert str(refused.value).startswith("joint part: expected ")


def test_what_is_no_msgpack_is_refused():
    with pytest.raises(BadReference, match="joint part: expected its fields"):
        unpack_joint(b"\xc1")


def test_traffic_in_another_order():
    joint, space = joint_of(rows_of()).among(["x", "f3", "f0", "f2", "f1"])
    assert space.names == ("f0", "f1", "f2", "f3")
    assert space.columns.tolist() == [2, 4, 3, 1]
    assert not math.isnan(joint.error_variance)


def test_traffic_that_lacks_features_has_correlations_but_no_error():
    whole = joint_of(rows_of())
    joint, space = whole.among(["f3", "f1"])
    assert (joint.names, space.columns.tolist()) == (("f1", "f3"), [1, 0])
    assert correlations(joint.total())[1][0, 1] == correlations(whole.total())[1][1, 3]
    assert joint.shapes[0, 0, 1] == whole.shapes[0, 1, 3]
    assert math.isnan(joint.error_variance)


def test_correlation_with_a_constant_is_none():
    rows = np.column_stack([rows_of(200, 2) / 4, np.full(200, 0.5)])
    n, found = correlations(sums_of(rows))
    assert np.isnan(found[0, 2])
    assert np.isnan(found[2, 2])
    assert (found[0, 0], n[0, 1]) == (1.0, 200)


def test_shapes_of_normal_values_are_normal():
    variance, skew, kurtosis = joint_of(np.random.default_rng(1).normal(size=(20_000, 2))).shapes[:, 0, 1]
    assert variance == pytest.approx(1.0, abs=0.1)
    assert skew == pytest.approx(0.0, abs=0.3)
    assert kurtosis == pytest.approx(9.0, rel=0.2)  # of a product of two


def test_rare_events_that_never_met_are_far_from_normal():
    rng = np.random.default_rng(2)
    rows = (rng.random((2000, 2)) < 0.01).astype(float)
    rows[rows.all(axis=1)] = 0.0
    _, skew, kurtosis = joint_of(rows).shapes[:, 0, 1]
    assert skew > 50.0
    assert kurtosis > 5000.0


def test_each_role_has_a_part_of_its_own():
    rows = rows_of(1000, 5)
    roles = ["input", "output", "input", "input", "output"]
    specs = [FeatureSpec(f"f{k}", role, "numeric") for k, role in enumerate(roles)]
    features = learn_reference(specs, rows, [()] * 5)
    parts = {name: unpack_joint(part).names for name, part in joint_parts(features, rows).items()}
    assert parts == {"joint_input": ("f0", "f2", "f3"), "joint_output": ("f1", "f4")}
    assert joint_parts(features[:2], rows[:, :2]) == {}


def test_the_same_rows_make_the_same_part():
    rows = rows_of(3000)
    assert pack_joint(joint_of(rows)) == pack_joint(joint_of(rows.copy()))


def test_very_many_rows_are_cut():
    assert joint_of(np.zeros((1_000_032, 2)) + np.arange(2)).total().rows == 1_000_000
