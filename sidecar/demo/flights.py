"""The demonstration's rows: flights with the weather of their hour, as columns."""

from __future__ import annotations

import csv
import gzip
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

F64: TypeAlias = NDArray[np.float64]
I64: TypeAlias = NDArray[np.int64]

FLIGHTS_PATH = Path(__file__).with_name("data") / "flights.csv.gz"
INTEGERS = ("hour", "distance")  # complete, and whole numbers in the file
NUMERIC = (*INTEGERS, "temp", "dewp", "humid", "wind_speed", "precip", "pressure", "visib")
CATEGORICAL = ("carrier", "origin")
FEATURES = (*NUMERIC, *CATEGORICAL)

LATE_MIN = 15.0  # minutes behind schedule; the line that the US Department of Transportation draws
LAST_TRAINING_MONTH = 3

Cells: TypeAlias = dict[str, list[float | int | str | None]]


@dataclass(frozen=True, slots=True)
class Flights:
    """Some flights, one entry a row in every column.

    Attributes:
        month, day: of the scheduled departure.
        numeric: column by name, NaN where missing.
        texts: column by name.
        arr_delay: minutes; every flight of the file arrived.
    """

    month: I64
    day: I64
    numeric: dict[str, F64]
    texts: dict[str, list[str]]
    arr_delay: F64

    @property
    def rows(self) -> int:
        """Number of flights."""
        return len(self.month)

    @property
    def late(self) -> F64:
        """The label, 1 for a late arrival, 0 for another."""
        return (self.arr_delay > LATE_MIN).astype(np.float64)

    def take(self, rows: I64) -> Flights:
        """The flights at these positions, in their order."""
        return Flights(
            self.month[rows],
            self.day[rows],
            {name: column[rows] for name, column in self.numeric.items()},
            {name: [column[row] for row in rows] for name, column in self.texts.items()},
            self.arr_delay[rows],
        )

    def cells(self) -> Cells:
        """Every feature as Python values, None where missing: what a request or a CSV file holds."""
        columns: Cells = {}
        for name in NUMERIC:
            values = self.numeric[name]
            if name in INTEGERS:
                columns[name] = values.astype(np.int64).tolist()
            else:
                columns[name] = [None if value != value else value for value in values.tolist()]
        for name in CATEGORICAL:
            columns[name] = [*self.texts[name]]
        return columns


@dataclass(frozen=True, slots=True)
class Split:
    """How the rows are used: positions in the file.

    Attributes:
        training: a random half of January to March, from which the model and the reference are made.
        held_out: the other half, in random order.
        later: April to August, in time order.
    """

    training: I64
    held_out: I64
    later: I64


def load_flights(path: Path = FLIGHTS_PATH) -> Flights:
    """Reads the file that comes with the package."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        columns = dict(zip(next(rows), zip(*rows, strict=True), strict=True))
    return Flights(
        np.array(columns["month"], dtype=np.int64),
        np.array(columns["day"], dtype=np.int64),
        {name: _numbers(columns[name]) for name in NUMERIC},
        {name: list(columns[name]) for name in CATEGORICAL},
        _numbers(columns["arr_delay"]),
    )


def split_flights(flights: Flights, seed: int = 13) -> Split:
    """Divides the rows: the model's own, rows like them that it never saw, and what comes afterwards."""
    early = np.random.default_rng(seed).permutation(np.flatnonzero(flights.month <= LAST_TRAINING_MONTH))
    half = len(early) // 2
    return Split(early[:half], early[half:], np.flatnonzero(flights.month > LAST_TRAINING_MONTH))


def _numbers(texts: tuple[str, ...]) -> F64:
    return np.array([text or "nan" for text in texts], dtype=np.float64)
