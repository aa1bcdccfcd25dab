"""Simulations of what the numbers obey: run lengths at the border of the null, PSI without drift, PSI with
one wild value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from benchmarks.simulation_detector import Rows
from benchmarks.simulation_worlds import classic_psi
from kernels.sequential import HIGHEST_CAP, advance_streams
from sidecar.drift.streams import ODDS
from sidecar.drift.univariate import Comparison, psi_noise
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.lanes import lane_table
from sidecar.profile.learning import learn_reference
from sidecar.profile.pane import Pane

LONGEST = 20.0  # run lengths are cut at so many times the promise


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
