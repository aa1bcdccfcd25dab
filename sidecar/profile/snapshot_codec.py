"""Snapshots as bytes (docs/snapshot-format.md): equal snapshots are equal bytes, and bytes may come from
anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from kernels.sketch import CELLS
from sidecar.errors import BadSnapshot
from sidecar.profile import codec
from sidecar.profile.damage import DAMAGE, refusing
from sidecar.profile.envelope import kind_of
from sidecar.profile.lanes import lane_table
from sidecar.profile.resting import RestingPane
from sidecar.profile.snapshot import (
    GranuleKey,
    Layout,
    OriginPart,
    Snapshot,
    SubjectKey,
    SubjectPart,
    kept,
)

MAGIC = "sidecar-snapshot"
VERSION = 2
ROLES = ("input", "output")


def encode(snapshot: Snapshot) -> bytes:
    """Bytes of a snapshot; equal snapshots are equal bytes.

    Args:
        snapshot: any.

    Returns:
        msgpack; `decode` gives the same snapshot again.
    """
    layouts = {part.layout.id: part.layout.encoded for part in snapshot.subjects.values()}
    keys = sorted(snapshot.subjects, key=lambda key: (key[0], key[1] or "", key[1] is not None, key[2]))
    return msgspec.msgpack.encode(
        {
            "magic": MAGIC,
            "version": VERSION,
            "layouts": dict(sorted(layouts.items())),
            "subjects": [_pack_subject(key, snapshot.subjects[key]) for key in keys],
        }
    )


def decode(data: bytes, name: str) -> Snapshot:
    """Snapshot of bytes that may come from anywhere.

    Args:
        data: a whole snapshot.
        name: of the file, for messages.

    Returns:
        The snapshot.

    Raises:
        BadSnapshot: "a.msgpack: expected a sidecar snapshot, got other data"; likewise when it is cut off,
            of another version, or contradicts itself.
    """
    try:
        document = msgspec.msgpack.decode(data)
    except DAMAGE as exc:
        kind = kind_of(data)
        got = "a file that is cut off or damaged" if kind == "a snapshot" else kind
        raise BadSnapshot(f"{name}: expected a sidecar snapshot, got {got}") from exc
    if not isinstance(document, dict) or document.get("magic") != MAGIC:
        raise BadSnapshot(f"{name}: expected a sidecar snapshot, got {kind_of(data)}")
    if document.get("version") != VERSION:
        raise BadSnapshot(f"{name}: expected snapshot version {VERSION}, got {document.get('version')!r}")
    with refusing(BadSnapshot, name, "the fields of a snapshot"):
        layouts = {
            layout_id: _layout(layout_id, encoded, name) for layout_id, encoded in document["layouts"].items()
        }
        subjects = [_unpack_subject(packed, layouts) for packed in document["subjects"]]
    if len(dict(subjects)) != len(subjects):
        raise BadSnapshot(f"{name}: expected every subject once, got one twice")
    return Snapshot(dict(subjects))


def _layout(layout_id: Any, encoded: Any, name: str) -> tuple[Layout, tuple[int, int]]:
    """A layout with the shape of its panes' counts."""
    reference = codec.decode(encoded, f"{name}: layout")
    if reference.id != layout_id:
        raise ValueError(f"layout {layout_id!r} that is {reference.id}")
    table = lane_table([feature.spec for feature in reference.features], reference.features)
    return Layout(reference.id, encoded), (table.width, table.lanes)


def _pack_subject(key: SubjectKey, part: SubjectPart) -> dict[str, Any]:
    model, version, role = key
    return {
        "model": model,
        "version": version,
        "role": role,
        "reference": part.reference_id,
        "layout": part.layout.id,
        "origins": [_pack_origin(name, part.origins[name]) for name in sorted(part.origins)],
    }


def _pack_origin(name: str, part: OriginPart) -> dict[str, Any]:
    return {
        "origin": name,
        "epochs": [list(entry) for entry in sorted(part.epochs.items())],
        "granules": [
            {"horizon_ns": key[0], "grows": key in part.growing, **part.granules[key].to_state()}
            for key in sorted(part.granules)
        ],
    }


def _unpack_subject(
    packed: dict[str, Any], layouts: Mapping[str, tuple[Layout, tuple[int, int]]]
) -> tuple[SubjectKey, SubjectPart]:
    model, version, role = packed["model"], packed["version"], packed["role"]
    if not isinstance(model, str) or not isinstance(version, str | None) or role not in ROLES:
        raise ValueError(f"a subject {model!r} version {version!r} {role!r}")
    layout, shape = layouts[packed["layout"]]
    origins = {str(entry["origin"]): _unpack_origin(entry, shape) for entry in packed["origins"]}
    if len(origins) != len(packed["origins"]):
        raise ValueError("an origin twice")
    return (model, version, role), SubjectPart(str(packed["reference"]), layout, origins)


def _unpack_origin(packed: dict[str, Any], shape: tuple[int, int]) -> OriginPart:
    epochs = {int(epoch): int(began_after) for epoch, began_after in packed["epochs"]}
    granules: dict[GranuleKey, RestingPane] = {}
    growing = set()
    for state in packed["granules"]:
        granule = RestingPane.from_state(state, *shape, CELLS)
        if granule.epoch not in epochs:
            raise ValueError(f"a granule of an unknown epoch {granule.epoch}")
        key = int(state["horizon_ns"]), granule.first
        granules[key] = granule
        growing.update([key] if state["grows"] else [])
    return kept(epochs, granules, frozenset(growing))
