"""A small table with a column of every sort, as files of every format."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sidecar.profile.build import build_partial
from sidecar.profile.finish import finish
from sidecar.profile.partial import PartialReference
from sidecar.profile.plan import Plan
from sidecar.profile.reference import Reference
from sidecar.profile.source import Piece

Row = dict[str, Any]
START_S = 1_699_833_600  # Monday, 13 November 2023, 0:00 UTC


def make_rows(rows: int, seed: int = 11) -> list[Row]:
    """Ages with gaps, cities, a score that predicts `late`, and a minute a row."""
    rng = np.random.default_rng(seed)
    made = []
    for number in range(rows):
        score = round(float(rng.random()), 6)
        made.append(
            {
                "age": None if rng.random() < 0.05 else round(float(rng.normal(40.0, 12.0)), 1),
                "city": str(rng.choice(["Oslo", "Rom", "Bern"], p=[0.6, 0.3, 0.1])),
                "score": score,
                "late": int(rng.random() < score),
                "when": START_S + 60 * number,
            }
        )
    return made


def write_csv(path: Path, rows: Sequence[Row]) -> Path:
    """A CSV file; a missing value is an empty cell."""
    lines = [",".join("" if value is None else str(value) for value in row.values()) for row in rows]
    path.write_text(",".join(rows[0]) + "\n" + "".join(line + "\n" for line in lines))
    return path


def write_json_lines(path: Path, rows: Sequence[Row]) -> Path:
    """A file of JSON Lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def partial_of(plan: Plan, *paths: Path) -> PartialReference:
    """What is kept of files."""
    return build_partial([Piece(path) for path in paths], plan)


def reference_of(plan: Plan, *paths: Path) -> Reference:
    """The reference of files."""
    return finish(partial_of(plan, *paths), created_unix_s=1.0)
