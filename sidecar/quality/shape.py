"""Shape changes: messages whose columns are not those of the schema that is watched.

Columns are found by name, so a message with another order or with more columns is analysed all the same; what
is absent counts as missing. That hides changes of the caller's code, which is why they are counted. Rank
shows in the names: a tensor of shape [rows, 3] has columns `NAME[0]` to `NAME[2]`, one of shape [rows] has
`NAME`. Declared types are told apart as numbers and texts only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from kernels.binning import I64
from sidecar.payload.columns import Schema
from sidecar.profile.feature import FeatureSpec

CHANGES = ("absent", "unknown", "kind", "order")
MESSAGES = 0  # places in `ShapeCounter.counts`
CHANGED = 1
FIRST_CHANGE = 2
SCHEMAS_KEPT = 64  # traffic that invents a new schema with every message starts over


def shape_changes(
    expected: Schema, features: Sequence[FeatureSpec], names: Mapping[str, str], got: Schema
) -> tuple[str, ...]:
    """In what a message's columns differ.

    Args:
        expected: columns of the schema that is watched.
        features: what they are, one for each.
        names: payload column to feature name, where they differ.
        got: columns of the message.

    Returns:
        Of `CHANGES` those that hold: features that are not there, columns that are no feature, a text where
        the first message had a number or the other way round, columns in another order.
    """
    if got is expected:
        return ()
    wanted = {
        names.get(column, column): kind for column, kind in zip(expected.names, expected.kinds, strict=True)
    }
    order = {spec.name: place for place, spec in enumerate(features)}
    kinds = {names.get(column, column): kind for column, kind in zip(got.names, got.kinds, strict=True)}
    known = [name for name in kinds if name in order]
    places = [order[name] for name in known]
    found = {
        "absent": len(known) < len(order),
        "unknown": len(known) < len(kinds),
        "kind": any(kinds[name] != wanted[name] for name in known),
        "order": places != sorted(places),
    }
    return tuple(change for change in CHANGES if found[change])


class ShapeCounter:
    """Counts the messages of one subject, and those with changes.

    The thread that decodes counts; any thread may read `counts`, which only grow.

    Args:
        expected, features, names: as `shape_changes` takes them.

    Attributes:
        counts: shape (6,), int64: messages, messages with any change, then with each of `CHANGES`.
    """

    __slots__ = ("_expected", "_features", "_known", "_names", "counts")

    def __init__(self, expected: Schema, features: Sequence[FeatureSpec], names: Mapping[str, str]) -> None:
        self._expected = expected
        self._features = tuple(features)
        self._names = dict(names)
        self._known: dict[int, tuple[Schema, I64]] = {}
        self.counts = np.zeros(FIRST_CHANGE + len(CHANGES), dtype=np.int64)

    @property
    def n_messages(self) -> int:
        return int(self.counts[MESSAGES])

    def note(self, schema: Schema) -> None:
        """Counts a message.

        Args:
            schema: its columns.
        """
        known = self._known.get(id(schema))
        if known is None:
            known = self._learn(schema)
        self.counts += known[1]

    def _learn(self, schema: Schema) -> tuple[Schema, I64]:
        changes = shape_changes(self._expected, self._features, self._names, schema)
        step = np.array([1, bool(changes), *(change in changes for change in CHANGES)], dtype=np.int64)
        if len(self._known) >= SCHEMAS_KEPT:
            self._known.clear()
        # The schema is held, so that its identity is not given to another
        known = self._known[id(schema)] = (schema, step)
        return known
