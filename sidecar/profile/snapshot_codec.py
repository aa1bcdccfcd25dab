"""Snapshots as bytes (docs/snapshot-format.md): equal snapshots are equal bytes, and bytes may come from
anywhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from kernels.sketch import CELLS
from sidecar.errors import BadSnapshot
from sidecar.profile import codec
from sidecar.profile.beside import Beside
from sidecar.profile.damage import DAMAGE, refusing
from sidecar.profile.envelope import kind_of
from sidecar.profile.joint_reference import JointReference
from sidecar.profile.joint_window import ClosedJoint, JointPane
from sidecar.profile.lanes import lane_table
from sidecar.profile.quality_pane import QualityPane
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
from sidecar.profile.space import Space

MAGIC = "sidecar-snapshot"
VERSION = 2
ROLES = ("input", "output")

_Known = tuple[Space, JointReference | None, int]


def encode(snapshot: Snapshot) -> bytes:
    """Bytes of a snapshot; equal snapshots are equal bytes.

    Args:
        snapshot: any.

    Returns:
        msgpack; `decode` gives the same snapshot again.
    """
    parts = snapshot.subjects.values()
    layouts = {part.layout.id: part.layout.encoded for part in parts}
    told = [origin.beside.space for part in parts for origin in part.origins.values()]
    spaces = {space.id: space.encoded for space in told if space is not None}
    keys = sorted(snapshot.subjects, key=lambda key: (key[0], key[1] or "", key[1] is not None, key[2]))
    return msgspec.msgpack.encode(
        {
            "magic": MAGIC,
            "version": VERSION,
            "layouts": dict(sorted(layouts.items())),
            "spaces": dict(sorted(spaces.items())),
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
        spaces = {space_id: _space(space_id, encoded) for space_id, encoded in document["spaces"].items()}
        subjects = [_unpack_subject(packed, layouts, spaces) for packed in document["subjects"]]
    if len(dict(subjects)) != len(subjects):
        raise BadSnapshot(f"{name}: expected every subject once, got one twice")
    return Snapshot(dict(subjects))


@dataclass(frozen=True, slots=True)
class _Shape:
    """What the arrays of a layout's panes look like."""

    layout: Layout
    width: int
    lanes: int
    names: tuple[str, ...]


def _layout(layout_id: Any, encoded: Any, name: str) -> _Shape:
    reference = codec.decode(encoded, f"{name}: layout")
    if reference.id != layout_id:
        raise ValueError(f"layout {layout_id!r} that is {reference.id}")
    specs = [feature.spec for feature in reference.features]
    table = lane_table(specs, reference.features)
    names = tuple(spec.name for spec in specs)
    return _Shape(Layout(reference.id, encoded), table.width, table.lanes, names)


def _space(space_id: Any, encoded: Any) -> _Known:
    """A space with its features' part, and how many embeddings it has."""
    space = Space.sealed(encoded)
    if space.id != space_id:
        raise ValueError(f"space {space_id!r} that is {space.id}")
    joint, embeddings = space.open()
    return space, joint, len(embeddings)


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
    beside = part.beside
    return {
        "origin": name,
        "epochs": [list(entry) for entry in sorted(part.epochs.items())],
        "granules": [
            {"horizon_ns": key[0], "grows": key in part.growing, **part.granules[key].to_state()}
            for key in sorted(part.granules)
        ],
        "space": None if beside.space is None else beside.space.id,
        "joint": [pane.to_state() for _, pane in sorted(beside.joint.items())],
        "quality": [pane.to_state() for _, pane in sorted(beside.quality.items())],
    }


def _unpack_subject(
    packed: dict[str, Any], layouts: Mapping[str, _Shape], spaces: Mapping[str, _Known]
) -> tuple[SubjectKey, SubjectPart]:
    model, version, role = packed["model"], packed["version"], packed["role"]
    if not isinstance(model, str) or not isinstance(version, str | None) or role not in ROLES:
        raise ValueError(f"a subject {model!r} version {version!r} {role!r}")
    shape = layouts[packed["layout"]]
    origins = {str(entry["origin"]): _unpack_origin(entry, shape, spaces) for entry in packed["origins"]}
    if len(origins) != len(packed["origins"]):
        raise ValueError("an origin twice")
    return (model, version, role), SubjectPart(str(packed["reference"]), shape.layout, origins)


def _unpack_origin(packed: dict[str, Any], shape: _Shape, spaces: Mapping[str, _Known]) -> OriginPart:
    epochs = {int(epoch): int(began_after) for epoch, began_after in packed["epochs"]}
    granules: dict[GranuleKey, RestingPane] = {}
    growing = set()
    for state in packed["granules"]:
        granule = RestingPane.from_state(state, shape.width, shape.lanes, CELLS)
        if granule.epoch not in epochs:
            raise ValueError(f"a granule of an unknown epoch {granule.epoch}")
        key = int(state["horizon_ns"]), granule.first
        granules[key] = granule
        growing.update([key] if state["grows"] else [])
    return kept(epochs, granules, frozenset(growing), _unpack_beside(packed, shape, spaces))


def _unpack_beside(packed: dict[str, Any], shape: _Shape, spaces: Mapping[str, _Known]) -> Beside:
    quality = [QualityPane.from_state(state, shape.width) for state in packed["quality"]]
    space, joint = None, []
    if packed["space"] is not None:
        space, known, n_embeddings = spaces[packed["space"]]
        width = 0 if known is None else known.among(shape.names)[1].width
        joint = [JointPane.from_state(state, width, n_embeddings) for state in packed["joint"]]
    elif packed["joint"]:
        raise ValueError("joint sums of no space")
    if any(not 1 <= pane.first <= pane.last for pane in joint):
        raise ValueError("joint sums whose numbers contradict each other")
    beside = Beside.of(ClosedJoint(space, tuple(joint)), quality)
    if len(beside.joint) != len(joint) or len(beside.quality) != len(quality):
        raise ValueError("joint sums or data quality twice")
    return beside
