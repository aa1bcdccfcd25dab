"""Runs all checks in order, whichever of them fail, and tells these at the end: `python -m tests.run
check|all|lowest`. The exit code is the first that was not 0.

`check` takes under a minute; `all` is what continuous integration runs; `lowest` is run by an environment of
the lowest versions that pyproject.toml allows.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PYTHON = sys.executable
STATIC = [
    [PYTHON, "-m", "ruff", "format", "--check", "--quiet", "."],
    [PYTHON, "-m", "ruff", "check", "--quiet", "."],
    [PYTHON, "-m", "mypy"],
]
PYTEST = [PYTHON, "-m", "pytest", "-q"]
# Some tests run real processes against real clocks: one in tens of thousands fails by what else the machine
# does. A few are run once more, and told as RERUN with what failed; `check` shows it at once.
PATIENT = [*PYTEST, "--reruns", "1", "--max-suite-reruns", "5", "--rerun-show-tracebacks"]
UNIT = [[*PYTEST, "tests/architecture", "tests/unit"]]
KERNELS = "tests/unit/kernels"
ALL = [[*PATIENT, "tests"], [PYTHON, "-m", "tests.compiled"]]
# Compiling every kernel takes some twenty seconds once; no test should pay for it.
WARM = [PYTHON, "-m", "sidecar", "warm"]
# Kernels three times: compiled (above), interpreted (every line is Python), and with bounds checked.
VARIANTS = {"NUMBA_DISABLE_JIT": "1", "NUMBA_BOUNDSCHECK": "1"}

LOWEST = [
    [*PATIENT, "-m", "not slow", "tests/unit", "tests/property", "tests/contract"],
    [*PATIENT, *sorted(map(str, Path("tests/integration").glob("test_otlp_*.py")))],
    [*PATIENT, "tests/e2e/test_monitoring.py", "tests/e2e/test_telemetry.py"],
]


@dataclass(frozen=True, slots=True)
class Check:
    """A command, and the variables that it is run with beside our own."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return " ".join([*(f"{name}={value}" for name, value in self.environment.items()), *self.command[1:]])


def checks(which: str) -> list[Check]:
    """What there is to run."""
    if which == "lowest":
        cache = {"NUMBA_CACHE_DIR": str(Path(sys.prefix, "numba-cache"))}
        return [Check(command, cache) for command in (WARM, *LOWEST)]
    if which == "check":
        return [Check(command) for command in (*STATIC, WARM, *UNIT)]
    found = [Check(command) for command in (*STATIC, WARM, *ALL)]
    for name, value in VARIANTS.items():
        cache = {"NUMBA_CACHE_DIR": str(Path(tempfile.gettempdir(), f"sidecar-{name.lower()}"))}
        found.append(Check([*PATIENT, "-m", "not slow", KERNELS], {name: value, **cache}))
    return found


def run_all(found: Sequence[Check]) -> int:
    """Runs them one after the other, to the last.

    Returns:
        The first exit code that is not 0, or 0.
    """
    failed: list[tuple[int, str]] = []
    for check in found:
        print(f"--- {check}", flush=True)
        start_s = time.perf_counter()
        status = subprocess.run(
            check.command, env={**os.environ, **check.environment}, check=False
        ).returncode
        taken_s = time.perf_counter() - start_s
        if status:
            failed.append((status, f"failed with exit code {status} in {taken_s:.1f} s: {check}"))
        print(f"--- {failed[-1][1] if status else f'ok in {taken_s:.1f} s'}", flush=True)
    for _, told in failed if len(found) > 1 else ():
        print(f"--- {told}", flush=True)
    return failed[0][0] if failed else 0


if __name__ == "__main__":
    sys.exit(run_all(checks(sys.argv[1])))
