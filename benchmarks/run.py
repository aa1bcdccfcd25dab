"""`make bench`: runs every benchmark in its quick form and puts the new figures beside the stored ones.

python -m benchmarks.run [--full]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.harness import RESULTS

HERE = Path(__file__).resolve().parent
NAMES = (
    "kernels",
    "statistics",
    "joint",
    "ring",
    "monitor",
    "faults",
    "shadows",
    "mirror",
    "proxy",
)  # the proxy takes longest

SOAK_MINUTES = 10.0
QUICK_SOAK_MINUTES = 1.0  # too short to judge growth; everything else is judged
TWO_HOURS_REQUESTS = 720_000
QUICK_SHADOW_REQUESTS = 60_000


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs all; the exit code is the first failure's, else 0. Slower figures are shown, not judged."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run")
    parser.add_argument("--full", action="store_true", help="not the quick form: about an hour and a half")
    given = parser.parse_args(arguments)
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        stored = Path(folder) / "stored"
        shutil.copytree(RESULTS, stored)
        for name in NAMES:
            if not (HERE / f"bench_{name}.py").is_file():
                print(f"missing: benchmarks/bench_{name}.py")
                continue
            failed = failed or _run_one(name, stored / f"{name}.json", given.full)
        failed = failed or _run_simulations(given.full)
        failed = failed or _run_soak("soak", "--minutes", SOAK_MINUTES if given.full else QUICK_SOAK_MINUTES)
        n_requests = TWO_HOURS_REQUESTS if given.full else QUICK_SHADOW_REQUESTS
        return failed or _run_soak("soak.shadows", "--requests", n_requests)


def _run_soak(module: str, flag: str, how_much: object) -> int:
    command = [sys.executable, "-m", f"benchmarks.{module}", flag, str(how_much)]
    print(f"--- {' '.join(command[1:])}", flush=True)
    return subprocess.run(command, cwd=HERE.parent, check=False).returncode


def _run_simulations(full: bool) -> int:
    """In full, the simulations are stored and the documents' pictures drawn anew; before, the large gold
    cases."""
    commands = (
        [["benchmarks.simulate"], ["benchmarks.plots"]] if full else [["benchmarks.simulate", "--quick"]]
    )
    for command in commands:
        print(f"--- -m {' '.join(command)}", flush=True)
        status = subprocess.run([sys.executable, "-m", *command], cwd=HERE.parent, check=False).returncode
        if status:
            return status
    return 0


def _run_one(name: str, before: Path, full: bool) -> int:
    command = [sys.executable, "-m", f"benchmarks.bench_{name}", *([] if full else ["--quick"])]
    print(f"--- {' '.join(command[1:])}", flush=True)
    status = subprocess.run(command, cwd=HERE.parent, check=False).returncode
    after = RESULTS / before.name
    if status == 0 and before.is_file() and after.is_file():
        compare = [sys.executable, "-m", "benchmarks.compare", str(before), str(after)]
        subprocess.run(compare, cwd=HERE.parent, check=False)
    return status


if __name__ == "__main__":
    sys.exit(main())
