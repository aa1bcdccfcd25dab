from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from benchmarks.simulate import EXPERIMENTS
from benchmarks.simulation_detector import quartiles
from benchmarks.simulation_laws import null_counts, run_lengths
from benchmarks.simulation_tables import SIMULATION_TABLES, delays, middle, minutes, often, percent, result
from benchmarks.simulation_worlds import (
    MOVED,
    WIDTH,
    World,
    autoregressive,
    chi_square_p,
    classic_psi,
    clumped,
    deciles,
    shifted,
)


def test_deciles_of_the_reference_are_tenths() -> None:
    world = World(1)
    assert np.abs(world.rivals.reference - 1000).max() <= 1
    pane = world.pane(500)
    assert (deciles(pane.counts).sum(axis=1) == 500).all()


def test_classic_psi_is_the_textbook_one() -> None:
    found = classic_psi(np.array([50.0, 50.0]), np.array([30.0, 70.0]))
    assert found == pytest.approx(0.16945957, abs=1e-8)


def test_chi_square_is_scipys_contingency_test() -> None:
    from scipy.stats import chi2_contingency

    a, b = np.array([20.0, 30.0, 50.0]), np.array([15.0, 5.0, 30.0])
    assert chi_square_p(a, b) == pytest.approx(chi2_contingency([a, b], correction=False).pvalue, rel=1e-10)


def test_rivals_see_a_large_shift_and_name_the_feature() -> None:
    world = World(2)
    called = world.rivals.judge(world.pane(2000, shifted(1.0).change))
    assert all(features[MOVED] for features in called.values())
    assert called["psi>0.2"].sum() == 1


def test_autoregressive_rows_have_their_correlation_across_panes() -> None:
    draw, rng = autoregressive(0.7), np.random.default_rng(3)
    rows = np.concatenate([draw(rng, 100) for _ in range(100)])
    found = [np.corrcoef(rows[:-1, f], rows[1:, f])[0, 1] for f in range(WIDTH)]
    assert np.mean(found) == pytest.approx(0.7, abs=0.01)
    assert rows.std() == pytest.approx(1.0, abs=0.02)


def test_clumps_are_identical_rows() -> None:
    rows = clumped(10)(np.random.default_rng(0), 25)
    assert rows.shape == (25, WIDTH)
    assert np.unique(rows, axis=0).shape[0] == 3


def test_run_lengths_at_the_border_keep_the_promise() -> None:
    lengths = run_lengths(50.0, 20, null=0.3, repeats=400, seed=1)
    assert lengths.mean() >= 50.0


def test_null_counts_hold_all_rows_and_scatter_as_two_samples() -> None:
    reference, current = null_counts(np.random.default_rng(0), 10, 1000, 500, 4000)
    assert (reference == 100).all()
    assert (current.sum(axis=1) == 500).all()
    # variance of a share: from the window and from where the reference's quantile happens to lie
    expected = 0.1 * 0.9 * (1 / 500 + 1 / 1000)
    assert (current[:, 4] / 500).var() == pytest.approx(expected, rel=0.1)


def test_quartiles_of_what_was_not_seen_are_none() -> None:
    found = quartiles([3.0, math.inf, 1.0, math.inf])
    assert found == {"low": 1.0, "median": 3.0, "high": None, "found_ratio": 0.5}


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    quick = {"no_drift", "psi_law", "outlier"}
    found: dict[str, Any] = {name: EXPERIMENTS[name](True) for name in quick}
    delay = {"low": 1.0, "median": 2.0, "high": 3.0, "found_ratio": 1.0}
    never = {"low": None, "median": None, "high": None, "found_ratio": 0.0}
    names = ("detector", "detector A=1000", "psi>0.1", "chi2", "chi2 bonferroni", "chi2 bh")
    told = {"psi>0.2": never, **dict.fromkeys(names, delay)}
    found["delays"] = [
        {"change": "mean+0.25", "title": "mean + 0.25 sd", "n": n, "delays": told} for n in (200, 2000)
    ]
    found["border"] = [
        {"promised_panes": 50.0, "n": n, "mean_panes": 60.4, "standard_error": 1.2, "cut_ratio": cut}
        for n, cut in ((1, 0.0), (20, 0.5))
    ]
    side = {"alarmed_ratio": 0.25, "streams": 12, **delay}
    found["dependence"] = [
        {"title": "AR(1), 0.5", "phi": 1.98, "plain": side, "corrected": side},
        {"title": "10 equal rows\na request", "phi": None, "plain": side, "corrected": side},
    ]
    found["season"] = [{"title": "static", "weeks": 8, "false_alarms_a_week": 0.0, "delay_panes": 2.0}]
    return {"experiments": found}


@pytest.mark.parametrize("name", sorted(SIMULATION_TABLES))
def test_tables_are_rectangular(name: str, document: dict[str, Any]) -> None:
    lines = SIMULATION_TABLES[name](document).splitlines()
    assert len(lines) > 2
    assert len({line.count("|") for line in lines}) == 1


def test_delays_are_medians_with_quartiles(document: dict[str, Any]) -> None:
    assert "| mean + 0.25 sd | 200 | 2 (1-3) | 2 (1-3) | 2 (1-3) | never in 200 |" in delays(document)


def test_dependent_streams_are_counted(document: dict[str, Any]) -> None:
    lines = SIMULATION_TABLES["dependence"](document).splitlines()
    assert lines[2] == "| AR(1), 0.5 | 1.98 | 3 of 12 | 3 of 12 | 2 (1-3) | 2 (1-3) |"
    assert lines[3].startswith("| 10 equal rows a request | one row a request |")


def test_no_false_alarm_is_told_with_the_weeks_watched(document: dict[str, Any]) -> None:
    assert SIMULATION_TABLES["season"](document).endswith("| static | 0 in 8 weeks | 2 |")


def test_result_says_what_is_never_seen(document: dict[str, Any]) -> None:
    line = next(line for line in result(document).splitlines() if line.startswith("| PSI > 0.2"))
    assert line.count("never") == 2


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(0.0, "0"), (0.0004, "< 0.1 %"), (0.045, "4.5 %"), (0.32, "32 %"), (1.0, "100 %"), (0.996, "99.6 %")],
)
def test_percent(ratio: float, said: str) -> None:
    assert percent(ratio) == said


@pytest.mark.parametrize(
    ("ratio", "said"),
    [(0.0, "0"), (0.99, "every minute"), (0.05, "every 20 min"), (0.001, "every 1,000 min")],
)
def test_often(ratio: float, said: str) -> None:
    assert often(ratio) == said


def test_a_delay_beyond_the_last_pane_gives_the_share_found() -> None:
    late = {"low": 90.0, "median": None, "high": None, "found_ratio": 0.3}
    assert middle(late) == "30 % in 200"
    assert minutes(late) == "in 30 % of cases within 200 min"
    assert middle({**late, "median": 120.0}) == "120 (90-…)"
