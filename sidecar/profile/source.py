"""Tables as a stream of blocks: CSV (also gzipped), JSON Lines and Parquet.

A block holds some thousand rows by column. A column is an array when all its values are numbers or missing,
else a list of texts; what CSV holds is text first and becomes numbers when every present value of the block
is one.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from importlib import import_module
from math import nan
from pathlib import Path
from typing import IO, Any, cast

import msgspec
import numpy as np

from kernels.binning import F64
from sidecar.errors import BadReference
from sidecar.profile.encoding import number_text

BLOCK_ROWS = 8192
MISSING_TEXTS = frozenset({"", "NA", "N/A", "NaN", "nan", "NULL", "null", "None", "<NA>"})

Texts = list[str | None]
Column = F64 | Texts
Advanced = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Block:
    """Some rows of one table.

    Args:
        rows: how many.
        columns: by name; every column has `rows` values.
    """

    rows: int
    columns: dict[str, Column]


def read_blocks(path: Path, categorical: Container[str], advanced: Advanced) -> Iterator[Block]:
    """The rows of a file, in order.

    Args:
        path: `.csv`, `.csv.gz`, `.jsonl`, `.ndjson` (also with `.gz`) or `.parquet`.
        categorical: names of CSV columns to leave as text, so that "01" stays "01"; asked for every block.
        advanced: told how many bytes of the file have been read so far.

    Yields:
        Blocks of at most `BLOCK_ROWS` rows.

    Raises:
        BadReference: "data.csv:7: expected 16 fields, got 15", and the like.
    """
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    kind = suffixes[-1] if suffixes else ""
    try:
        if kind == ".parquet":
            yield from _read_parquet(path, advanced)
        elif kind in (".csv", ".jsonl", ".ndjson"):
            yield from _read_text(path, kind == ".csv", categorical, advanced)
        else:
            raise BadReference(f"{path}: expected .csv, .csv.gz, .jsonl or .parquet, got {path.suffix!r}")
    except OSError as exc:
        raise BadReference(f"{path}: expected a readable file, got {exc.strerror or exc}") from exc
    except (UnicodeDecodeError, EOFError) as exc:
        raise BadReference(f"{path}: expected UTF-8 text, got {exc}") from exc


def as_texts(column: Column) -> Texts:
    """A column as categories.

    Args:
        column: numbers or texts.

    Returns:
        Texts, None where missing.
    """
    if isinstance(column, list):
        return column
    return [None if value != value else number_text(value) for value in column.tolist()]


def _read_text(path: Path, is_csv: bool, categorical: Container[str], advanced: Advanced) -> Iterator[Block]:
    with path.open("rb") as raw:
        plain = gzip.GzipFile(fileobj=raw) if path.suffix.lower() == ".gz" else raw
        with io.TextIOWrapper(cast(IO[bytes], plain), encoding="utf-8-sig", newline="") as text:
            for block in _csv_blocks(path, text, categorical) if is_csv else _json_blocks(path, text):
                advanced(raw.tell())
                yield block


def _csv_blocks(path: Path, text: IO[str], categorical: Container[str]) -> Iterator[Block]:
    reader = csv.reader(text, strict=True)
    try:
        names = next(reader, [])
        if len(set(names)) != len(names) or not names:
            raise BadReference(f"{path}:1: expected a header of different names, got {len(names)} fields")
        rows: list[list[str]] = []
        for row in reader:
            if not row:
                continue
            if len(row) != len(names):
                raise BadReference(f"{path}:{reader.line_num}: expected {len(names)} fields, got {len(row)}")
            rows.append(row)
            if len(rows) == BLOCK_ROWS:
                yield _csv_block(names, rows, categorical)
                rows = []
        if rows:
            yield _csv_block(names, rows, categorical)
    except csv.Error as exc:
        raise BadReference(f"{path}:{reader.line_num}: expected CSV, got {exc}") from exc


def _csv_block(names: list[str], rows: list[list[str]], categorical: Container[str]) -> Block:
    columns = zip(names, zip(*rows, strict=True), strict=True)
    return Block(len(rows), {name: _parsed(values, name in categorical) for name, values in columns})


def _parsed(values: tuple[str, ...], as_text: bool) -> Column:
    try:
        if not as_text:
            return np.array([nan if value in MISSING_TEXTS else float(value) for value in values])
    except ValueError:
        pass  # one of them is no number: the column is text
    return [None if value in MISSING_TEXTS else value for value in values]


def _json_blocks(path: Path, text: IO[str]) -> Iterator[Block]:
    decoder = msgspec.json.Decoder()
    rows: list[dict[str, Any]] = []
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
            if isinstance(value, (list, dict)):
                raise BadReference(
                    f"{path}:{number}: {name!r}: expected a number, text or null, got {type(value).__name__}"
                )
        rows.append(row)
        if len(rows) == BLOCK_ROWS:
            yield _json_block(rows)
            rows = []
    if rows:
        yield _json_block(rows)


def _json_block(rows: list[dict[str, Any]]) -> Block:
    names = dict.fromkeys(name for row in rows for name in row)
    return Block(len(rows), {name: _typed([row.get(name) for row in rows]) for name in names})


def _typed(values: list[Any]) -> Column:
    if any(isinstance(value, str) for value in values):
        return [
            value if isinstance(value, str) or value is None else number_text(float(value))
            for value in values
        ]
    return np.array([nan if value is None else float(value) for value in values])


def _read_parquet(path: Path, advanced: Advanced) -> Iterator[Block]:
    try:
        arrow: Any = import_module("pyarrow")  # optional and heavy: only for those who build from Parquet
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError as exc:
        raise BadReference(f"{path}: expected pyarrow to be installed (extra 'parquet'), got none") from exc
    size = path.stat().st_size
    try:
        with parquet.ParquetFile(path) as table:
            total = max(1, table.metadata.num_rows)
            done = 0
            for batch in table.iter_batches(batch_size=BLOCK_ROWS):
                done += batch.num_rows
                advanced(size * done // total)
                columns = {
                    name: _arrow_column(path, name, column)
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                }
                yield Block(batch.num_rows, columns)
    except arrow.ArrowException as exc:
        raise BadReference(f"{path}: expected Parquet, got {str(exc).splitlines()[0]}") from exc


def _arrow_column(path: Path, name: str, column: Any) -> Column:
    kinds: Any = import_module("pyarrow.types")  # in the process already, see _read_parquet
    kind = column.type
    if kinds.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if kinds.is_string(kind) or kinds.is_large_string(kind):
        texts: Texts = column.to_pylist()
        return texts
    if kinds.is_boolean(kind) or kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind):
        return np.array([nan if value is None else float(value) for value in column.to_pylist()])
    if kinds.is_null(kind):
        return np.full(len(column), np.nan)
    raise BadReference(f"{path}: {name!r}: expected numbers, booleans or text, got {kind}")
