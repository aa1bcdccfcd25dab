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
from sidecar.profile.account import Account, AlarmPane, Standing, Terms, account_of
from sidecar.profile.beside import Beside
from sidecar.profile.damage import DAMAGE, refusing
from sidecar.profile.envelope import kind_of
from sidecar.profile.joint_reference import JointReference
from sidecar.profile.joint_window import ClosedJoint, JointPane
from sidecar.profile.lanes import lane_table
from sidecar.profile.quality_evidence import QualityEvidence
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
VERSION = 3
ROLES = ("input", "output")

_Space = tuple[Space, JointReference | None, int]


def encode(snapshot: Snapshot) -> bytes:
    """Bytes of a snapshot; equal snapshots are equal bytes.

    Args:
        snapshot: any.

    Returns:
        msgpack; `decode` gives the same snapshot again.
    """
    parts = snapshot.subjects.values()
    layouts = {part.layout.id: part.layout.encoded for part in parts}
    origins = [origin for part in parts for origin in part.origins.values()]
    spaces = {o.beside.space.id: o.beside.space.encoded for o in origins if o.beside.space is not None}
    terms = {name: account.terms.encoded for o in origins for name, account in o.accounts.items()}
    keys = sorted(snapshot.subjects, key=lambda key: (key[0], key[1] or "", key[1] is not None, key[2]))
    return msgspec.msgpack.encode(
        {
            "magic": MAGIC,
            "version": VERSION,
            "layouts": dict(sorted(layouts.items())),
            "spaces": dict(sorted(spaces.items())),
            "terms": dict(sorted(terms.items())),
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
        terms = {terms_id: _terms(terms_id, encoded) for terms_id, encoded in document["terms"].items()}
        known = _Known(layouts, spaces, terms)
        subjects = [_unpack_subject(packed, known) for packed in document["subjects"]]
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


@dataclass(frozen=True, slots=True)
class _Known:
    """What the subjects of a snapshot refer to, by id; of terms with their features' number."""

    layouts: Mapping[str, _Shape]
    spaces: Mapping[str, _Space]
    terms: Mapping[str, tuple[Terms, int]]


def _terms(terms_id: Any, encoded: Any) -> tuple[Terms, int]:
    terms = Terms.sealed(encoded)
    if terms.id != terms_id:
        raise ValueError(f"terms {terms_id!r} that are {terms.id}")
    return terms, len(terms.open().effects)


def _space(space_id: Any, encoded: Any) -> _Space:
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
        "evidence": None if beside.evidence is None else beside.evidence.to_state(),
        "alarms": [_pack_account(account) for _, account in sorted(part.accounts.items())],
    }


def _pack_account(account: Account) -> dict[str, Any]:
    return {
        "terms": account.terms.id,
        "standings": [standing.to_state() for _, standing in sorted(account.standings.items())],
        "panes": [pane.to_state() for _, pane in sorted(account.panes.items())],
    }


def _unpack_subject(packed: dict[str, Any], known: _Known) -> tuple[SubjectKey, SubjectPart]:
    model, version, role = packed["model"], packed["version"], packed["role"]
    if not isinstance(model, str) or not isinstance(version, str | None) or role not in ROLES:
        raise ValueError(f"a subject {model!r} version {version!r} {role!r}")
    shape = known.layouts[packed["layout"]]
    origins = {str(entry["origin"]): _unpack_origin(entry, shape, known) for entry in packed["origins"]}
    if len(origins) != len(packed["origins"]):
        raise ValueError("an origin twice")
    return (model, version, role), SubjectPart(str(packed["reference"]), shape.layout, origins)


def _unpack_origin(packed: dict[str, Any], shape: _Shape, known: _Known) -> OriginPart:
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
    beside = _unpack_beside(packed, shape, known.spaces)
    accounts = [_unpack_account(entry, shape, known.terms) for entry in packed["alarms"]]
    by_terms = {account.terms.id: account for account in accounts}
    if len(by_terms) != len(accounts):
        raise ValueError("an alarm twice")
    return kept(epochs, granules, frozenset(growing), beside, by_terms)


def _unpack_account(packed: dict[str, Any], shape: _Shape, known: Mapping[str, tuple[Terms, int]]) -> Account:
    terms, width = known[packed["terms"]]
    if width != shape.width:
        raise ValueError(f"terms of {width} features")
    standings = [Standing.from_state(state) for state in packed["standings"]]
    panes = [AlarmPane.from_state(state, shape.width, shape.lanes) for state in packed["panes"]]
    account = account_of(terms, standings, panes)
    if len(account.standings) != len(standings) or len(account.panes) != len(panes):
        raise ValueError("a standing or a pane of the alarm twice")
    return account


def _unpack_beside(packed: dict[str, Any], shape: _Shape, spaces: Mapping[str, _Space]) -> Beside:
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
    told = packed["evidence"]
    evidence = None if told is None else QualityEvidence.from_state(told, shape.width)
    beside = Beside.of(ClosedJoint(space, tuple(joint)), quality, evidence)
    if len(beside.joint) != len(joint) or len(beside.quality) != len(quality):
        raise ValueError("joint sums or data quality twice")
    return beside
