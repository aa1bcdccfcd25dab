"""Judges what the sidecar said: no drift before there was any, and then the right one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from sidecar.demo.watch import FeatureState

EXPECTED = ("temp", "dewp")  # what the seasons are bound to move


class Act(Enum):
    """The parts of the demonstration's traffic."""

    QUIET = "no drift"
    TURNING = "the seasons turn"


@dataclass(frozen=True, slots=True)
class Alarm:
    """A feature's first claim of drift.

    Attributes:
        name: the feature.
        role: input or output.
        act: during which part.
        seconds: since the part's traffic began.
        when: what the calendar showed.
        moved: what moved, in the sidecar's words.
    """

    name: str
    role: str
    act: Act
    seconds: float
    when: str
    moved: str

    def __str__(self) -> str:
        moved = f" ({self.moved})" if self.moved else ""
        return f"drift in {self.name}{moved}, {self.when}, {self.seconds:.1f} s into this part"


class Story:
    """Follows the sidecar's claims and says at the end whether they were right."""

    def __init__(self) -> None:
        self.alarms: dict[str, Alarm] = {}
        self._judged_quiet: set[str] = set()
        self._names: list[str] = []

    def see(self, act: Act, features: Sequence[FeatureState], *, seconds: float, when: str) -> list[Alarm]:
        """Takes note of one reading.

        Args:
            act: the part that was playing.
            features: what the sidecar said of each.
            seconds: since the part began.
            when: what the calendar showed.

        Returns:
            First claims in this reading, the strongest evidence first.
        """
        for feature in features:
            if feature.name not in self._names:
                self._names.append(feature.name)
            if act is Act.QUIET and feature.state == "ok":
                self._judged_quiet.add(feature.name)
        new = []
        claimed = [f for f in features if f.state == "drift" and f.name not in self.alarms]
        for feature in sorted(claimed, key=lambda f: f.log_e, reverse=True):
            alarm = Alarm(feature.name, feature.role, act, seconds, when, feature.moved)
            self.alarms[feature.name] = alarm
            new.append(alarm)
        return new

    @property
    def false_alarms(self) -> list[Alarm]:
        """Claims made while there was nothing to find."""
        return [alarm for alarm in self.alarms.values() if alarm.act is Act.QUIET]

    @property
    def found(self) -> list[Alarm]:
        """Claims made afterwards, in the order in which they came."""
        return [alarm for alarm in self.alarms.values() if alarm.act is Act.TURNING]

    @property
    def unmoved(self) -> list[str]:
        """Features never claimed to drift."""
        return [name for name in self._names if name not in self.alarms]

    def faults(self) -> list[str]:
        """What was not as it should be; empty when the demonstration succeeded."""
        faults = [f"false alarm: {alarm}" for alarm in self.false_alarms]
        unjudged = [name for name in EXPECTED if name not in self._judged_quiet]
        if unjudged and not faults:
            faults.append(f"{', '.join(unjudged)}: expected a verdict before the drift began, got none")
        missed = [name for name in EXPECTED if name not in self.alarms]
        if missed:
            faults.append(f"{', '.join(missed)}: expected drift to be found, got none")
        return faults
