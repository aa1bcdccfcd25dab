"""Long simulations of what the statistics promise; the short ones are tests (`tests/simulation`).

    python -m benchmarks.simulate [--quick] [--only NAME,NAME]

Seeds are fixed, so a run repeats to the digit. Everything is stored in `results/simulations.json`: the tables
of docs/statistics.md are made from it by `benchmarks.table`, its plots by `benchmarks.plots`.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks import harness
from benchmarks.simulation_dependence import dependence, season
from benchmarks.simulation_detector import Rows, delays, example, no_drift
from benchmarks.simulation_laws import border, outlier, psi_law
from benchmarks.simulation_worlds import REFERENCE_ROWS, WIDTH

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
