"""The worker compiled, and what must hold of it: `python -m tests.compiled`.

The sources are installed with `SIDECAR_COMPILE=1` into a temporary folder, the tests are copied beside them,
and those of what is compiled run there, with the smuggling table against real processes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.run import PATIENT

ROOT = Path(__file__).resolve().parents[1]
SOURCES = ["sidecar", "kernels", "pyproject.toml", "setup.py", "README.md", "LICENSE"]
BESIDE = ["tests", "docs", "deploy", "benchmarks", "pyproject.toml", "ARCHITECTURE.md", "README.md"]
TESTS = [
    *(f"tests/unit/{room}" for room in ("http1", "proxy", "ring", "upstream")),
    "tests/unit/config/test_routes.py",
    "tests/e2e/test_smuggling.py",
]


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="sidecar-compiled-") as folder:
        sources, installed = Path(folder, "sources"), Path(folder, "installed")
        copy(SOURCES, sources)
        run([*pip_install(installed), str(sources)], sources, {"SIDECAR_COMPILE": "1"})
        copy(BESIDE, installed)
        version = run([sys.executable, "-m", "sidecar", "--version"], installed, {}).stdout
        if "compiled" not in version:
            print(f"tests.compiled: expected a compiled worker, got {version.strip()!r}")
            return 1
        return subprocess.run([*PATIENT, *TESTS], cwd=installed, check=False).returncode


def pip_install(target: Path) -> list[str]:
    return [
        *(sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"),
        *("--no-deps", "--target", str(target)),
    ]


def copy(names: list[str], folder: Path) -> None:
    """Copies files and folders of the checkout, without what Python leaves in them."""
    folder.mkdir(exist_ok=True)
    for name in names:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(ROOT / name, folder)


def run(command: list[str], folder: Path, variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **variables}
    return subprocess.run(command, cwd=folder, env=environment, check=True, text=True, stdout=subprocess.PIPE)


if __name__ == "__main__":
    sys.exit(main())
