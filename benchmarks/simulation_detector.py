"""Simulations of the detector: false alarms without drift, delay with it, and one stream to look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.simulation_worlds import CHANGES, MOVED, WIDTH, Rivals, World, classic_psi, deciles, shifted
from sidecar.drift.detector import Detector, false_alarm_panes

PANES = 1000.0  # A of the design's tables
DEFAULT_PANES = false_alarm_panes(90.0, 60.0)
TOLERANCE = 0.01
SIZES = (200, 2000)
MOST_PANES = 200  # nobody waits longer
Rows = list[dict[str, Any]]


def drifted(detector: Detector) -> np.ndarray:
    """Which features are in the state drift."""
    return ~np.isnan(detector.drift_since_unix_s)


def quartiles(values: Sequence[float]) -> dict[str, float | None]:
    """Quartiles and the share found; None for a quartile that lies beyond the last pane."""
    ordered = sorted(values)
    place = {"low": 0.25, "median": 0.5, "high": 0.75}
    found: dict[str, float | None] = {
        name: ordered[math.ceil(share * len(ordered)) - 1] for name, share in place.items()
    }
    found = {name: None if value == math.inf else value for name, value in found.items()}
    return {**found, "found_ratio": sum(value < math.inf for value in values) / len(values)}


# --- no drift ---------------------------------------------------------------------------------------


def no_drift(quick: bool) -> Rows:
    """Share of panes in which each rule alarms, and alarms of the detector, without any change."""
    streams, panes = (2, 100) if quick else (24, 1000)
    rows = []
    for n in SIZES:
        fired = dict.fromkeys(Rivals.names, 0)
        single = dict.fromkeys(Rivals.names, 0)
        alarms = 0
        for seed in range(streams):
            world = World(seed)
            detector = Detector(world.features, PANES, TOLERANCE)
            before = drifted(detector)
            for _ in range(panes):
                pane = world.pane(n)
                for name, called in world.rivals.judge(pane).items():
                    fired[name] += bool(called.any())
                    single[name] += int(called.sum())
                detector.advance(pane.counts, 0.0)
                now = drifted(detector)
                alarms += int((now & ~before).sum())
                before = now
        total = streams * panes
        rivals = {
            name: {"panes_ratio": fired[name] / total, "features_ratio": single[name] / (total * WIDTH)}
            for name in fired
        }
        rows.append({"n": n, "panes": total, "promised_panes": PANES, "alarms": alarms, "rivals": rivals})
    return rows


# --- delay ------------------------------------------------------------------------------------------


def delays(quick: bool) -> Rows:
    """Panes until the moved feature is called drifted, by the detector and by every rule."""
    rows = []
    for named in CHANGES:
        for n in SIZES:
            found: dict[str, list[float]] = {}
            for seed in range(5 if quick else 51):
                for name, pane in first_calls(seed, n, named.change).items():
                    found.setdefault(name, []).append(pane)
            rows.append(
                {
                    "change": named.name,
                    "title": named.title,
                    "n": n,
                    "delays": {name: quartiles(values) for name, values in found.items()},
                }
            )
    return rows


def first_calls(seed: int, n: int, change: Callable[..., None]) -> dict[str, float]:
    """The first pane in which each rule calls the moved feature; infinity when none of 200."""
    world = World(seed)
    detectors = {
        "detector": Detector(world.features, DEFAULT_PANES, TOLERANCE),
        "detector A=1000": Detector(world.features, PANES, TOLERANCE),
    }
    first: dict[str, float] = dict.fromkeys((*detectors, *Rivals.names), math.inf)
    for number in range(1, MOST_PANES + 1):
        pane = world.pane(n, change)
        called = world.rivals.judge(pane)
        for name, detector in detectors.items():
            detector.advance(pane.counts, 0.0)
            called[name] = drifted(detector)
        for name, features in called.items():
            if features[MOVED]:
                first[name] = min(first[name], number)
        if max(first[name] for name in detectors) < math.inf and number >= MOST_PANES / 4:
            break
    return first


# --- one stream to look at --------------------------------------------------------------------------


def example(_quick: bool) -> Rows:
    """One stream of panes of 200 rows in which one feature moves by 0.25 sd after 60 panes."""
    world = World(20)
    detector = Detector(world.features, DEFAULT_PANES, TOLERANCE)
    change = shifted(0.25).change
    rows = []
    for number in range(1, 121):
        pane = world.pane(200, change if number > 60 else None)
        detector.advance(pane.counts, 0.0)
        evidence = detector.evidence(np.zeros_like(pane.counts), 0.0)
        index = classic_psi(world.rivals.reference, deciles(pane.counts).astype(np.float64))
        rows.append(
            {
                "pane": number,
                "log_e": float(evidence.log_e[MOVED]),
                "log_e_threshold": evidence.log_e_threshold,
                "drifted": bool(drifted(detector)[MOVED]),
                "psi": float(index[MOVED]),
                "psi_others": float(np.delete(index, MOVED).max()),
            }
        )
    return rows
