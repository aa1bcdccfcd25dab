"""Worlds in which the alarm is put to the test: independent rows, runs, clumped requests, seasons.

A world gives a reference and panes of lanes; what is run in it is a plain detector, so that a longer run
needs nothing but larger numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from kernels.binning import F64, I64
from sidecar.drift.detector import Detector
from sidecar.profile.design_effect import design_effect
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import LaneTable, lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from sidecar.profile.reference import FeatureReference
from sidecar.profile.seasons import Seasons, SeasonTally

Change = Callable[[np.random.Generator, F64], None]
HOUR_S = 3600.0
WEEK_S = 168 * HOUR_S


@dataclass(slots=True, eq=False)
class World:
    """A reference, and panes of traffic like it.

    Args:
        features: F references.
        table: how rows are counted.
        draw: gives the rows of the next pane, shape (n, F).
    """

    features: tuple[FeatureReference, ...]
    table: LaneTable
    draw: Callable[[int], F64]

    def count(self, rows: F64) -> I64:
        """Lanes of some rows, shape (F, L)."""
        pane = Pane.empty(0, 0, self.table.width, self.table.lanes)
        pane.fill(self.table, np.ascontiguousarray(rows))
        return pane.counts

    def pane(self, n: int) -> I64:
        """Lanes of the next pane of n rows."""
        return self.count(self.draw(n))


def specs_of(width: int) -> list[FeatureSpec]:
    """Numeric inputs f0, f1, ..."""
    return [FeatureSpec(f"f{k}", "input", "numeric") for k in range(width)]


def world_of(reference: F64, draw: Callable[[int], F64]) -> World:
    """The world of a reference's rows, shape (m, F)."""
    specs = specs_of(reference.shape[1])
    features = learn_reference(specs, reference, [()] * len(specs))
    return World(features, lane_table(specs, features), draw)


def independent(
    seed: int, m: int, width: int = 20, change: Change | None = None, traffic_seed: int | None = None
) -> World:
    """Independent standard normal rows; the change is made to every pane and not to the reference."""
    reference = np.random.default_rng(seed).normal(size=(m, width))
    rng = np.random.default_rng([seed, 0 if traffic_seed is None else traffic_seed])

    def draw(n: int) -> F64:
        rows = rng.normal(size=(n, width))
        if change is not None:
            change(rng, rows)
        return rows

    return world_of(reference, draw)


@dataclass(eq=False)
class Runs:
    """Standard normal AR(1) chains that go on from call to call.

    Args:
        rng: where the noise comes from.
        rho: correlation of neighbouring rows, 0 <= rho < 1.
        width: F chains.
    """

    rng: np.random.Generator
    rho: float
    width: int

    def __post_init__(self) -> None:
        self._last = self.rng.normal(size=(1, self.width)) * self.rho

    def next(self, n: int) -> F64:
        """The next n rows, shape (n, F)."""
        noise = self.rng.normal(size=(n, self.width)) * math.sqrt(1.0 - self.rho**2)
        rows, self._last = lfilter([1.0], [1.0, -self.rho], noise, axis=0, zi=self._last)
        return np.asarray(rows, dtype=np.float64)


def in_runs(seed: int, rho: float, m: int, pane_rows: int, width: int = 20) -> tuple[World, list[float]]:
    """A world of AR(1) rows, and the design effects measured on the panes of its reference."""
    chain = Runs(np.random.default_rng(seed), rho, width)
    reference = chain.next(m)
    world = world_of(reference, chain.next)
    panes = [world.count(rows) for rows in np.split(reference, m // pane_rows)]
    lanes = np.stack(panes)
    phi = [
        design_effect(feature.spec, np.ascontiguousarray(lanes[:, place]))
        for place, feature in enumerate(world.features)
    ]
    return world, phi


@dataclass(eq=False)
class Weeks:
    """Traffic with a daily and a weekly cycle of mean and spread, in panes of an hour.

    Args:
        rng: where the rows come from.
        width: F; every feature has phases and heights of its own.
        daily: height of the daily cycle in deviations.
        weekly: by how much the mean of a weekend lies off.
    """

    rng: np.random.Generator
    width: int = 5
    daily: float = 0.8
    weekly: float = 0.5

    def __post_init__(self) -> None:
        self._phase = self.rng.uniform(0.0, 2 * math.pi, size=self.width)
        self._height = self.rng.uniform(0.5, 1.0, size=self.width)

    def rows(self, hour: int, n: int) -> F64:
        """Rows of an hour since the epoch's first Monday, shape (n, F)."""
        angle = 2 * math.pi * hour / 24
        weekend = (hour // 24) % 7 >= 5
        mean = self.daily * self._height * np.sin(angle + self._phase) + self.weekly * weekend
        spread = 1.0 + 0.2 * np.sin(angle + self._phase / 2)
        return mean + spread * self.rng.normal(size=(n, self.width))


def in_seasons(weeks: Weeks, n: int, reference_weeks: int) -> tuple[World, Seasons]:
    """A world whose reference holds whole weeks, of n rows an hour, as one and by the hour."""
    hours = range(168 * reference_weeks)
    blocks = [weeks.rows(hour, n) for hour in hours]
    world = world_of(np.concatenate(blocks), lambda _: np.empty((0, weeks.width)))
    tally = SeasonTally({f.spec.name: f.counts.size for f in world.features})
    for hour, block in zip(hours, blocks, strict=True):
        tally.add(monday_s(hour), list(world.count(block)))
    return world, tally.seasons()


def monday_s(hour: int) -> float:
    """Unix time of an hour since the epoch's first Monday."""
    return 4 * 86_400.0 + hour * HOUR_S


def first_alarm(detector: Detector, world: World, n: int, most: int) -> tuple[int, list[int]]:
    """Number of the pane with the first alarm, and the features alarmed; most + 1 without."""
    for pane in range(1, most + 1):
        detector.advance(world.pane(n), 0.0)
        drifted = np.flatnonzero(~np.isnan(detector.drift_since_unix_s))
        if drifted.size:
            return pane, drifted.tolist()
    return most + 1, []
