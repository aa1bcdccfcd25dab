from __future__ import annotations

import msgspec
import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile.segments import Segments, pack_segments, unpack_segments

MADE = Segments("city", ("Oslo", "Rom"), np.array([300, 20]), {"n": np.array([[100, 200, 0], [0, 20, 0]])})


def test_round_trip():
    again = unpack_segments(pack_segments(MADE))
    assert (again.column, again.values, again.rows.tolist()) == ("city", ("Oslo", "Rom"), [300, 20])
    assert again.lanes["n"].tolist() == MADE.lanes["n"].tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": 0}, "segments: expected format 1, got 0"),
        ({"rows": b"\x01\x01\x01"}, "segments: expected lanes that add up to the rows, got others"),
        (
            {"lanes": {"n": b"\x09"}},
            "segments: expected its fields, got ValueError('counts of 9 bytes')",
        ),
    ],
)
def test_damage(change, message):
    fields = msgspec.msgpack.decode(pack_segments(MADE))
    with pytest.raises(BadReference) as caught:
        unpack_segments(msgspec.msgpack.encode({**fields, **change}))
    assert str(caught.value) == message


def test_a_column_that_is_not_told():
    fields = msgspec.msgpack.decode(pack_segments(MADE))
    del fields["column"]
    with pytest.raises(BadReference) as caught:
        unpack_segments(msgspec.msgpack.encode(fields))
    assert str(caught.value) == "segments: expected its fields, got KeyError('column')"
