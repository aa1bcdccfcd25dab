"""What current traffic is compared with: the model's training rows and its answers to them, summarised by the
product's own command line.
"""

from __future__ import annotations

import csv
from pathlib import Path

from sidecar.demo.flights import FEATURES, Flights
from sidecar.demo.model import PROBABILITY, LateModel


def write_training_rows(flights: Flights, model: LateModel, path: Path) -> None:
    """Writes a CSV file with every feature and the model's prediction; a missing value is an empty cell."""
    columns = flights.cells() | {PROBABILITY: model.predict(flights.numeric, flights.texts).tolist()}
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        rows.writerows(zip(*columns.values(), strict=True))  # csv writes None as an empty cell


def reference_arguments(rows: Path, reference: Path) -> list[str]:
    """The command line that makes the reference, without the program's name."""
    roles = ["--columns", ",".join(FEATURES), "--prediction", PROBABILITY]
    return ["reference", "build", str(rows), "-o", str(reference), *roles]
