"""Rows and tensors without declared types, as TensorFlow Serving's REST protocol sends them, into columns.

A row is a number, a text, a list of either to any depth, or an object of such features; `{"b64": ...}`
counts as a text. The values decide what a column is: all text makes it categorical, anything else numeric,
and what is no number then is missing and counted.
"""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import chain, zip_longest
from typing import Any, TypeAlias

import numpy as np

from sidecar.errors import Malformed
from sidecar.payload.cells import (
    check_names,
    check_size,
    clip_faults,
    flatten,
    name_columns,
    plural,
    settle_rows,
    show_name,
    to_matrix,
)
from sidecar.payload.columns import F64, BoundedTable, Kind, Schema, intern_schema

SCHEMA_COLUMNS = 1 << 16  # columns of all kept schemas together, about 8 MB of names

_NONE_TYPE = type(None)
_NUMBERS = frozenset((int, float, bool))

Column: TypeAlias = tuple[str, list[Any]]


@dataclass(frozen=True, slots=True)
class Table:
    """What `Columns` holds beyond the identity of the message; fields as there."""

    rows: int
    schema: Schema
    numeric: F64
    texts: tuple[list[str | None], ...]
    faults: tuple[str, ...]


class RowReader:
    """Makes tables of untyped JSON values.

    Args:
        protocol: named in errors.
        column_limit: most columns of a table.
    """

    def __init__(self, protocol: str, column_limit: int) -> None:
        self._protocol = protocol
        self._column_limit = column_limit
        self._by_width: BoundedTable[tuple[str, int], Schema] = BoundedTable(SCHEMA_COLUMNS)
        self._by_names: BoundedTable[tuple[str, ...], Schema] = BoundedTable(SCHEMA_COLUMNS)

    def read_rows(self, name: str, rows: list[Any]) -> Table:
        """A table of rows.

        Args:
            name: name of the columns of rows that are no objects.
            rows: JSON values, at least one.

        Returns:
            One row for each; features of objects in the order in which they first occur.

        Raises:
            Malformed: no rows, no columns, or a column name too long or not unique.
            TooManyColumns: more columns than the limit.
        """
        if not rows:
            raise Malformed(self._protocol, f"{show_name(name)}: expected at least 1 row, got 0")
        types = set(map(type, rows))
        matrix = self._try_matrix(rows, types)
        if matrix is not None:
            return Table(len(rows), self._schema_of_width(name, matrix.shape[1]), matrix, (), ())
        if dict in types and not all(_is_b64(row) for row in rows if type(row) is dict):
            columns, faults = self._split_objects(name, rows)
            return self._tabulate(columns, len(rows), faults)
        return self._tabulate([(name, rows)], len(rows), [])

    def read_tensors(self, name: str, tensors: Any) -> Table:
        """A table of tensors whose first dimension is the row.

        Args:
            name: name of a tensor that has none.
            tensors: one tensor, or an object of named ones; a value that is no list is a tensor of one row.

        Returns:
            The tensors side by side.

        Raises:
            Malformed: no rows, no columns, or a column name too long or not unique.
            TooManyColumns: more columns than the limit.
        """
        named = tensors if type(tensors) is dict and not _is_b64(tensors) else {name: tensors}
        columns: list[Column] = [
            (key, value if type(value) is list else [value]) for key, value in named.items()
        ]
        check_size(self._protocol, 1, len(columns), self._column_limit)
        if len(columns) == 1:
            return self.read_rows(*columns[0])
        rows, stays, faults = settle_rows([key for key, _ in columns], [len(cells) for _, cells in columns])
        if rows == 0:
            raise Malformed(self._protocol, f"{show_name(name)}: expected at least 1 row, got 0")
        kept = [column for column, stay in zip(columns, stays, strict=True) if stay]
        return self._tabulate(kept, rows, faults)

    def _try_matrix(self, rows: list[Any], types: set[type]) -> F64 | None:
        """Numbers, or lists of equally many numbers: one copy; None for everything else."""
        if types <= _NUMBERS:
            width, values = 1, rows
        elif types == {list}:
            width, values = len(rows[0]), list(chain.from_iterable(rows))
            if set(map(len, rows)) != {width} or width == 0:
                return None
        else:
            return None
        try:
            floats = array("d", values)
        except (TypeError, OverflowError):
            return None
        check_size(self._protocol, len(rows), width, self._column_limit)
        return np.frombuffer(floats).reshape(len(rows), width)

    def _schema_of_width(self, name: str, width: int) -> Schema:
        schema = self._by_width.get((name, width))
        if schema is None:
            schema = self._schema_of_names(tuple(name_columns(name, width)))
            self._by_width.put((name, width), schema, 8 + width)
        return schema

    def _schema_of_names(self, names: tuple[str, ...]) -> Schema:
        """The schema of columns that are all numeric."""
        schema = self._by_names.get(names)
        if schema is None:
            check_names(self._protocol, names)
            kinds: list[Kind] = ["numeric"] * len(names)
            schema = intern_schema(names, tuple(kinds))
            self._by_names.put(names, schema, 8 + len(names))
        return schema

    def _split_objects(self, name: str, rows: list[Any]) -> tuple[list[Column], list[str]]:
        objects = [row if type(row) is dict else {} for row in rows]
        names = list(dict.fromkeys(chain.from_iterable(objects)))
        check_size(self._protocol, len(rows), len(names), self._column_limit)
        strange = sum(type(row) is not dict for row in rows)
        faults = (
            [f"{show_name(name)}: {plural(strange, 'row is', 'rows are')} not objects"] if strange else []
        )
        return [(key, [row.get(key) for row in objects]) for key in names], faults

    def _tabulate(self, columns: list[Column], rows: int, faults: list[str]) -> Table:
        values = list(chain.from_iterable(cells for _, cells in columns))
        if len(values) == rows * len(columns) > 0 and _NUMBERS.issuperset(map(type, values)):
            schema = self._schema_of_names(tuple(name for name, _ in columns))
            return Table(rows, schema, to_matrix(values, schema.names, rows)[0], (), clip_faults(faults))
        spread: list[Column] = []
        for name, cells in columns:
            spread += self._spread(name, cells, faults)
            check_size(self._protocol, rows, max(len(spread), 1), self._column_limit)
        check_size(self._protocol, rows, len(spread), self._column_limit)
        check_names(self._protocol, [name for name, _ in spread])
        return _settle_kinds(spread, rows, faults)

    def _spread(self, name: str, cells: list[Any], faults: list[str]) -> list[Column]:
        """A column of lists as one column for each place in them."""
        if list not in map(type, cells):
            return [(name, cells)]
        rows = [flatten(cell) if type(cell) is list else [] if cell is None else [cell] for cell in cells]
        lengths = set(map(len, rows))
        width = max(lengths)
        check_size(self._protocol, len(rows), max(width, 1), self._column_limit)
        if len(lengths) > 1:
            faults.append(f"{show_name(name)}: rows of {min(lengths)} to {width} values")
        places = zip_longest(*rows) if len(lengths) > 1 else zip(*rows, strict=True)
        return list(zip(name_columns(name, width), map(list, places), strict=True))


