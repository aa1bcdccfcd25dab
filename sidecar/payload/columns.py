"""What every decoder gives: named columns of one message, and the schema that repeated traffic shares.

Schemas are interned so that the monitor may key on identity. The table holds them weakly: a schema stays
the same object for as long as anybody keeps it, and traffic that invents new columns with every request
leaves nothing behind.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, Literal, TypeAlias, TypeVar
from weakref import WeakValueDictionary

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

F64: TypeAlias = NDArray[np.float64]
Kind = Literal["numeric", "categorical"]
Direction = Literal["request", "response"]

COLUMN_LIMIT = 4096  # a flattened 32x32x3 image still fits; beyond that a column is no feature
CELL_LIMIT = (
    1 << 23
)  # rows times columns, 64 MiB as float64: ragged rows must not turn a small body into a large array
NAME_LIMIT = 256  # characters of a column's name
NOT_A_TEXT = "\0not a text"  # stands in a categorical column for a value of another kind

K = TypeVar("K")
V = TypeVar("V")


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Schema:
    """Names and kinds of the columns of one message, in the order of its body.

    Args:
        names: unique; `NAME` or `NAME[i]`.
        kinds: one for each name.
    """

    names: tuple[str, ...]
    kinds: tuple[Kind, ...]


class Columns(Struct, frozen=True, gc=False):
    """The rows of one message.

    Args:
        protocol: name of the decoder that read it.
        direction: side of the exchange.
        model: model's name, if path or body tell it.
        version: model's version, if path or body tell it.
        request_id: the body's id, else the first identifying header.
        rows: number of rows.
        schema: interned: equal schemas are one object.
        numeric: shape (rows, number of numeric columns), float64, C-contiguous, NaN where missing, the type
            error's NaN (`kernels.lanes`) where the payload has no number; in schema order.
        texts: for each categorical column in schema order one list of `rows` texts, None where missing,
            `NOT_A_TEXT` where the payload has no text.
        faults: what was odd but survivable; one line each, without payload values.
    """

    protocol: str
    direction: Direction
    model: str | None
    version: str | None
    request_id: str | None
    rows: int
    schema: Schema
    numeric: F64
    texts: tuple[list[str | None], ...]
    faults: tuple[str, ...]


class BoundedTable(Generic[K, V]):
    """A dictionary that forgets everything when it has grown too heavy.

    Dropping the lot is cheaper than keeping an order of use, and only traffic that never repeats itself
    gets there.

    Args:
        weight_limit: most weight held, in the unit of `put`.
    """

    __slots__ = ("_entries", "_weight", "_weight_limit", "get")

    def __init__(self, weight_limit: int) -> None:
        self._entries: dict[K, V] = {}
        self._weight = 0
        self._weight_limit = weight_limit
        self.get = self._entries.get  # bound once: it is asked for every message

    def __len__(self) -> int:
        return len(self._entries)

    def put(self, key: K, value: V, weight: int) -> None:
        """Keeps a value.

        Args:
            key: not in the table yet.
            value: what `get` gives for it from now on.
            weight: share of `weight_limit` that it takes; a heavier one than the limit is not kept.
        """
        if self._weight + weight > self._weight_limit:
            self._entries.clear()
            self._weight = 0
        if weight <= self._weight_limit:
            self._entries[key] = value
            self._weight += weight


_SCHEMAS: WeakValueDictionary[tuple[tuple[str, ...], tuple[Kind, ...]], Schema] = WeakValueDictionary()


def intern_schema(names: tuple[str, ...], kinds: tuple[Kind, ...]) -> Schema:
    """The one schema with these columns.

    Args:
        names: unique names.
        kinds: one for each name.

    Returns:
        The object that earlier calls gave, if any of them is still in use.
    """
    key = (names, kinds)
    schema = _SCHEMAS.get(key)
    if schema is None:
        schema = _SCHEMAS[key] = Schema(names, kinds)
    return schema
