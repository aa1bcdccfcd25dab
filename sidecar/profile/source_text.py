"""CSV and JSON Lines as blocks; both may be gzipped.

CSV has texts only: a cell is a number if Python reads it as one, and keeps how it was written beside it.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import isnan, nan
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import numpy as np

from kernels.binning import F64
from sidecar.errors import BadReference
from sidecar.profile import block as blocks
from sidecar.profile.block import Block, Wanted
from sidecar.profile.cells import Cells, join_arrays, join_texts, join_written
from sidecar.profile.moment import parse_time

MISSING_TEXTS = frozenset({"", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "<NA>"})
MEMORY = 50_000  # different cells whose reading is remembered

Advanced = Callable[[int], None]


def read_csv(path: Path, wanted: Wanted, advanced: Advanced) -> Iterator[Block]:
    """The rows of a CSV file with a header.

    Args:
        path: `.csv` or `.csv.gz`, UTF-8.
        wanted: which columns.
        advanced: told how many bytes have been read.

    Yields:
        Blocks of `TEXT_BLOCK_ROWS` rows.

    Raises:
        BadReference: "data.csv:7: expected 16 fields, got 15"; likewise for a header without names.
    """
    with _opened(path) as (raw, text):
        reader = csv.reader(text, strict=True)
        try:
            names = next(reader, [])
            if len(set(names)) != len(names) or not names:
                raise BadReference(f"{path}:1: expected a header of different names, got {len(names)} fields")
            columns = {name: _CsvColumn(path, name, wanted) for name in names if wanted.takes(name)}
            for first_row, rows in _batches(_csv_rows(path, reader, len(names))):
                advanced(raw.tell())
                cells = zip(names, zip(*rows, strict=True), strict=True)
                yield Block(
                    first_row,
                    len(rows),
                    {name: columns[name].cells(values) for name, values in cells if name in columns},
                )
        except csv.Error as exc:
            raise BadReference(f"{path}:{reader.line_num}: expected CSV, got {exc}") from exc


def read_json_lines(path: Path, wanted: Wanted, advanced: Advanced) -> Iterator[Block]:
    """The rows of a file with one JSON object a line.

    Args:
        path: `.jsonl`, `.ndjson`, or these with `.gz`; UTF-8.
        wanted: which columns.
        advanced: told how many bytes have been read.

    Yields:
        Blocks of `TEXT_BLOCK_ROWS` rows.

    Raises:
        BadReference: "data.jsonl:7: expected a JSON object, got list"; likewise for cells that are neither
            numbers, texts, null nor arrays of numbers.
    """
    with _opened(path) as (raw, text):
        for first_row, rows in _batches(_json_rows(path, text)):
            advanced(raw.tell())
            positions = _positions(rows, wanted)
            columns = {name: [row.get(name) for row in rows] for name in positions}
            cells = {name: _json_cells(values, name, wanted, path) for name, values in columns.items()}
            yield Block(first_row, len(rows), cells, positions)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], IO[str]]]:
    with path.open("rb") as raw:
        plain = gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
        with io.TextIOWrapper(cast(IO[bytes], plain), encoding="utf-8-sig", newline="") as text:
            yield raw, text


def _batches(rows: Iterator[Any]) -> Iterator[tuple[int, list[Any]]]:
    first_row = 0
    batch: list[Any] = []
    for row in rows:
        batch.append(row)
        if len(batch) == blocks.TEXT_BLOCK_ROWS:
            yield first_row, batch
            first_row += len(batch)
            batch = []
    if batch:
        yield first_row, batch


def _csv_rows(path: Path, reader: Any, n_fields: int) -> Iterator[list[str]]:
    for row in reader:
        if len(row) == n_fields:
            yield row
        elif row:
            raise BadReference(f"{path}:{reader.line_num}: expected {n_fields} fields, got {len(row)}")


class _CsvColumn:
    """Reads one column and remembers its cells: what repeats, as categories do, is read once."""

    def __init__(self, path: Path, name: str, wanted: Wanted) -> None:
        self._path = path
        self._name = name
        self._is_time = name == wanted.time
        self._as_text = name in wanted.categorical
        self._memory: dict[str, float | None] = {}

    def cells(self, values: Sequence[str]) -> Cells:
        if self._is_time:
            return Cells(np.array([self._time(value) for value in values]))
        if self._as_text:
            kept = [None if value in MISSING_TEXTS else value for value in values]
            return Cells(np.full(len(values), np.nan), join_texts(kept))
        try:
            numbers: F64 = np.array(list(map(float, values)))
        except ValueError:
            return self._mixed(values)
        if np.isnan(numbers).any():
            return self._mixed(values)
        return join_written(values, numbers, np.ones(len(values), dtype=np.uint8))

    def _mixed(self, values: Sequence[str]) -> Cells:
        numbers = np.empty(len(values))
        present = np.ones(len(values), dtype=np.uint8)
        memory = self._memory
        for row, value in enumerate(values):
            number = memory[value] if value in memory else self._remember(value)
            numbers[row] = nan if number is None else number
            if number is not None and isnan(number):
                present[row] = 0
        return join_written(values, numbers, present)

    def _remember(self, value: str) -> float | None:
        if len(self._memory) >= MEMORY:
            self._memory.clear()
        number = self._memory[value] = _read_cell(value)
        return number

    def _time(self, value: str) -> float:
        if value in MISSING_TEXTS:
            return nan
        try:
            return parse_time(value)
        except ValueError:
            raise BadReference(
                f"{self._path}: {self._name!r}: expected times as seconds or ISO 8601, got {value[:40]!r}"
            ) from None


def _read_cell(value: str) -> float | None:
    """The number of a cell, NaN where missing, None for a text."""
    if value in MISSING_TEXTS:
        return nan
    try:
        return float(value)
    except ValueError:
        return None


def _json_rows(path: Path, text: IO[str]) -> Iterator[dict[str, Any]]:
    decoder = msgspec.json.Decoder()
    for number, line in enumerate(text, 1):
        if not line.strip():
            continue
        try:
            row = decoder.decode(line)
        except msgspec.DecodeError as exc:
            raise BadReference(f"{path}:{number}: expected a JSON object, got {exc}") from exc
        if not isinstance(row, dict):
            raise BadReference(f"{path}:{number}: expected a JSON object, got {type(row).__name__}")
        for name, value in row.items():
            if isinstance(value, (list, dict)) and not _is_vector(value):
                raise BadReference(
                    f"{path}:{number}: {name!r}: expected a number, text, null or array of numbers, "
                    f"got {'an array of others' if isinstance(value, list) else 'an object'}"
                )
        yield row


def _positions(rows: list[dict[str, Any]], wanted: Wanted) -> dict[str, int]:
    """The first place that each column has in any row: it must not matter which rows come together."""
    positions: dict[str, int] = {}
    for names in dict.fromkeys(map(tuple, rows)):
        for place, name in enumerate(name for name in names if wanted.takes(name)):
            positions[name] = min(place, positions.get(name, place))
    return positions


def _is_vector(value: Any) -> bool:
    return isinstance(value, list) and all(type(entry) in (int, float) for entry in value)


def _json_cells(values: list[Any], name: str, wanted: Wanted, path: Path) -> Cells:
    if name == wanted.time:
        return Cells(np.array([_json_time(value, name, path) for value in values]))
    if any(isinstance(value, list) for value in values):
        arrays = [value if isinstance(value, list) else [] for value in values]
        if any(value is not None and not isinstance(value, list) for value in values):
            raise BadReference(f"{path}: {name!r}: expected arrays in all rows, got other values too")
        lengths = np.array([len(array) for array in arrays], dtype=np.int64)
        return join_arrays(
            np.array([entry for array in arrays for entry in array], dtype=np.float64), lengths
        )
    numbers = np.array([nan if value is None or isinstance(value, str) else float(value) for value in values])
    if any(isinstance(value, str) for value in values):
        return Cells(numbers, join_texts([value if isinstance(value, str) else None for value in values]))
    return Cells(numbers)


def _json_time(value: Any, name: str, path: Path) -> float:
    if value is None:
        return nan
    try:
        return parse_time(str(value))
    except ValueError:
        raise BadReference(
            f"{path}: {name!r}: expected times as seconds or ISO 8601, got {str(value)[:40]!r}"
        ) from None
