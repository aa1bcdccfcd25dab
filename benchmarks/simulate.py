"""Long simulations of what the statistics promise; the short ones are tests (`tests/simulation`).

    python -m benchmarks.simulate [--quick] [--only NAME,NAME]

Seeds are fixed, so a run repeats to the digit. Everything is stored in `results/simulations.json`: the tables
of docs/statistics.md are made from it by `benchmarks.table`, its plots by `benchmarks.plots`.
"""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness
from benchmarks.simulation_worlds import (
    CHANGES,
    MOVED,
    REFERENCE_ROWS,
    WIDTH,
    Draw,
    Rivals,
    World,
    autoregressive,
    classic_psi,
    clumped,
    deciles,
    normal,
    shifted,
)
from kernels.sequential import HIGHEST_CAP, advance_streams
from sidecar.drift.detector import Detector, false_alarm_panes
from sidecar.drift.streams import ODDS
from sidecar.drift.univariate import Comparison, psi_noise
from sidecar.profile.design_effect import design_effect
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane
from sidecar.profile.seasons import Seasons, SeasonTally, hour_of_week

PANES = 1000.0  # A of the design's tables
DEFAULT_PANES = false_alarm_panes(90.0, 60.0)
TOLERANCE = 0.01
SIZES = (200, 2000)
MOST_PANES = 200  # nobody waits longer
LONGEST = 20.0  # run lengths are cut at so many times the promise
Rows = list[dict[str, Any]]


def drifted(detector: Detector) -> np.ndarray:
    """Which features are in the state drift."""
    return ~np.isnan(detector.drift_since_unix_s)


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


def quartiles(values: Sequence[float]) -> dict[str, float | None]:
    """Quartiles and the share found; None for a quartile that lies beyond the last pane."""
    ordered = sorted(values)
    place = {"low": 0.25, "median": 0.5, "high": 0.75}
    found: dict[str, float | None] = {
        name: ordered[math.ceil(share * len(ordered)) - 1] for name, share in place.items()
    }
    found = {name: None if value == math.inf else value for name, value in found.items()}
    return {**found, "found_ratio": sum(value < math.inf for value in values) / len(values)}


# --- the border of the null -------------------------------------------------------------------------


def border(quick: bool) -> Rows:
    """Mean panes to a false alarm when every pane lies exactly at the border of the band: at least A."""
    rows = []
    for least in (50.0, 200.0, 1000.0):
        for n in (1, 20, 200, 2000):
            lengths = run_lengths(least, n, null=0.3, repeats=200 if quick else 2000, seed=n)
            error = float(np.std(lengths) / math.sqrt(lengths.size))
            rows.append(
                {
                    "promised_panes": least,
                    "n": n,
                    "mean_panes": float(lengths.mean()),
                    "standard_error": error,
                    "cut_ratio": float((lengths >= LONGEST * least).mean()),
                }
            )
    return rows


def run_lengths(least: float, n: int, null: float, repeats: int, seed: int) -> np.ndarray:
    """Panes until M >= A of detectors of one rate each, cut at 20 A, which only shortens them."""
    rng = np.random.default_rng(seed)
    thetas = [odds * null / (1.0 - null + odds * null) for odds in ODDS]
    one = [[math.log(t / null), math.log((1 - t) / (1 - null))] for t in thetas]
    gains = np.ascontiguousarray(np.tile(one, (repeats, 1, 1)))
    layout = (np.arange(repeats), np.arange(repeats + 1), np.ones(repeats))
    values, found = np.zeros((repeats, len(ODDS))), np.empty((repeats, 2))
    tallies = np.full((repeats, 2), float(n))
    most = int(LONGEST * least)
    lengths = np.full(repeats, most, dtype=np.float64)
    running = np.ones(repeats, dtype=bool)
    for pane in range(1, most + 1):
        tallies[:, 0] = rng.binomial(n, null, size=repeats)
        advance_streams(tallies, layout, gains, HIGHEST_CAP, values, found)
        ended = running & (found[:, 0] >= math.log(least))
        lengths[ended] = pane
        running &= ~ended
        if not running.any():
            break
    return lengths


# --- the null law of PSI ----------------------------------------------------------------------------


