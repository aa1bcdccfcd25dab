"""Snapshots: what monitors have closed, and how it merges (as bytes: `sidecar.profile.snapshot_codec`).

A snapshot holds, for every model, version and role, the closed panes (or granules of them) of each horizon,
by where they come from. Merging is the union of what two snapshots hold, so any order, any grouping and any
repetition give the same bytes. Three rules make the union right:

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

**What may still grow is believed of the newest monitor of an origin alone.** Its successor tells the granule
anew as it was in the checkpoint. Otherwise a granule of 1 to 2 that had grown to 1 to 3, which a later epoch
then takes back, would be there or not, depending on which of the three was merged first. Joint sums and data
quality (`sidecar.profile.beside`) may all grow, and follow this rule alone.

**The alarm's panes** are told by number too, and follow the first two rules (`sidecar.profile.account`).

Counts of different references have different cells and are never added: that is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sidecar.errors import BadSnapshot
from sidecar.profile import codec
from sidecar.profile.account import Account, Accounts, kept_accounts, merge_accounts
from sidecar.profile.beside import NOTHING_BESIDE, Beside, merge_beside
from sidecar.profile.feature import Role
from sidecar.profile.history import ClosedPanes
from sidecar.profile.reference import FeatureReference
from sidecar.profile.resting import RestingPane

SubjectKey = tuple[str, str | None, Role]
GranuleKey = tuple[int, int]  # horizon in nanoseconds, number of the first closing


@dataclass(frozen=True, slots=True, eq=False)
class OriginPart:
    """What one monitor, with its resumptions, tells of a subject.

    Args:
        epochs: monitor start to the number of the last closing before it.
        granules: those that are kept, by horizon and first number.
        growing: which of them the newest monitor may still tell with a greater last number.
        beside: joint sums and data quality, of the newest monitor.
        accounts: of the alarm, by the id of their terms.
    """

    epochs: Mapping[int, int]
    granules: Mapping[GranuleKey, RestingPane]
    growing: frozenset[GranuleKey]
    beside: Beside = NOTHING_BESIDE
    accounts: Accounts = field(default_factory=dict)


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


def subject_part(
    reference_id: str,
    layout: Layout,
    origin: str,
    closed: ClosedPanes,
    beside: Beside = NOTHING_BESIDE,
    account: Account | None = None,
) -> SubjectPart:
    """What one monitor tells of one subject.

    Args:
        reference_id: of the reference file, or of what was learnt.
        layout: the features by which was counted.
        origin: names the monitor and its resumptions.
        closed: its panes.
        beside: its joint sums and data quality.
        account: of its alarm.

    Returns:
        The part.
    """
    granules = {(horizon_ns, pane.first): pane for horizon_ns, panes in closed.granules for pane in panes}
    accounts = {} if account is None else {account.terms.id: account}
    part = kept(dict(closed.epochs), granules, closed.growing, beside, accounts)
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
    limits, newest = _limits(epochs), max(epochs, default=0)
    granules: dict[GranuleKey, RestingPane] = {}
    growing: set[GranuleKey] = set()
    beside: Beside | None = None
    for part in (one, other):
        living = max(part.epochs, default=0) == newest
        if living:
            beside = part.beside if beside is None else merge_beside(where, beside, part.beside)
        for key, granule in part.granules.items():
            grows = key in part.growing
            if granule.last > limits[granule.epoch] or (grows and not living):
                continue
            held = granules.get(key)
            if held is not None and held.last == granule.last and held.to_state() != granule.to_state():
                raise BadSnapshot(f"{where}: expected one pane {granule.first} to {granule.last}, got two")
            if held is None or held.last < granule.last:
                granules[key] = granule
                growing.discard(key)
                growing.update([key] if grows else [])
            elif held.last == granule.last and not grows:
                growing.discard(key)
    accounts = merge_accounts(where, *(kept_accounts(part.accounts, limits) for part in (one, other)))
    return OriginPart(epochs, granules, frozenset(growing), beside or NOTHING_BESIDE, accounts)


def kept(
    epochs: dict[int, int],
    granules: Mapping[GranuleKey, RestingPane],
    growing: frozenset[GranuleKey],
    beside: Beside,
    accounts: Accounts,
) -> OriginPart:
    """What is left of granules that were told under several epochs.

    Args:
        epochs, granules, growing, beside, accounts: as in `OriginPart`.

    Returns:
        Without those that a later epoch has taken back.
    """
    limits = _limits(epochs)
    left = {key: granule for key, granule in granules.items() if granule.last <= limits[granule.epoch]}
    return OriginPart(epochs, left, growing & left.keys(), beside, kept_accounts(accounts, limits))


def _limits(epochs: Mapping[int, int]) -> dict[int, int]:
    """For each epoch the greatest number that no later one has taken back."""
    limits: dict[int, int] = {}
    limit = 1 << 62
    for epoch in sorted(epochs, reverse=True):
        limits[epoch] = limit
        limit = min(limit, epochs[epoch])
    return limits
