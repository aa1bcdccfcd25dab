from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.compare import figures_of, main


def document(best_ns: float) -> dict[str, Any]:
    row = {"name": "fill", "unit": "ns/value", "best_ns": best_ns, "median_ns": best_ns, "n_rows": 64}
    return {"machine": {"cpu": "A CPU"}, "rows": [row]}


@pytest.fixture
def paths(tmp_path: Path) -> list[str]:
    for name, best_ns in (("old", 10.0), ("new", 12.0)):
        (tmp_path / f"{name}.json").write_text(json.dumps(document(best_ns)))
    return [str(tmp_path / "old.json"), str(tmp_path / "new.json")]


def test_rows_are_named_by_what_they_measured() -> None:
    assert figures_of(document(10.0)) == {"fill unit=ns/value n_rows=64": 10.0}


def test_proxy_figures_are_ratios_to_nginx() -> None:
    line = {"peer": "sidecar", "payload": "small", "heads": "repeated", "connections": 16, "kind": "closed"}
    ratios = {"against": {"nginx": {"cpu_us": 1.2}, "envoy": {"cpu_us": 0.4}}}
    figures = figures_of(
        {"summary": [{**line, **ratios}, {**line, "peer": "nginx", "against": {}}], "rows": []}
    )
    assert figures == {"sidecar small repeated 16 closed: cpu_us x nginx": 1.2}


@pytest.mark.parametrize(("limit", "code"), [("1.1", 1), ("1.3", 0)])
def test_growth_beyond_the_limit_is_1(paths: list[str], limit: str, code: int) -> None:
    assert main([*paths, "--limit", limit]) == code


def test_nothing_in_common_is_2(paths: list[str], tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"machine": {"cpu": "A CPU"}, "rows": []}))
    assert main([paths[0], str(other)]) == 2


@pytest.mark.parametrize("name", ["faults", "shadows"])
def test_faults_are_compared_by_their_ratio_to_the_sidecar_beside(name: str) -> None:
    summary = [{"state": "ring full", "p99_half_s_us": 900.0, "p99_half_s_us_ratio": 1.05}]
    assert figures_of({"name": name, "summary": summary}) == {"ring full: p99 x off": 1.05}


def test_statistics_figures_are_those_of_which_less_is_better() -> None:
    middle = {"median": 8.0, "lowest": 7.0, "highest": 9.0}
    budgets = [
        {"what": "fill", "rule": "<= 10", "measured": 8.0},
        {"what": "others", "rule": ">= 3", "measured": 4.0},
        {"what": "load", "rule": "<= 1", "measured": None},
    ]
    summary = [{"peer": "sidecar", "20": {"fill_ns": middle}}]
    figures = figures_of({"name": "statistics", "rows": [], "summary": summary, "budgets": budgets})
    assert figures == {"sidecar: ns a value, 20 features": 8.0, "fill": 8.0}
