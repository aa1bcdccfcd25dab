"""Values as JSON gives them into what Columns holds: float64 for numeric columns, texts for the others.

Clean numbers take one call in C (`array` accepts int, float and bool, and nothing else, where numpy would
read the text "1.5" as a number). Everything else goes value by value: null is missing, anything that is no
number becomes a type error (a NaN with bits of its own, `kernels.lanes`) and is counted. A bool is the number
0 or 1: that is how flags are sent.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from kernels.lanes import TYPE_ERROR_NAN
from sidecar.errors import Malformed, TooManyColumns
from sidecar.payload.columns import CELL_LIMIT, F64, NAME_LIMIT, NOT_A_TEXT

FAULT_LIMIT = 20  # lines for one message
INDEX_LIMIT = 10  # characters of `[i]` after a tensor's name
SHOWN_NAME_LIMIT = 64  # characters of a name within a message

_NONE_TYPE = type(None)
_TEXTS = frozenset((str, _NONE_TYPE))


def show_name(name: str) -> str:
    """A column's name for a message of one line.

    Args:
        name: as the payload has it.

    Returns:
        The name, escaped if it holds control characters, at most `SHOWN_NAME_LIMIT` characters of it.
    """
    shown = name if name.isprintable() else ascii(name)
    return shown if len(shown) <= SHOWN_NAME_LIMIT else shown[: SHOWN_NAME_LIMIT - 3] + "..."


def flatten(nested: list[Any]) -> list[Any]:
    """The leaves of a nested list, row-major.

    Args:
        nested: lists in lists to any depth; a stack keeps deep ones from costing recursion or a pass a
            level.

    Returns:
        A new list without lists in it.
    """
    leaves: list[Any] = []
    stack = [iter(nested)]
    while stack:
        for item in stack[-1]:
            if type(item) is list:
                stack.append(iter(item))
                break
            leaves.append(item)
        else:
            stack.pop()
    return leaves


def to_floats(values: list[Any]) -> tuple[array[float], list[int]]:
    """Numbers of a list as float64.

    Args:
        values: any JSON values.

    Returns:
        As many floats, NaN for null, the type error's NaN for everything that is no number; and the places of
        the latter. An integer beyond float64 is an infinity, as the same number with a decimal point would
        be.
    """
    try:
        return array("d", values), []
    except (TypeError, OverflowError):
        pass
    floats = array("d", bytes(8 * len(values)))
    strange: list[int] = []
    for place, value in enumerate(values):
        if isinstance(value, float | int):
            floats[place] = _to_float(value)
            continue
        floats[place] = math.nan if value is None else TYPE_ERROR_NAN
        if value is not None:
            strange.append(place)
    return floats, strange


def _to_float(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def to_matrix(values: list[Any], names: Sequence[str], rows: int) -> tuple[F64, list[str]]:
    """Numeric columns, given one after the other.

    Args:
        values: JSON values, column by column, `len(names) * rows` of them.
        names: the columns' names, for faults.
        rows: number of rows.

    Returns:
        The values, shape (rows, len(names)), float64, C-contiguous; and the faults.
    """
    floats, strange = to_floats(values)
    matrix = np.frombuffer(floats)
    if rows == 1:
        matrix = matrix.reshape(1, len(names))
    else:
        matrix = np.ascontiguousarray(matrix.reshape(len(names), rows).T)
    return matrix, (count_faults((place // rows for place in strange), names) if strange else [])


def to_texts(cells: list[Any], name: str) -> tuple[list[str | None], list[str]]:
    """A categorical column.

    Args:
        cells: JSON values.
        name: the column's name, for faults.

    Returns:
        As many texts, None for null and `NOT_A_TEXT` for everything else that is no text; and the faults.
    """
    if _TEXTS.issuperset(map(type, cells)):
        return cells, []
    texts = [cell if type(cell) is str else None if cell is None else NOT_A_TEXT for cell in cells]
    strange = sum(type(cell) is not str and cell is not None for cell in cells)
    return texts, [f"{show_name(name)}: {plural(strange, 'value is', 'values are')} not text"]


def count_faults(columns: Iterable[int], names: Sequence[str]) -> list[str]:
    """One line for each column that had values which are no numbers.

    Args:
        columns: for each such value the column's place in `names`.
        names: the columns' names.

    Returns:
        The lines, in the order of the columns.
    """
    return [
        f"{show_name(names[at])}: {plural(count, 'value is not a number', 'values are not numbers')}"
        for at, count in sorted(Counter(columns).items())
    ]


def clip_faults(faults: Sequence[str]) -> tuple[str, ...]:
    """Keeps a message with thousands of odd columns from filling a log.

    Args:
        faults: all of them.

    Returns:
        The first `FAULT_LIMIT`, and one line that counts the rest.
    """
    if len(faults) <= FAULT_LIMIT:
        return tuple(faults)
    return (*faults[:FAULT_LIMIT], f"{plural(len(faults) - FAULT_LIMIT, 'more fault', 'more faults')}")


def plural(count: int, one: str, many: str) -> str:
    """A count with its noun.

    Args:
        count: how many.
        one: the noun for 1.
        many: the noun for every other count.

    Returns:
        Such as "3 values".
    """
    return f"{count} {one if count == 1 else many}"


def name_columns(name: str, width: int) -> list[str]:
    """Names of a tensor's columns.

    Args:
        name: the tensor's.
        width: values a row.

    Returns:
        `NAME` for a width of 1, otherwise `NAME[0]`, `NAME[1]` and so on.
    """
    return [name] if width == 1 else [f"{name}[{at}]" for at in range(width)]


def check_size(protocol: str, rows: int, columns: int, column_limit: int) -> None:
    """Refuses what would need more memory than any table of features.

    Args:
        protocol: named in errors.
        rows: number of rows.
        columns: number of columns.
        column_limit: most columns.

    Raises:
        TooManyColumns: more columns than the limit.
        Malformed: no column at all, or more than `CELL_LIMIT` cells.
    """
    if columns > column_limit:
        raise TooManyColumns(protocol, f"columns: expected at most {column_limit}, got {columns}")
    if columns == 0:
        raise Malformed(protocol, "columns: expected at least 1, got 0")
    if rows * columns > CELL_LIMIT:
        raise Malformed(
            protocol, f"cells: expected at most {CELL_LIMIT}, got {rows} rows of {columns} columns"
        )


def check_names(protocol: str, names: Sequence[str]) -> None:
    """Refuses names that could not be told apart or would not fit a report.

    Args:
        protocol: named in errors.
        names: the columns' names.

    Raises:
        Malformed: a name occurs twice or is far too long.
    """
    longest, limit = max(map(len, names)), NAME_LIMIT + INDEX_LIMIT
    if longest > limit:
        raise Malformed(protocol, f"columns: expected names of at most {limit} characters, got {longest}")
    if len(set(names)) < len(names):
        twice = next(name for name, n in Counter(names).items() if n > 1)
        raise Malformed(protocol, f"{show_name(twice)}: expected one column of this name, got more")


def settle_rows(names: Sequence[str], counts: Sequence[int]) -> tuple[int, list[bool], list[str]]:
    """How many rows a message has when its tensors do not agree.

    A tensor with one row beside longer ones is a setting of the whole request and belongs to each row; were
    it left out, the schema would change with the batch size. Another length has no row to belong to.

    Args:
        names: the tensors' names.
        counts: the length of each tensor's first dimension.

    Returns:
        The largest count; for each tensor whether it stays; and the faults.
    """
    rows = max(counts)
    stays: list[bool] = []
    faults: list[str] = []
    for name, count in zip(names, counts, strict=True):
        stays.append(count in (1, rows))
        if count != rows:
            fate = "repeated" if count == 1 else "left out"
            faults.append(f"{show_name(name)}: {plural(count, 'row', 'rows')} beside {rows}, {fate}")
    return rows, stays, faults
