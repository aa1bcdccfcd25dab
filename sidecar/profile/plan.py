"""What is asked of a reference, before any row is read."""

from __future__ import annotations

from typing import Any

import msgspec

from sidecar.errors import BadReference
from sidecar.profile.block import Wanted


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """Which columns mean what.

    Args:
        columns: the inputs; None for all columns that are nothing else.
        prediction: the column that holds the model's output.
        label: the column that holds the truth; it is no feature.
        score: the column that holds the model's score of the positive class; an output.
        time: the column that holds the time of a row; it is no feature.
        segment: the column whose values divide the rows.
        hour_of_week: whether to count by the hour of the week too.
        pane_s: length of the panes by which design effects are estimated.
        categorical: columns that hold categories though they look like numbers.
        numeric: columns that must hold numbers.
    """

    columns: tuple[str, ...] | None = None
    prediction: str | None = None
    label: str | None = None
    score: str | None = None
    time: str | None = None
    segment: str | None = None
    hour_of_week: bool = False
    pane_s: float = 60.0
    categorical: tuple[str, ...] = ()
    numeric: tuple[str, ...] = ()

    @property
    def named(self) -> tuple[str, ...]:
        """All columns that are named by the plan, each once."""
        extra = (self.prediction, self.score, self.label, self.time, self.segment)
        return tuple(dict.fromkeys([*(self.columns or ()), *(name for name in extra if name is not None)]))

    @property
    def apart(self) -> frozenset[str]:
        """Columns that are no features: label and time, and a segment that is not named as an input."""
        names = {name for name in (self.label, self.time) if name is not None}
        if self.segment is not None and self.columns is not None and self.segment not in self.columns:
            names.add(self.segment)
        return frozenset(names)

    def wanted(self) -> Wanted:
        """What readers are told."""
        columns = None if self.columns is None else frozenset(self.named)
        return Wanted(columns, frozenset(self.categorical), self.time)

    def check(self) -> None:
        """Refuses what cannot be.

        Raises:
            BadReference: "--hour-of-week: expected --time as well, got none"; likewise for a score without a
                label, and for one column with two meanings.
        """
        if self.hour_of_week and self.time is None:
            raise BadReference("--hour-of-week: expected --time as well, got none")
        if not 0.0 < self.pane_s < float("inf"):
            raise BadReference(f"--pane-s: expected a number of seconds above 0, got {self.pane_s:g}")
        for name, other, word in (
            (self.label, self.prediction, "prediction"),
            (self.label, self.score, "score"),
            (self.time, self.label, "label"),
            (self.time, self.prediction, "prediction"),
            (self.time, self.score, "score"),
        ):
            if name is not None and name == other:
                raise BadReference(f"--{word}: expected a column of its own, got {name!r} twice")

    def to_state(self) -> dict[str, Any]:
        """The plan as a mapping; `plan_from_state` takes it."""
        state: dict[str, Any] = msgspec.to_builtins(self)
        return state


def plan_from_state(state: Any) -> Plan:
    """What `Plan.to_state` gave.

    Args:
        state: from there.

    Raises:
        msgspec.ValidationError: it is something else.
    """
    return msgspec.convert(state, Plan, strict=True)
