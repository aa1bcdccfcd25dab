"""NannyML's published drift of its car-loan data against our kernels: 10 series that need its table of 23 MB.

    python -m benchmarks.gold_car_loan [--environments FOLDER]

The table lies in NannyML's wheel, so it is there once `make bench` has made the environment of that peer.
With a cell of its own for every value, our Kolmogorov-Smirnov statistic and Wasserstein distance are those of
the rows; the other 217 gold cases need no table and are tests (`tests/contract/test_gold.py`).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from kernels.distance import ks, wasserstein

ROOT = Path(__file__).resolve().parents[1]
GOLD = ROOT / "tests" / "corpus" / "gold" / "nannyml_univariate_car_loan.json"
CHUNK_ROWS = 5000
TOLERANCE = 1e-9  # relative for areas, whose unit is the feature's


class Wrong(Exception):
    """The table is missing or another one; the message says which."""


def find_tables(environments: Path) -> dict[str, Path]:
    """The two files inside NannyML's environment.

    Raises:
        Wrong: "...: expected a file of NannyML, got none".
    """
    found = {}
    for part in ("reference", "analysis"):
        pattern = f"lib/python3*/site-packages/nannyml/datasets/data/synthetic_car_loan_{part}.csv"
        paths = sorted((environments / ".venv-bench-peers-nannyml").glob(pattern))
        if not paths:
            raise Wrong(f"{pattern}: expected a file of NannyML, got none: make bench installs it")
        found[part] = paths[0]
    return found


def read_columns(path: Path, sha256: str) -> dict[str, F64]:
    """The numeric columns of a table.

    Raises:
        Wrong: "...: expected sha256 ..., got ...".
    """
    content = path.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    if digest != sha256:
        raise Wrong(f"{path.name}: expected sha256 {sha256}, got {digest}")
    rows = list(csv.DictReader(content.decode().splitlines()))
    columns = {}
    for name in rows[0]:
        try:
            columns[name] = np.array([float(row[name]) for row in rows])
        except ValueError:
            continue  # a column of texts or times
    return columns


def own_cells(reference: F64, current: F64) -> tuple[F64, I64, I64]:
    """Edges and counts in which every value has a cell of its own, so that areas between them are exact."""
    distinct = np.unique(np.concatenate([reference, current]))
    edges = np.stack([distinct, np.nextafter(distinct, np.inf)], axis=1).ravel()
    sides = [
        np.bincount(np.searchsorted(edges, side, side="right"), minlength=edges.size + 1).astype(np.int64)
        for side in (reference, current)
    ]
    return edges, sides[0], sides[1]


def compare(cases: Sequence[dict[str, Any]], tables: dict[str, Path]) -> Iterator[tuple[str, float]]:
    """Name of each series and its largest relative error over ten chunks."""
    shas = cases[0]["load"]["sha256"]
    columns = {part: read_columns(path, shas[part]) for part, path in tables.items()}
    for case in cases:
        name = case["load"]["column"]
        reference, analysis = columns["reference"][name], columns["analysis"][name]
        errors = []
        for place, expected in enumerate(case["expected_exact_scipy"]):
            chunk = analysis[place * CHUNK_ROWS : (place + 1) * CHUNK_ROWS]
            edges, before, after = own_cells(reference, chunk)
            if case["name"].endswith("wasserstein"):
                value = wasserstein(edges, before, after, 0, edges.size - 1)
            else:
                value = ks(before, after)
            errors.append(abs(value - expected) / max(abs(expected), 1e-3))
        yield case["name"], max(errors)


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints a line a series; 1 when one is off or the table is not there."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gold_car_loan")
    parser.add_argument("--environments", type=Path, default=ROOT, help="folder of .venv-bench-peers-nannyml")
    given = parser.parse_args(arguments)
    cases = [case for case in json.loads(GOLD.read_text())["cases"] if "expected_exact_scipy" in case]
    try:
        errors = dict(compare(cases, find_tables(given.environments)))
    except Wrong as exc:
        print(f"gold_car_loan: {exc}", file=sys.stderr)
        return 1
    for name, error in errors.items():
        print(f"{name:<50} largest error {error:.1e} {'ok' if error <= TOLERANCE else 'WRONG'}")
    return int(len(errors) != 10 or max(errors.values()) > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
