"""Every promise of the data plane is judged, and nothing that was not measured passes."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.budgets import BUDGETS, SUBJECT, Budget, judge, missed, print_verdicts


def line_of(budget: Budget, value: float) -> dict[str, Any]:
    payload, heads, connections, kind = budget.cell
    return {
        "peer": SUBJECT,
        "payload": payload,
        "heads": heads,
        "connections": connections,
        "kind": kind,
        "errors": 0,
        budget.figure: value,
        "range": {budget.figure: [value, value]},
        "against": {},
        "ranges": {},
    }


def summary_at(share: float) -> list[dict[str, Any]]:
    """A summary in which each figure is this share of what its budget allows (the inverse for a minimum)."""
    lines: dict[tuple[str, str, int, str], dict[str, Any]] = {}
    for budget in BUDGETS:
        value = budget.limit / share if budget.least else budget.limit * share
        line = lines.setdefault(budget.cell, line_of(budget, value))
        if budget.peer is not None:
            line["against"].setdefault(budget.peer, {})[budget.figure] = value
            line["ranges"].setdefault(budget.peer, {})[budget.figure] = [value, value]
    return list(lines.values())


def test_the_budgets_are_those_of_the_design() -> None:
    ratios = {(b.cell, b.figure, b.peer): b.limit for b in BUDGETS if b.judged}
    for connections in (1, 16):
        repeated = ("small", "repeated", connections, "closed")
        fresh = ("small", "fresh", connections, "closed")
        assert ratios[repeated, "cpu_us", "nginx"] == 1.25
        assert ratios[fresh, "cpu_us", "nginx"] == 1.6
        assert ratios[repeated, "cpu_us", "envoy"] == 0.4
        assert ratios[fresh, "cpu_us", "envoy"] == 0.55
    opened = ("small", "repeated", 16, "open")
    assert (ratios[opened, "added_p50_us", "envoy"], ratios[opened, "added_p99_us", "envoy"]) == (0.6, 1.0)
    for payload in ("image-up", "image-down", "large-up", "large-down"):
        assert ratios[(payload, "repeated", 16, "closed"), "per_s", "nginx"] == 0.7
    assert ratios[("-", "-", 0, "memory"), "resident_mb", None] == 40.0
    assert ratios[("-", "-", 0, "start"), "start_s", None] == 0.5
    assert len(ratios) == 16


def test_all_within_their_limits_is_kept_and_all_beyond_is_missed() -> None:
    assert missed(judge(summary_at(0.99))) == []
    n_judged = sum(budget.judged for budget in BUDGETS)
    assert len(missed(judge(summary_at(1.01)))) == n_judged


def test_what_was_not_measured_is_missed_and_says_so() -> None:
    verdicts = missed(judge([]))
    assert len(verdicts) == sum(budget.judged for budget in BUDGETS) + 1
    assert {verdict.word for verdict in verdicts} == {"MISS (not measured)"}


def test_a_failed_request_is_missed() -> None:
    summary = summary_at(0.9)
    summary[3]["errors"] = 2
    (verdict,) = missed(judge(summary))
    assert (verdict.what, verdict.measured, verdict.word) == ("failed requests", 2.0, "MISS")


def test_another_peer_is_not_judged() -> None:
    slow = [{**line, "peer": "aiohttp"} for line in summary_at(50.0)]
    assert missed(judge([*summary_at(0.9), *slow])) == []


def test_table_shows_limit_measured_and_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    print_verdicts(judge(summary_at(1.01)))
    lines = capsys.readouterr().out.splitlines()
    (first,) = [line for line in lines if "repeated heads, 16" in line and "nginx" in line]
    assert first.split()[-8:] == ["<=", "1.25", "x", "nginx", "1.26", "1.26", "1.26", "MISS"]