def psi_law(quick: bool) -> Rows:
    """PSI without drift against (1/n + 1/m) chi-square: mean, critical value, and the rules of thumb."""
    draws = 400 if quick else 4000
    rows = []
    for bins in (5, 10, 20, 32):
        for m in (1_000, 10_000, 100_000):
            for n in (50, 100, 200, 500, 1_000, 2_000, 5_000):
                rng = np.random.default_rng((bins, m, n))
                reference, current = null_counts(rng, bins, m, n, draws)
                smooth = smoothed_psi(reference, current)
                plain = classic_psi(reference, current)
                mean, critical = psi_noise(bins, m, n)
                rows.append(
                    {
                        "bins": bins,
                        "m": m,
                        "n": n,
                        "draws": draws,
                        "mean": float(smooth.mean()),
                        "expected_mean": mean,
                        "critical": critical,
                        "beyond_critical_ratio": float((smooth > critical).mean()),
                        "above_0.1_ratio": float((plain > 0.1).mean()),
                        "above_0.2_ratio": float((plain > 0.2).mean()),
                    }
                )
    return rows


def null_counts(rng: np.random.Generator, bins: int, m: int, n: int, draws: int) -> tuple[Any, Any]:
    """Counts of reference and current without drift, the edges being quantiles of the reference sample.

    The true shares between the k m/B-th order statistics of a sample are Dirichlet(m/B, ..., m/B + 1), the
    reference's own counts m/B exactly.
    """
    reference = np.full((draws, bins), m / bins)
    shares = rng.dirichlet(np.full(bins, m / bins), size=draws)
    return reference, rng.multinomial(n, shares).astype(np.float64)


def smoothed_psi(reference: np.ndarray, current: np.ndarray) -> np.ndarray:
    """PSI with half a row in every bin, as the product computes it, along the last axis."""
    q = (reference + 0.5) / (reference + 0.5).sum(axis=-1, keepdims=True)
    p = (current + 0.5) / (current + 0.5).sum(axis=-1, keepdims=True)
    return np.asarray(((p - q) * np.log(p / q)).sum(axis=-1))


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


PANES_AN_HOUR = 4
WEEKS_OF_REFERENCE = 4


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


# --- one wild value ---------------------------------------------------------------------------------


def outlier(_quick: bool) -> Rows:
    """PSI of a feature that has moved by 1 sd, while one of its 5,000 values is set further and further
    out."""
    rng = np.random.default_rng(0)
    reference, current = rng.normal(size=20_000), rng.normal(size=5_000) + 1.0
    spec = FeatureSpec("x", "input", "numeric")
    features = learn_reference([spec], reference[:, None], [()])
    table, comparison = lane_table([spec], features), Comparison(features[0], 200)
    rows = []
    for value in (3.0, 10.0, 30.0, 100.0, 1e3, 1e4, 1e5, 1e6):
        current[0] = value
        pane = Pane.empty(0, 0, 1, table.lanes)
        pane.fill(table, current[:, None].copy())
        edges = np.histogram_bin_edges(np.concatenate([reference, current]), 10)
        both = [np.histogram(side, edges)[0].astype(np.float64) for side in (reference, current)]
        quantile = comparison.measure(pane.counts[0]).psi
        rows.append({"value": value, "equal_width": float(classic_psi(*both)), "quantile": quantile})
    return rows


EXPERIMENTS: Mapping[str, Callable[[bool], Rows]] = {
    "no_drift": no_drift,
    "delays": delays,
    "border": border,
    "psi_law": psi_law,
    "dependence": dependence,
    "season": season,
    "example": example,
    "outlier": outlier,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the experiments and stores them; those not run keep their stored rows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.simulate")
    parser.add_argument(
        "--quick", action="store_true", help="few repeats, to see that it runs; nothing is stored"
    )
    parser.add_argument("--only", default=",".join(EXPERIMENTS), help="comma-separated experiments")
    parser.add_argument("--results", type=Path, default=harness.RESULTS, help="folder for simulations.json")
    given = parser.parse_args(arguments)
    wanted = given.only.split(",")
    if {*wanted} - {*EXPERIMENTS}:
        parser.error(
            f"expected experiments of {','.join(EXPERIMENTS)}, got {sorted({*wanted} - {*EXPERIMENTS})}"
        )
    path = given.results / "simulations.json"
    kept = harness.load(path)["experiments"] if path.is_file() else {}
    for name in wanted:
        start = time.perf_counter()
        kept[name] = EXPERIMENTS[name](given.quick)
        print(f"{name:<12} {len(kept[name]):>4} rows {time.perf_counter() - start:8.1f} s", flush=True)
    if not given.quick:
        harness.save(
            "simulations",
            [],
            folder=given.results,
            command="python -m benchmarks.simulate",
            reference_rows=REFERENCE_ROWS,
            features=WIDTH,
            experiments={name: kept[name] for name in EXPERIMENTS if name in kept},
        )
        print(f"stored in {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
