"""Compares two result files of one benchmark: `python -m benchmarks.compare OLD.json NEW.json [--limit 1.1]`.

Rows are matched by what they measured. For a proxy file the figures are the ratios to nginx of the same
rounds, which hold between machines; for a file of faults those to monitoring off; for the others the best
time. With `--limit` the exit code is 1 when a figure grew by more than this factor.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.harness import load, print_table

NOT_IN_NAMES = frozenset(
    {"best_ns", "median_ns", "worst_ns", "n_calls", "repeats", "rounds", "errors", "against"}
)

COMPARED = {"closed": "cpu_us", "open": "added_p50_us", "stream": "cpu_us"}


def figures_of(document: Mapping[str, Any]) -> dict[str, float]:
    """The comparable figure of each row, under a name that says what was measured; smaller is better."""
    if document.get("name") in {"faults", "shadows"}:
        return {f"{line['state']}: p99 x off": line["p99_half_s_us_ratio"] for line in document["summary"]}
    if document.get("name") == "statistics":
        return _statistics_figures(document)
    if "summary" in document:
        return _proxy_figures(document["summary"])
    return {_name_of(row): row["best_ns"] for row in document["rows"] if "best_ns" in row}


def _statistics_figures(document: Mapping[str, Any]) -> dict[str, float]:
    """What a value costs to count, and our own budgets; smaller is better in all but the ratios to others."""
    found = {
        f"{line['peer']}: ns a value, {width} features": line[width]["fill_ns"]["median"]
        for line in document["summary"]
        for width in ("20", "100")
        if width in line
    }
    budgets = [budget for budget in document["budgets"] if budget["measured"] is not None]
    return {**found, **{budget["what"]: budget["measured"] for budget in budgets if "<=" in budget["rule"]}}


def _proxy_figures(summary: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    found = {}
    for line in summary:
        figure = COMPARED.get(line["kind"])
        if figure is None:
            continue
        ratio = line["against"].get("nginx", {}).get(figure)
        if ratio is not None:
            what = " ".join(str(line[key]) for key in ("peer", "payload", "heads", "connections", "kind"))
            found[f"{what}: {figure} x nginx"] = ratio
    return found


def _name_of(row: Mapping[str, Any]) -> str:
    return " ".join(
        str(value) if key == "name" else f"{key}={value}"
        for key, value in row.items()
        if key not in NOT_IN_NAMES
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints both files' figures side by side; 1 beyond the limit, 2 when nothing can be compared."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.compare")
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--limit", type=float, help="largest allowed growth, such as 1.1")
    given = parser.parse_args(arguments)
    before, after = load(given.old), load(given.new)
    if before["machine"]["cpu"] != after["machine"]["cpu"]:
        print(f"machines differ: {before['machine']['cpu']} and {after['machine']['cpu']}")
    old, new = figures_of(before), figures_of(after)
    both = [name for name in new if name in old]
    if not both:
        print("compare: expected rows of the same name in both files, got none", file=sys.stderr)
        return 2
    growth = {name: new[name] / old[name] if old[name] else float("nan") for name in both}
    print_table(
        ("measured", "old", "new", "new / old"),
        [[name, f"{old[name]:.3g}", f"{new[name]:.3g}", f"{growth[name]:.2f}"] for name in both],
    )
    for name in sorted({*old} ^ {*new}):
        print(f"only in {'the old' if name in old else 'the new'} file: {name}")
    return int(given.limit is not None and any(factor > given.limit for factor in growth.values()))


if __name__ == "__main__":
    sys.exit(main())
