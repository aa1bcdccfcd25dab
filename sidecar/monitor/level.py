"""Keeps the monitor inside its CPU budget by lowering the share of exchanges whose payload is analysed.

The share falls at once, in proportion to the overrun, and climbs back slowly, so that a burst costs precision
for some seconds and never oscillates. The share in force travels with each record, so every estimate can be
weighted by it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Level = Literal["full", "reduced", "counters"]
LEVELS: tuple[Level, ...] = ("full", "reduced", "counters")

LOWEST_RATIO = 0.001  # below this a window never fills; only metadata is taken then
CLIMB = 1.25  # at most this factor more a step
SLACK = 0.8  # climb only while the use is below this share of the budget
RING_ALARM = 0.5  # a ring fuller than this means that we cannot keep up, whatever the CPU says


@dataclass(slots=True)
class LevelControl:
    """One controller for all rings.

    Args:
        wanted_ratio: the configured share, 0 to 1, the most ever taken.
        budget_cores: CPU seconds a second that the monitor may use, > 0.

    Attributes:
        ratio: the share in force.
    """

    wanted_ratio: float
    budget_cores: float
    ratio: float = 1.0

    def __post_init__(self) -> None:
        self.ratio = self.wanted_ratio

    def step(self, used_cores: float, ring_fill: float) -> float:
        """Takes one measurement, about once a second.

        Args:
            used_cores: CPU seconds a second since the last step, >= 0.
            ring_fill: share of the fullest ring in use, 0 to 1.

        Returns:
            The share of payloads to take from now on, 0 to `wanted_ratio`.
        """
        if used_cores > self.budget_cores:
            self.ratio *= max(0.1, self.budget_cores / used_cores)
        elif ring_fill > RING_ALARM:
            self.ratio *= 0.5
        elif used_cores < SLACK * self.budget_cores:
            self.ratio = max(self.ratio * CLIMB, LOWEST_RATIO)
        if self.ratio < LOWEST_RATIO:
            self.ratio = 0.0
        self.ratio = min(self.ratio, self.wanted_ratio)
        return self.ratio

    @property
    def level(self) -> Level:
        """What is being taken: everything wanted, less, or only metadata."""
        if self.ratio <= 0.0 < self.wanted_ratio:
            return "counters"
        return "full" if self.ratio >= self.wanted_ratio else "reduced"