def _is_b64(value: Any) -> bool:
    return type(value) is dict and len(value) == 1 and type(value.get("b64")) is str


def _settle_kinds(columns: list[Column], rows: int, faults: list[str]) -> Table:
    """The table of columns without lists; one of a single value stands beside longer ones for each row."""
    kinds: list[Kind] = []
    numeric_names: list[str] = []
    values: list[Any] = []
    texts: list[list[str | None]] = []
    for name, given in columns:
        cells, is_text = _settle_kind(given)
        cells = cells if len(cells) == rows else cells * rows
        kinds.append("categorical" if is_text else "numeric")
        if is_text:
            texts.append(cells)
        else:
            numeric_names.append(name)
            values += cells
    matrix, lines = to_matrix(values, numeric_names, rows)
    schema = intern_schema(tuple(name for name, _ in columns), tuple(kinds))
    return Table(rows, schema, matrix, tuple(texts), clip_faults(faults + lines))


def _settle_kind(cells: list[Any]) -> tuple[list[Any], bool]:
    """The cells, base64 objects replaced by their text, and whether they are a categorical column."""
    types = set(map(type, cells))
    if dict in types:
        cells = [cell["b64"] if _is_b64(cell) else cell for cell in cells]
        types = set(map(type, cells))
    types.discard(_NONE_TYPE)
    return cells, types == {str}
