"""The lowest versions that pyproject.toml allows, as pip constraints: `python tests/lowest.py > FILE`.

`make test` runs many tests once more with exactly these, so a lower bound is a fact and not a hope.
Standard library only: it runs before anything is installed.
"""

from __future__ import annotations

import re
import sys
import tomllib
from pathlib import Path

EXTRAS = ("parquet", "river", "dask")  # those of users; tests and benchmarks take what is new
BOUND = re.compile(r"([A-Za-z0-9_.\-]+)(?:\[[a-z,]+\])?>=([0-9.]+)")


def lowest(pyproject: str) -> list[str]:
    """`name==version` for every dependency of the product; those without a bound are an error."""
    project = tomllib.loads(pyproject)["project"]
    pins = []
    extras = [requirement for extra in EXTRAS for requirement in project["optional-dependencies"][extra]]
    for requirement in [*project["dependencies"], *extras]:
        match = BOUND.fullmatch(requirement)
        if match is None:
            raise SystemExit(f"pyproject.toml: expected 'name>=version', got {requirement!r}")
        pins.append(f"{match[1]}=={match[2]}")
    return pins


if __name__ == "__main__":
    sys.stdout.write("\n".join(lowest(Path("pyproject.toml").read_text(encoding="utf-8"))) + "\n")
