"""Simulations of rows that are not drawn alike and apart: rows that depend on each other, and seasons."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.simulation_detector import MOST_PANES, PANES, TOLERANCE, Rows, drifted, quartiles
from benchmarks.simulation_worlds import MOVED, WIDTH, Draw, World, autoregressive, clumped, normal, shifted
from sidecar.drift.detector import Detector
from sidecar.profile.design_effect import design_effect
from sidecar.profile.seasons import Seasons, SeasonTally, hour_of_week

PANES_AN_HOUR = 4
WEEKS_OF_REFERENCE = 4


# --- rows that depend on each other -----------------------------------------------------------------


def dependence(quick: bool) -> Rows:
    """Streams with a false alarm in 400 panes, and the delay of 0.5 sd, without and with the correction."""
    rows = []
    for rho in (0.0, 0.5, 0.7, 0.9):
        effects = [autoregressive_effects(seed, rho) for seed in range(3)]
        rows.append(
            {
                "title": f"AR(1), {rho:g}",
                "phi": float(np.mean(effects)),
                "plain": dependent_streams(lambda rho=rho: autoregressive(rho), None, quick),
                "corrected": dependent_streams(lambda rho=rho: autoregressive(rho), "phi", quick),
            }
        )
    rows.append(
        {
            "title": "10 equal rows\na request",
            "phi": None,
            "plain": dependent_streams(lambda: clumped(10), "none", quick),
            "corrected": dependent_streams(lambda: clumped(10), "request", quick),
        }
    )
    return rows


def autoregressive_effects(seed: int, rho: float) -> float:
    """Mean design effect of 20 features by batch means over 50 panes of 200 rows."""
    return float(np.mean(design_effects(World(seed, autoregressive(rho)), 200)))


def design_effects(world: World, n: int, panes: int = 50) -> list[float]:
    """phi of every feature, from panes of the reference's time."""
    lanes = np.array([world.pane(n).counts for _ in range(panes)])
    return [
        design_effect(feature.spec, lanes[:, place, : feature.counts.size])
        for place, feature in enumerate(world.features)
    ]


def dependent_streams(
    make_draw: Callable[[], Draw], correction: str | None, quick: bool
) -> dict[str, float | None]:
    """Share of streams that alarm without drift, and median panes until 0.5 sd is seen."""
    streams, panes = (2, 40) if quick else (12, 400)
    alarmed, found = 0, []
    for seed in range(streams):
        draw = make_draw()
        world = World(100 + seed, draw if correction in (None, "phi") else normal)
        world.draw = draw  # a table of training rows does not come in requests
        phi = design_effects(world, 200) if correction == "phi" else None

        def watch(most: int, change: Any = None, world: World = world, phi: Any = phi) -> float:
            """The first pane with an alarm."""
            detector = Detector(world.features, PANES, TOLERANCE, phi=phi)
            for number in range(1, most + 1):
                pane = world.pane(200, change)
                if correction == "request":  # a row a request is judged, whichever
                    pane = world.count(world.last_rows[::10])
                detector.advance(pane.counts, 0.0)
                if drifted(detector).any():
                    return number
            return math.inf

        alarmed += watch(panes) < math.inf
        found.append(watch(MOST_PANES, shifted(0.5).change))
    return {"alarmed_ratio": alarmed / streams, "streams": streams, "panes": panes, **quartiles(found)}


# --- seasons ----------------------------------------------------------------------------------------


def season(quick: bool) -> Rows:
    """False alarms a week and delay with a static reference and with one for each hour of the week.

    Traffic swings by 0.5 sd over the day and lies 0.3 sd higher at weekends; 200 rows a pane of 15 minutes;
    the reference has seen four weeks of it.
    """
    weeks = 1 if quick else 8
    kinds = {"static reference": False, "hour-of-week reference": True}
    rows = []
    for title, seasonal in kinds.items():
        alarms, begun, found = 0, 0, []
        for seed in range(1 if quick else 6):
            world, seasons = seasonal_world(seed)
            detector = Detector(world.features, PANES, TOLERANCE, seasons=seasons if seasonal else None)
            before = drifted(detector)
            for number in range(weeks * 168 * PANES_AN_HOUR):
                unix_s = number * 3600.0 / PANES_AN_HOUR
                detector.advance(world.count(seasonal_rows(world.rng, 200, unix_s)).counts, unix_s)
                now = drifted(detector)
                alarms += int((now & ~before).sum())
                before = now
            begun += weeks
            found += seasonal_delays(world, seasons if seasonal else None)
        rows.append(
            {
                "title": title,
                "weeks": begun,
                "false_alarms_a_week": alarms / begun,
                "delay_panes": float(np.median(found)),
            }
        )
    return rows


def seasonal_rows(rng: np.random.Generator, n: int, unix_s: float) -> Any:
    """Normal rows whose mean follows the hour and the weekday."""
    hour = hour_of_week(unix_s)
    mean = 0.5 * math.sin(2 * math.pi * (hour % 24) / 24) + (0.3 if hour >= 120 else 0.0)
    return rng.normal(size=(n, WIDTH)) + mean


def seasonal_world(seed: int) -> tuple[World, Seasons]:
    """A reference of four weeks, 300 rows an hour, whole and by hour of the week."""
    rng = np.random.default_rng(seed)
    hours = [seasonal_rows(rng, 300, hour * 3600.0) for hour in range(WEEKS_OF_REFERENCE * 168)]
    world = World(seed, lambda _rng, _n: np.concatenate(hours))
    tally = SeasonTally({feature.spec.name: feature.counts.size for feature in world.features})
    for hour, rows in enumerate(hours):
        tally.add(hour * 3600.0, list(world.count(rows).counts))
    return world, tally.seasons()


def seasonal_delays(world: World, seasons: Seasons | None) -> list[float]:
    """Panes until 0.5 sd in one feature is seen, from several hours on; evidence from before included."""
    found = []
    for begin in range(0, 168, 12):
        detector = Detector(world.features, PANES, TOLERANCE, seasons=seasons)
        for number in range(MOST_PANES):
            unix_s = (begin * PANES_AN_HOUR + number) * 3600.0 / PANES_AN_HOUR
            rows = seasonal_rows(world.rng, 200, unix_s)
            rows[:, MOVED] += 0.5
            detector.advance(world.count(rows).counts, unix_s)
            if drifted(detector)[MOVED]:
                break
        found.append(number + 1.0)
    return found
