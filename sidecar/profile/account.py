"""What a monitor tells of its alarm: the panes that its detector took in last, and what it held before them.

Evidence itself is no sum, but it follows from sums: panes of several monitors, added by their times, give the
detector's numbers of one monitor that saw all rows (`sidecar.drift.fleet_alarm`). So panes are told as the
detector counted them, one row a request, each by its number (`sidecar.profile.history`).

A *standing* is what the detector held after pane n, told for the pane before the first one that is. Accounts
of one monitor merge by union; a standing after a pane that is held itself says nothing new and is left out.
What is left is one standing at the beginning and one behind every gap, whatever the order of merging.

Evidence that was weighed by other terms (another design effect, say) cannot be gone on with: it is an account
of its own, and both are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec
import numpy as np

from kernels.binning import F64
from sidecar.errors import BadSnapshot
from sidecar.profile.damage import refusing
from sidecar.profile.envelope import identify
from sidecar.profile.packing import pack_counts, unpack_counts
from sidecar.profile.resting import Counts, narrow
from sidecar.profile.seasons import Seasons
from sidecar.profile.seasons import unpack as unpack_seasons

BOUNDLESS = 1 << 62
STATE = ("values", "began_unix_s", "drift_since_unix_s", "since")


@dataclass(frozen=True, slots=True, eq=False)
class Weighing:
    """By what a detector weighs.

    Args:
        panes: A, panes between false alarms.
        tolerance: change of a share at the median that is never an alarm.
        effects: how many rows of traffic, and of the reference, count as one, shape (F, 2), >= 1.
        seasons: references by hour of the week; None without.
    """

    panes: float
    tolerance: float
    effects: F64
    seasons: Seasons | None


@dataclass(frozen=True, slots=True)
class Terms:
    """The same as bytes.

    Args:
        id: SHA-256 of `encoded`.
        encoded: the terms.
    """

    id: str
    encoded: bytes

    @classmethod
    def of(cls, panes: float, tolerance: float, effects: F64, seasons: bytes | None) -> Terms:
        """The terms of a detector.

        Args:
            panes, tolerance, effects: as in `Weighing`.
            seasons: packed.

        Returns:
            The terms.
        """
        packed = effects.astype("<f8").tobytes()
        fields = {"panes": panes, "tolerance": tolerance, "effects": packed, "seasons": seasons}
        return cls.sealed(msgspec.msgpack.encode(fields))

    @classmethod
    def sealed(cls, encoded: bytes) -> Terms:
        """The terms that some bytes hold.

        Args:
            encoded: as `of` makes them, or of a snapshot.

        Returns:
            The terms.
        """
        return cls(identify(encoded), encoded)

    def open(self) -> Weighing:
        """What they say.

        Returns:
            The terms.

        Raises:
            BadSnapshot: "terms: expected the fields of terms, got KeyError('panes')"; likewise for other
                damage.
        """
        with refusing(BadSnapshot, "terms", "the fields of terms"):
            fields = msgspec.msgpack.decode(self.encoded)
            effects = np.frombuffer(fields["effects"], dtype="<f8").astype(np.float64).reshape(-1, 2)
            panes, tolerance = float(fields["panes"]), float(fields["tolerance"])
            if not (1e-9 <= panes <= 1e12 and 0.0 <= tolerance <= 0.5 and np.all(effects >= 1.0)):
                raise ValueError("terms beyond their bounds")
            if not np.all(np.isfinite(effects)):
                raise ValueError("effects that are no numbers")
            seasons = None if fields["seasons"] is None else unpack_seasons(fields["seasons"])
            return Weighing(panes, tolerance, effects, seasons)


@dataclass(frozen=True, slots=True, eq=False)
class AlarmPane:
    """A closed pane as the detector took it in.

    Args:
        number: of its closing, from 1.
        epoch: monitor start under which it closed.
        start_unix_ns: its begin.
        counts: lanes of the rows that count, shape (F, L), each >= 0.
    """

    number: int
    epoch: int
    start_unix_ns: int
    counts: Counts

    def to_state(self) -> dict[str, Any]:
        """The pane for a checkpoint or a snapshot.

        Returns:
            Numbers and bytes, in one order.
        """
        return {
            "number": self.number,
            "epoch": self.epoch,
            "start_unix_ns": self.start_unix_ns,
            "counts": pack_counts(self.counts.astype(np.int64)),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any], width: int, lanes: int) -> AlarmPane:
        """A pane of a checkpoint or a snapshot.

        Args:
            state: from `to_state`.
            width: F.
            lanes: L.

        Returns:
            The pane.

        Raises:
            KeyError, TypeError, ValueError: it is not one, or of another shape.
        """
        counts = narrow(unpack_counts(state["counts"]).reshape(width, lanes))
        made = cls(int(state["number"]), int(state["epoch"]), int(state["start_unix_ns"]), counts)
        if made.number < 1:
            raise ValueError(f"an alarm's pane of number {made.number}")
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Standing:
    """What a detector held after a pane.

    Args:
        number: of that pane; 0 before the first one.
        epoch: monitor start under which it closed.
        start_unix_ns: its begin; 0 before the first one.
        state: of the detector, by the names of `STATE`.
    """

    number: int
    epoch: int
    start_unix_ns: int
    state: Mapping[str, bytes]

    def to_state(self) -> dict[str, Any]:
        """The standing for a checkpoint or a snapshot.

        Returns:
            Numbers and bytes, in one order.
        """
        return {
            "number": self.number,
            "epoch": self.epoch,
            "start_unix_ns": self.start_unix_ns,
            **{name: self.state[name] for name in STATE},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Standing:
        """A standing of a checkpoint or a snapshot.

        Args:
            state: from `to_state`.

        Returns:
            The standing; whether it fits a detector is seen when one goes on from it.

        Raises:
            KeyError, TypeError, ValueError: it is not one.
        """
        arrays = {name: bytes(memoryview(state[name])) for name in STATE}
        made = cls(int(state["number"]), int(state["epoch"]), int(state["start_unix_ns"]), arrays)
        if made.number < 0:
            raise ValueError(f"a standing after pane {made.number}")
        return made


@dataclass(frozen=True, slots=True, eq=False)
class Account:
    """What one monitor, with its resumptions, tells of its alarm by some terms.

    Args:
        terms: by which it weighs.
        standings: by number.
        panes: by number.
    """

    terms: Terms
    standings: Mapping[int, Standing]
    panes: Mapping[int, AlarmPane]

    @property
    def last(self) -> int:
        """Number of the last pane that is in it."""
        return max((*self.panes, *self.standings), default=0)


Accounts = Mapping[str, Account]  # by the id of their terms


def account_of(terms: Terms, standings: Iterable[Standing], panes: Iterable[AlarmPane]) -> Account:
    """The account of some panes.

    Args:
        terms: by which was weighed.
        standings, panes: in any order.

    Returns:
        Without the standings that say nothing new.
    """
    held = {pane.number: pane for pane in panes}
    left = {standing.number: standing for standing in standings if standing.number not in held}
    return Account(terms, left, held)


def kept_accounts(accounts: Accounts, limits: Mapping[int, int]) -> dict[str, Account]:
    """What no later monitor start has taken back.

    Args:
        accounts: of one origin.
        limits: the greatest number that is believed of each monitor start; all of one that is not named.

    Returns:
        The rest.
    """

    def believed(entry: AlarmPane | Standing) -> bool:
        return entry.number <= limits.get(entry.epoch, BOUNDLESS)

    rest = {
        name: account_of(
            account.terms,
            filter(believed, account.standings.values()),
            filter(believed, account.panes.values()),
        )
        for name, account in accounts.items()
    }
    return {name: account for name, account in rest.items() if account.standings or account.panes}


def merge_accounts(where: str, one: Accounts, other: Accounts) -> dict[str, Account]:
    """What one monitor has told at two times.

    Args:
        where: for messages.
        one, other: of which nothing was taken back, in any order.

    Returns:
        The union.

    Raises:
        BadSnapshot: "b.msgpack: ... origin 'pod': expected one alarm's pane 3, got two".
    """
    merged = dict(one)
    for name, account in other.items():
        held = merged.get(name)
        if held is None:
            merged[name] = account
            continue
        standings = _union(where, "standing", held.standings, account.standings)
        panes = _union(where, "alarm's pane", held.panes, account.panes)
        merged[name] = account_of(account.terms, standings.values(), panes.values())
    return merged


Entry = TypeVar("Entry", AlarmPane, Standing)


def _union(where: str, what: str, one: Mapping[int, Entry], other: Mapping[int, Entry]) -> dict[int, Entry]:
    found = dict(one)
    for number, entry in other.items():
        held = found.setdefault(number, entry)
        if held is not entry and held.to_state() != entry.to_state():
            raise BadSnapshot(f"{where}: expected one {what} {number}, got two")
    return found
