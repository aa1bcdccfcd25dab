"""Parquet as blocks: arrow's buffers become numpy arrays without a Python object a cell."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from kernels.binning import F64, I64
from sidecar.errors import BadReference
from sidecar.profile import block as blocks
from sidecar.profile.block import Block, Wanted
from sidecar.profile.cells import Cells, Texts, hashed_texts, join_arrays
from sidecar.profile.moment import seconds

Advanced = Callable[[int], None]


def read_parquet(
    path: Path, wanted: Wanted, advanced: Advanced, groups: tuple[int, int] | None
) -> Iterator[Block]:
    """The rows of a Parquet file.

    Args:
        path: the file; only the wanted columns of it are read.
        wanted: which columns.
        advanced: told how many bytes have been read, about.
        groups: first row group and the one after the last; None for all.

    Yields:
        Blocks of at most `ARROW_BLOCK_ROWS` rows.

    Raises:
        BadReference: "data.parquet: 'when': expected numbers, booleans, text or arrays of numbers, got
            date32[day]"; likewise without pyarrow and for other data.
    """
    arrow, parquet = _arrow(path)
    size = path.stat().st_size
    try:
        with parquet.ParquetFile(path, pre_buffer=False) as table:
            metadata = table.metadata
            chosen = range(*groups) if groups is not None else range(metadata.num_row_groups)
            first_row = sum(metadata.row_group(group).num_rows for group in range(chosen.start))
            total = max(1, sum(metadata.row_group(group).num_rows for group in chosen))
            names = [name for name in table.schema_arrow.names if wanted.takes(name)]
            done = 0
            for batch in table.iter_batches(
                batch_size=blocks.ARROW_BLOCK_ROWS, columns=names, row_groups=list(chosen), use_threads=False
            ):
                columns = {
                    name: _cells(path, name, column, arrow, name == wanted.time)
                    for name, column in zip(batch.schema.names, batch.columns, strict=True)
                }
                yield Block(first_row + done, batch.num_rows, columns)
                done += batch.num_rows
                advanced(size * done // total)
    except arrow.ArrowException as exc:
        raise BadReference(f"{path}: expected Parquet, got {str(exc).splitlines()[0]}") from exc


def parquet_groups(path: Path, rows: int) -> list[tuple[int, int]]:
    """Row groups side by side, together about so many rows.

    Args:
        path: the file.
        rows: wanted in a run of groups.

    Returns:
        First group and the one after the last, of each run.

    Raises:
        BadReference: as `read_parquet`.
    """
    arrow, parquet = _arrow(path)
    try:
        metadata = parquet.ParquetFile(path).metadata
    except arrow.ArrowException as exc:
        raise BadReference(f"{path}: expected Parquet, got {str(exc).splitlines()[0]}") from exc
    runs: list[tuple[int, int]] = []
    start = held = 0
    for group in range(metadata.num_row_groups):
        held += metadata.row_group(group).num_rows
        if held >= rows or group == metadata.num_row_groups - 1:
            runs.append((start, group + 1))
            start, held = group + 1, 0
    return runs


def _arrow(path: Path) -> tuple[Any, Any]:
    try:
        # optional and heavy: only for those who build from Parquet
        return import_module("pyarrow"), import_module("pyarrow.parquet")
    except ImportError as exc:
        raise BadReference(f"{path}: expected pyarrow to be installed (extra 'parquet'), got none") from exc


def _cells(path: Path, name: str, column: Any, arrow: Any, is_time: bool) -> Cells:
    kinds = arrow.types
    kind = column.type
    if kinds.is_dictionary(kind):
        column, kind = column.dictionary_decode(), kind.value_type
    if is_time:
        return Cells(_times(path, name, column, arrow))
    if kinds.is_string(kind) or kinds.is_large_string(kind) or kinds.is_string_view(kind):
        return Cells(np.full(len(column), np.nan), _texts(column.cast(arrow.large_string())))
    if kinds.is_boolean(kind) or kinds.is_integer(kind) or kinds.is_floating(kind) or kinds.is_decimal(kind):
        return Cells(_numbers(column, arrow))
    if kinds.is_null(kind):
        return Cells(np.full(len(column), np.nan))
    of_arrays = kinds.is_list(kind) or kinds.is_large_list(kind) or kinds.is_fixed_size_list(kind)
    if of_arrays and (kinds.is_floating(kind.value_type) or kinds.is_integer(kind.value_type)):
        lengths = import_module("pyarrow.compute").list_value_length(column)
        return join_arrays(
            _numbers(column.flatten(), arrow),
            np.nan_to_num(_numbers(lengths, arrow)).astype(np.int64),
        )
    raise BadReference(f"{path}: {name!r}: expected numbers, booleans, text or arrays of numbers, got {kind}")


def _numbers(column: Any, arrow: Any) -> F64:
    if column.type != arrow.float64():
        if arrow.types.is_boolean(column.type) or arrow.types.is_float16(column.type):
            column = column.cast(arrow.uint8() if arrow.types.is_boolean(column.type) else arrow.float32())
        column = column.cast(arrow.float64(), safe=False)
    return np.ascontiguousarray(column.to_numpy(zero_copy_only=False), dtype=np.float64)


def _texts(column: Any) -> Texts:
    rows = len(column)
    _, offsets, octets = column.buffers()
    places: I64 = np.zeros(rows + 1, dtype=np.int64)
    if offsets is not None and rows:
        places = np.frombuffer(offsets, dtype=np.int64, count=rows + 1, offset=8 * column.offset).copy()
    present = column.is_valid().to_numpy(zero_copy_only=False).astype(np.uint8)
    letters = np.frombuffer(octets if octets is not None else b"", dtype=np.uint8)
    return hashed_texts(letters, places, present)


def _times(path: Path, name: str, column: Any, arrow: Any) -> F64:
    kinds = arrow.types
    if kinds.is_timestamp(column.type) or kinds.is_date(column.type):
        counted = column.cast(arrow.timestamp("us"), safe=False).cast(arrow.int64())
        return _numbers(counted, arrow) * 1e-6
    if kinds.is_integer(column.type) or kinds.is_floating(column.type):
        return seconds(_numbers(column, arrow))
    raise BadReference(f"{path}: {name!r}: expected timestamps or numbers, got {column.type}")
