"""Snapshots: what monitors have closed, as bytes that merge (layout: docs/snapshot-format.md).

A snapshot holds, for every model, version and role, the closed panes (or granules of them) of each horizon,
by where they come from. Merging is the union of what two snapshots hold, so any order, any grouping and any
repetition give the same bytes. Two rules make the union right:

**One pane, told twice.** Panes of an origin are numbered as they close, and a granule says which numbers it
covers. A granule that still grows is told again with a greater last number; of those that begin with the
same number the one that reaches farthest is kept.

**A monitor that was killed and resumed.** A monitor's start is its epoch. A checkpoint holds the number of
the last pane closed before it, and the resumed monitor counts on from there under a greater epoch. What the
dead one had closed behind its last checkpoint is counted by its successor again, or lost: so it is left out
as soon as the successor is known. A granule of epoch e is kept if and only if, for every later epoch of the
same origin, its last number is at most the number with which that one began. Kept granules then add up to
what the living monitor holds itself, and no row counts twice. A monitor that starts without a checkpoint is
a new origin.

Counts of different references have different cells and are never added: that is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from kernels.sketch import CELLS
from sidecar.errors import BadSnapshot
from sidecar.profile import codec
from sidecar.profile.damage import DAMAGE, refusing
from sidecar.profile.envelope import kind_of
from sidecar.profile.history import ClosedPanes
from sidecar.profile.lanes import lane_table
from sidecar.profile.pane import Pane
from sidecar.profile.reference import FeatureReference
from sidecar.profile.resting import RestingPane

MAGIC = "sidecar-snapshot"
VERSION = 1
ROLES = ("input", "output")

SubjectKey = tuple[str, str | None, str]
GranuleKey = tuple[int, int]  # horizon in nanoseconds, number of the first closing


@dataclass(frozen=True, slots=True, eq=False)
class OriginPart:
    """What one monitor, with its resumptions, tells of a subject.

    Args:
        epochs: monitor start to the number of the last closing before it.
        granules: those that are kept, by horizon and first number.
    """

    epochs: Mapping[int, int]
    granules: Mapping[GranuleKey, RestingPane]


@dataclass(frozen=True, slots=True, eq=False)
class SubjectPart:
    """One model, version and role.

    Args:
        reference_id: of the reference file, or of what was learnt.
        layout: the features by which was counted.
        origins: by name.
    """

    reference_id: str
    layout: Layout
    origins: Mapping[str, OriginPart]


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """What some monitors have closed.

    Args:
        subjects: by model, version and role.
    """

    subjects: Mapping[SubjectKey, SubjectPart]


@dataclass(frozen=True, slots=True)
class Layout:
    """By which features was counted.

    Args:
        id: of the reference that `encoded` holds.
        encoded: the features as a reference without time, provenance or other parts.
    """

    id: str
    encoded: bytes

    @classmethod
    def of(cls, rows: int, features: Sequence[FeatureReference]) -> Layout:
        """The layout of some features.

        Args:
            rows: of their reference.
            features: all of them known.

        Returns:
            The layout.
        """
        reference = codec.seal(rows, features, created_unix_s=0.0, provenance={})
        return cls(reference.id, codec.encode(reference))


def subject_part(reference_id: str, layout: Layout, origin: str, closed: ClosedPanes) -> SubjectPart:
    """What one monitor tells of one subject.

    Args:
        reference_id: of the reference file, or of what was learnt.
        layout: the features by which was counted.
        origin: names the monitor and its resumptions.
        closed: its panes.

    Returns:
        The part.
    """
    granules = {(horizon_ns, pane.first): pane for horizon_ns, panes in closed.granules for pane in panes}
    part = _kept(dict(closed.epochs), granules)
    return SubjectPart(reference_id, layout, {origin: part})


def merge(snapshots: Sequence[tuple[str, Snapshot]]) -> Snapshot:
    """The union of snapshots.

    Args:
        snapshots: each with a name for messages; in any order, with any repetition.

    Returns:
        One that holds all.

    Raises:
        BadSnapshot: "b.msgpack: 'm' version '1' input: expected reference sha256:..., got sha256:..."; or
            when two hold different panes of one number.
    """
    subjects: dict[SubjectKey, SubjectPart] = {}
    for name, snapshot in snapshots:
        for key, part in snapshot.subjects.items():
            held = subjects.get(key)
            subjects[key] = part if held is None else _merged(f"{name}: {subject_name(key)}", held, part)
    return Snapshot(subjects)


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


def window_sum(part: SubjectPart, horizon_ns: int, end_unix_ns: int) -> Pane | None:
    """What all origins have counted in one window.

    Args:
        part: a subject.
        horizon_ns: one of the horizons that it holds.
        end_unix_ns: end of the window; granules that end later or more than the horizon earlier are left out.

    Returns:
        A sum of its own; None without any granule.
    """
    total: Pane | None = None
    for origin in part.origins.values():
        for (horizon, _), granule in origin.granules.items():
            if horizon != horizon_ns or not end_unix_ns - horizon_ns < granule.end_unix_ns <= end_unix_ns:
                continue
            if total is None:
                total = granule.wake()
            else:
                granule.add_to(total)
    return total


def horizons_of(part: SubjectPart) -> list[int]:
    """The horizons of which a subject holds anything.

    Args:
        part: a subject.

    Returns:
        Lengths in nanoseconds, rising.
    """
    return sorted({horizon for origin in part.origins.values() for horizon, _ in origin.granules})


def end_of(part: SubjectPart, horizon_ns: int) -> int:
    """End of the newest granule of any origin.

    Args:
        part: a subject.
        horizon_ns: one of its horizons.

    Returns:
        Nanoseconds of unix time; 0 without granules.
    """
    return max(
        (
            granule.end_unix_ns
            for origin in part.origins.values()
            for (horizon, _), granule in origin.granules.items()
            if horizon == horizon_ns
        ),
        default=0,
    )


def subject_name(key: SubjectKey) -> str:
    """A subject in messages.

    Args:
        key: model, version and role.

    Returns:
        "'m' version '1' input".
    """
    model, version, role = key
    return f"{model!r} {role}" if version is None else f"{model!r} version {version!r} {role}"


def _merged(where: str, one: SubjectPart, other: SubjectPart) -> SubjectPart:
    if one.reference_id != other.reference_id:
        raise BadSnapshot(f"{where}: expected reference {one.reference_id}, got {other.reference_id}")
    if one.layout.id != other.layout.id:
        raise BadSnapshot(f"{where}: expected features counted by {one.layout.id}, got {other.layout.id}")
    origins = dict(one.origins)
    for name, part in other.origins.items():
        held = origins.get(name)
        origins[name] = part if held is None else _merged_origin(f"{where}: origin {name!r}", held, part)
    return SubjectPart(one.reference_id, one.layout, origins)


def _merged_origin(where: str, one: OriginPart, other: OriginPart) -> OriginPart:
    epochs = dict(one.epochs)
    for epoch, began_after in other.epochs.items():
        if epochs.setdefault(epoch, began_after) != began_after:
            expected = epochs[epoch]
            raise BadSnapshot(f"{where}: expected epoch {epoch} after {expected}, got after {began_after}")
    limits = _limits(epochs)
    granules = {
        key: granule for key, granule in one.granules.items() if granule.last <= limits[granule.epoch]
    }
    for key, granule in other.granules.items():
        if granule.last > limits[granule.epoch]:
            continue
        held = granules.get(key)
        if held is None or held.last < granule.last:
            granules[key] = granule
        elif held.last == granule.last and held.to_state() != granule.to_state():
            raise BadSnapshot(f"{where}: expected one pane {granule.first} to {granule.last}, got two")
    return OriginPart(epochs, granules)


def _kept(epochs: dict[int, int], granules: dict[GranuleKey, RestingPane]) -> OriginPart:
    limits = _limits(epochs)
    return OriginPart(
        epochs, {key: granule for key, granule in granules.items() if granule.last <= limits[granule.epoch]}
    )


def _limits(epochs: Mapping[int, int]) -> dict[int, int]:
    """For each epoch the greatest number that no later one has taken back."""
    limits: dict[int, int] = {}
    limit = 1 << 62
    for epoch in sorted(epochs, reverse=True):
        limits[epoch] = limit
        limit = min(limit, epochs[epoch])
    return limits


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
        "origins": [
            {
                "origin": name,
                "epochs": [list(entry) for entry in sorted(part.origins[name].epochs.items())],
                "granules": [
                    {"horizon_ns": horizon_ns, **granule.to_state()}
                    for (horizon_ns, _), granule in sorted(
                        part.origins[name].granules.items(), key=lambda item: item[0]
                    )
                ],
            }
            for name in sorted(part.origins)
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
    granules = {}
    for state in packed["granules"]:
        granule = RestingPane.from_state(state, *shape, CELLS)
        if granule.epoch not in epochs:
            raise ValueError(f"a granule of an unknown epoch {granule.epoch}")
        granules[int(state["horizon_ns"]), granule.first] = granule
    return _kept(epochs, granules)
