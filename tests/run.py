"""Runs the checks in order and stops at the first that fails: `python -m tests.run check|all|lowest`.

`check` takes under a minute; `all` is what continuous integration runs; `lowest` is run by an environment of
the lowest versions that pyproject.toml allows.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PYTHON = sys.executable
STATIC = [
    [PYTHON, "-m", "ruff", "format", "--check", "--quiet", "."],
    [PYTHON, "-m", "ruff", "check", "--quiet", "."],
    [PYTHON, "-m", "mypy"],
]
UNIT = [[PYTHON, "-m", "pytest", "-q", "tests/architecture", "tests/unit"]]
KERNELS = "tests/unit/kernels"
ALL = [[PYTHON, "-m", "pytest", "-q", "tests"], [PYTHON, "-m", "tests.compiled"]]
# Compiling every kernel takes some twenty seconds once; no test should pay for it.
WARM = [PYTHON, "-m", "sidecar", "warm"]
# Kernels three times: compiled (above), interpreted (every line is Python), and with bounds checked.
VARIANTS = {"NUMBA_DISABLE_JIT": "1", "NUMBA_BOUNDSCHECK": "1"}


LOWEST = [
    [PYTHON, "-m", "pytest", "-q", "-m", "not slow", "tests/unit", "tests/property", "tests/contract"],
    [PYTHON, "-m", "pytest", "-q", *sorted(map(str, Path("tests/integration").glob("test_otlp_*.py")))],
    [PYTHON, "-m", "pytest", "-q", "tests/e2e/test_monitoring.py", "tests/e2e/test_telemetry.py"],
]


def main(which: str) -> int:
    if which == "check":
        return _run_all([*STATIC, WARM, *UNIT], {})
    if which == "lowest":
        return _run_all([WARM, *LOWEST], {"NUMBA_CACHE_DIR": str(Path(sys.prefix, "numba-cache"))})
    status = _run_all([*STATIC, WARM, *ALL], {})
    for name, value in VARIANTS.items():
        if status:
            return status
        cache = {"NUMBA_CACHE_DIR": str(Path(tempfile.gettempdir(), f"sidecar-{name.lower()}"))}
        status = _run_all([[PYTHON, "-m", "pytest", "-q", "-m", "not slow", KERNELS]], {name: value, **cache})
    return status


def _run_all(commands: list[list[str]], environment: dict[str, str]) -> int:
    for command in commands:
        shown = " ".join([*(f"{name}={value}" for name, value in environment.items()), *command[1:]])
        print(f"--- {shown}", flush=True)
        start = time.perf_counter()
        status = subprocess.run(command, env={**os.environ, **environment}, check=False).returncode
        if status:
            print(f"--- failed with exit code {status}: {shown}", flush=True)
            return status
        print(f"--- ok in {time.perf_counter() - start:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
