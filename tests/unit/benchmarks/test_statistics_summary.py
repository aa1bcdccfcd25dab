from __future__ import annotations

from typing import Any

import pytest

from benchmarks.statistics_summary import (
    print_summary,
    render_budgets,
    render_speed,
    render_trust,
    summarise,
    verdict_on,
)


def row(peer: str, number: int, fill_ns: float, **more: Any) -> dict[str, Any]:
    figures = {"fill_ns": fill_ns, "drift_ms": 2.0, "peak_bytes": 3e6, "state_bytes": 4000.0, "data": "x"}
    return {
        "peer": peer,
        "round": number,
        "versions": {peer: "1.2", "numpy": "2"},
        "method": "a rule",
        "keeps_rows": False,
        "import_s": 0.5,
        "import_bytes": 80e6,
        "speed": {"20": figures},
        **more,
    }


FOUND = {
    "outlier": {"clean": 1.0, "current 1e6": 0.001, "reference 1e6": 0.9, "current NaN": None},
    "false_alarms": {"windows": 60, "rows": 200, "features_ratio": 0.05, "windows_ratio": 0.55},
    "windows_to_alarm": {"mean + 0.5 sd": 2.0, "sd x 1.3": 61.0},
}


@pytest.fixture
def document() -> dict[str, Any]:
    rows = [row("slow", 0, 1000.0, **FOUND), row("slow", 1, 1200.0), row("slow", 2, 1100.0)]
    rows.append(row("counter", 0, 5.0, outlier=None, false_alarms=None, windows_to_alarm=None))
    return {
        "machine": {"cpu": "A CPU", "cores": 2, "kernel": "6.1.0-7-x", "python": "3.12.1"},
        "command": "python -m benchmarks.bench_statistics",
        "labels": {"slow": "Slow", "counter": "Counter", "gone": "Gone"},
        "missing": {"gone": ".venv-x is not there: make bench makes it"},
        "budgets": [
            {
                "what": "fill",
                "rule": "<= 10",
                "measured": 8.04,
                "lowest": 7.9,
                "highest": 9.0,
                "verdict": "PASS",
            },
            {
                "what": "load",
                "rule": "<= 1",
                "measured": None,
                "lowest": None,
                "highest": None,
                "verdict": "MISS",
            },
        ],
        "summary": summarise(rows),
    }


def test_medians_and_ranges_are_over_the_rounds(document: dict[str, Any]) -> None:
    slow = document["summary"][0]
    assert slow["rounds"] == 3
    assert slow["20"]["fill_ns"] == {"median": 1100.0, "lowest": 1000.0, "highest": 1200.0}
    # the slowest round has the most nanoseconds and the fewest rows
    assert slow["20"]["rows_per_s"]["highest"] == pytest.approx(1e9 / (1000.0 * 20))
    assert slow["false_alarms"] == FOUND["false_alarms"]


def test_speed_has_a_row_a_tool_and_names_the_missing(document: dict[str, Any]) -> None:
    lines = render_speed(document).splitlines()
    assert lines[2] == "| Slow 1.2 | 45,455 | - | 1100.0 | 2 | 3.0 | 4,000 | 0.50 | 80 |"
    assert lines[4] == "| Gone | not measured: .venv-x is not there ||||||||"
    assert len({line.count("|") for line in lines if line.startswith("|")}) == 1
    assert "medians of 3 interleaved rounds" in lines[-1]
    assert "A CPU, 2 cores, Linux 6.1.0, Python 3.12.1" in lines[-1]


def test_trust_leaves_out_who_has_no_alarm(document: dict[str, Any]) -> None:
    lines = render_trust(document).splitlines()
    assert (
        lines[2] == "| Slow 1.2 | a rule | **1 → 0.001** | 1 → 0.9 | no number | 5 % | 55 % | 2 | not in 60 |"
    )
    assert not any("Counter" in line for line in lines)


@pytest.mark.parametrize(
    ("clean", "odd", "said"),
    [
        (1.0, 1.01, "1 → 1"),
        (1.0, 0.4, "**1 → 0.4**"),
        (1.0, 202.0, "**1 → 2e+02**"),
        (None, 1.0, "-"),
        (1.0, None, "no number"),
        (0.0, 1.0, "**0 → 1**"),
    ],
)
def test_a_number_that_one_row_halves_or_doubles_is_bold(
    clean: float | None, odd: float | None, said: str
) -> None:
    assert verdict_on(clean, odd) == said


def test_what_was_not_measured_is_a_dash_in_the_budgets(document: dict[str, Any]) -> None:
    assert render_budgets(document).splitlines()[2:] == [
        "| fill | <= 10 | 8.04 | 7.9 - 9 | pass |",
        "| load | <= 1 | - | - - - | miss |",
    ]


def test_summary_is_printed_for_every_tool(
    document: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    print_summary(document["summary"])
    assert capsys.readouterr().out.count("counter") == 2
