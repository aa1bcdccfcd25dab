from __future__ import annotations

import csv
from pathlib import Path

import numpy as np

from sidecar.demo.flights import FEATURES, Flights
from sidecar.demo.model import LateModel
from sidecar.demo.reference import reference_arguments, write_training_rows


def test_writes_features_and_prediction_with_empty_cells_for_missing_values(
    flights: Flights, model: LateModel, tmp_path: Path
) -> None:
    missing = int(np.flatnonzero(np.isnan(flights.numeric["temp"]))[0])
    rows = flights.take(np.array([0, missing]))
    write_training_rows(rows, model, tmp_path / "rows.csv")
    with (tmp_path / "rows.csv").open(newline="") as file:
        read = list(csv.DictReader(file))
    assert tuple(read[0]) == (*FEATURES, "late_probability")
    assert [row["temp"] for row in read] == ["39.02", ""]
    assert [float(row["late_probability"]) for row in read] == model.predict(
        rows.numeric, rows.texts
    ).tolist()


def test_asks_the_products_own_command_line() -> None:
    assert reference_arguments(Path("a.csv"), Path("b.msgpack")) == [
        *("reference", "build", "a.csv", "-o", "b.msgpack", "--columns", ",".join(FEATURES)),
        *("--prediction", "late_probability"),
    ]
