"""A reference for each of the commonest values of one column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec
import numpy as np

from kernels.binning import I64
from sidecar.errors import BadReference
from sidecar.profile.damage import decode_part, refusing
from sidecar.profile.packing import pack_counts, unpack_counts

PART = "segments"
FORMAT = 1
SEGMENTS = 32


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """Lanes of every feature by segment.

    Args:
        column: whose values divide the rows.
        values: the S commonest of them, the commonest first.
        rows: of each, shape (S,), int64.
        lanes: by feature name, shape (S, L), int64, lanes as in `FeatureReference.counts`.
    """

    column: str
    values: tuple[str, ...]
    rows: I64
    lanes: Mapping[str, I64]


def pack_segments(segments: Segments) -> bytes:
    """The reference's part `segments`.

    Args:
        segments: any.

    Returns:
        msgpack; `unpack_segments` gives the same again.
    """
    return msgspec.msgpack.encode(
        {
            "format": FORMAT,
            "column": segments.column,
            "values": list(segments.values),
            "rows": pack_counts(segments.rows),
            "lanes": {name: pack_counts(lanes) for name, lanes in segments.lanes.items()},
        }
    )


def unpack_segments(part: bytes) -> Segments:
    """What `pack_segments` packed.

    Args:
        part: of a reference.

    Returns:
        The segments.

    Raises:
        BadReference: "segments: expected format 1, got 2"; likewise for other damage.
    """
    with refusing(BadReference, PART, "its fields"):
        fields = decode_part(part, PART, FORMAT)
        column = str(fields["column"])
        values = tuple(str(value) for value in fields["values"])
        rows = unpack_counts(fields["rows"])
        lanes = {
            str(name): unpack_counts(packed).reshape(len(values), -1)
            for name, packed in fields["lanes"].items()
        }
    if rows.size != len(values) or any(not np.array_equal(kept.sum(axis=1), rows) for kept in lanes.values()):
        raise BadReference(f"{PART}: expected lanes that add up to the rows, got others")
    return Segments(column, values, rows, lanes)
