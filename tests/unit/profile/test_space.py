from __future__ import annotations

import msgspec
import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.joint_reference import build_joint, pack_joint
from sidecar.profile.learning import learn_reference
from sidecar.profile.space import Space


def joint_part(seed: int = 1) -> bytes:
    rows = np.random.default_rng(seed).normal(size=(400, 3))
    specs = [FeatureSpec(name, "input", "numeric") for name in "abc"]
    made = build_joint(learn_reference(specs, rows, [()] * 3), rows, 128)
    assert made is not None
    return pack_joint(made)


class TestSpace:
    def test_is_known_by_its_parts(self) -> None:
        assert Space.of(joint_part(), []) == Space.of(joint_part(), [])
        assert Space.of(joint_part(), []).id != Space.of(joint_part(2), []).id
        assert Space.of(b"", []).id != Space.of(b"", [b""]).id

    def test_gives_its_parts_and_none_for_what_is_not_known(self) -> None:
        joint, embeddings = Space.of(joint_part(), [b""]).open()
        assert joint is not None
        assert joint.names == ("a", "b", "c")
        assert embeddings == (None,)
        assert Space.of(b"", []).open() == (None, ())

    @pytest.mark.parametrize(
        ("fields", "message"),
        [
            ({}, "space: expected its fields, got KeyError('joint')"),
            (
                {"joint": b"x", "embeddings": []},
                "joint part: expected its fields, got TypeError(\"'int' object is not subscriptable\")",
            ),
            (
                {"joint": b"", "embeddings": 3},
                "space: expected its fields, got TypeError(\"'int' object is not iterable\")",
            ),
        ],
    )
    def test_of_other_bytes_is_refused(self, fields: dict[str, object], message: str) -> None:
        with pytest.raises(BadReference) as caught:
            Space.sealed(msgspec.msgpack.encode(fields)).open()
        assert str(caught.value) == message
