"""A reference as bytes: one msgpack map.

`content` holds the canonical bytes of what counts (rows, features, parts); their SHA-256 is the id. Time and
provenance lie beside it, so the same counts have the same id whenever they were made. Decoding trusts
nothing: prefix, version, hash and then the shape of every feature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from kernels.binning import EDGES, F64, I64
from kernels.lanes import FIRST_CELL
from kernels.moments import SUMS
from sidecar.errors import BadReference
from sidecar.profile.damage import refusing
from sidecar.profile.envelope import (
    MAGIC,
    VERSION,
    identify,
    open_envelope,
    read_reference_file,
    write_reference_file,
)
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.reference import FeatureReference, Reference
from sidecar.profile.vocabulary import CATEGORY_LIMIT


def seal(
    rows: int,
    features: Sequence[FeatureReference],
    *,
    created_unix_s: float,
    provenance: Mapping[str, str],
    parts: Mapping[str, bytes] | None = None,
) -> Reference:
    """A reference with the id of its content.

    Args:
        rows: rows it was made of.
        features: its features.
        created_unix_s: time of making; not part of the id.
        provenance: what it was made of; not part of the id.
        parts: optional sections by name.

    Returns:
        The reference.
    """
    sections = dict(sorted((parts or {}).items()))
    content = _pack_content(rows, features, sections)
    return Reference(identify(content), rows, tuple(features), created_unix_s, dict(provenance), sections)


def encode(reference: Reference) -> bytes:
    """Bytes of a reference file.

    Args:
        reference: any.

    Returns:
        msgpack; `decode` gives the same reference again.
    """
    return msgspec.msgpack.encode(
        {
            "magic": MAGIC,
            "version": VERSION,
            "id": reference.id,
            "created_unix_s": reference.created_unix_s,
            "provenance": dict(reference.provenance),
            "content": _pack_content(reference.rows, reference.features, reference.parts),
        }
    )


def decode(data: bytes, name: str) -> Reference:
    """Reference of a file's bytes.

    Args:
        data: the whole file.
        name: its name, for messages.

    Returns:
        The reference.

    Raises:
        BadReference: "ref.msgpack: expected a sidecar reference, got other data"; likewise when the file is
        cut off, of
            another version, or does not hash to its id.
    """
    outer = open_envelope(data, name)
    with refusing(BadReference, name, "the fields of a reference"):
        rows, features, parts = _unpack_content(outer["content"])
        created_unix_s, provenance = float(outer["created_unix_s"]), dict(outer["provenance"])
        return Reference(outer["id"], rows, features, created_unix_s, provenance, parts)


def load(path: Path | str) -> Reference:
    """Reads a reference file.

    Args:
        path: as `sidecar reference build` made it.

    Returns:
        The reference.

    Raises:
        BadReference: "ref.msgpack: expected a readable file, got No such file or directory"; or as `decode`.
    """
    return decode(read_reference_file(path), str(path))


def save(reference: Reference, path: Path | str) -> None:
    """Writes a reference file, whole or not at all.

    Args:
        reference: any.
        path: replaced if it is there.

    Raises:
        BadReference: "out/ref.msgpack: expected a writable file, got Permission denied".
    """
    write_reference_file(path, encode(reference))


def _pack_content(rows: int, features: Sequence[FeatureReference], parts: Mapping[str, bytes]) -> bytes:
    packed = [
        {
            "name": feature.spec.name,
            "role": feature.spec.role,
            "kind": feature.spec.kind,
            "edges": feature.edges.astype("<f8").tobytes(),
            "categories": list(feature.categories),
            "counts": feature.counts.astype("<i8").tobytes(),
            "sums": feature.sums.astype("<i8").tobytes(),
            "extremes": feature.extremes.astype("<f8").tobytes(),
            "pivot": float(feature.pivot),
            "unit": float(feature.unit),
        }
        for feature in features
    ]
    return msgspec.msgpack.encode({"rows": rows, "features": packed, "parts": dict(parts)})


def _unpack_content(content: bytes) -> tuple[int, tuple[FeatureReference, ...], dict[str, bytes]]:
    fields: dict[str, Any] = msgspec.msgpack.decode(content)
    features = tuple(_unpack_feature(packed) for packed in fields["features"])
    names = [feature.spec.name for feature in features]
    if len(set(names)) != len(names):
        raise ValueError("two features of one name")
    parts: dict[str, bytes] = dict(fields["parts"])
    if not all(isinstance(name, str) and isinstance(part, bytes) for name, part in parts.items()):
        raise ValueError("parts that are not bytes by name")
    return int(fields["rows"]), features, parts


def _unpack_feature(packed: dict[str, Any]) -> FeatureReference:
    name, role, kind = packed["name"], packed["role"], packed["kind"]
    if role not in ("input", "output") or kind not in ("numeric", "categorical") or not isinstance(name, str):
        raise ValueError(f"feature {name!r} of role {role!r} and kind {kind!r}")
    edges: F64 = np.frombuffer(packed["edges"], dtype="<f8").astype(np.float64)
    counts: I64 = np.frombuffer(packed["counts"], dtype="<i8").astype(np.int64)
    sums: I64 = np.frombuffer(packed["sums"], dtype="<i8").astype(np.int64)
    extremes: F64 = np.frombuffer(packed["extremes"], dtype="<f8").astype(np.float64)
    categories = tuple(packed["categories"])
    cells = (len(categories) if kind == "categorical" else edges.size) + 1
    sound = (
        edges.size <= EDGES
        and len(set(categories)) == len(categories) <= CATEGORY_LIMIT
        and all(isinstance(text, str) for text in categories)
        and bool(np.all(np.isfinite(edges)) and np.all(edges[1:] > edges[:-1]))
        and counts.size == FIRST_CELL + cells
        and bool(np.all(counts >= 0))
        and sums.size == SUMS
        and extremes.size == 2
        and bool(np.isfinite(packed["pivot"]) and 0.0 < packed["unit"] < np.inf)
    )
    if not sound:
        raise ValueError(f"feature {name!r} whose edges, categories and counts do not fit together")
    return FeatureReference(
        FeatureSpec(name, role, kind),
        edges,
        categories,
        counts,
        sums,
        extremes,
        packed["pivot"],
        packed["unit"],
    )
