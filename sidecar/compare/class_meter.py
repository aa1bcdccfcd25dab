"""Labels side by side."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from kernels.scores import AGREEMENT, KAPPA, KAPPA_DEVIATION, fill_agreement
from sidecar.compare.histogram import json_number
from sidecar.compare.state import ClassState
from sidecar.compare.vectors import BoolArray

MOST_CLASSES = 64  # further ones share one row and column
NORMAL_95 = 1.959963984540054
LABEL_LIMIT = 200  # characters kept of a label
MISSING = "__missing__"
OTHER = "__other__"
ANOTHER = "__another__"  # the shadow's, where both labels are of the further ones and differ


class ClassMeter:
    """Labels: agreement, confusion, Cohen's kappa."""

    def __init__(self) -> None:
        self.pairs: Counter[tuple[str, str]] = Counter()
        self._labels: dict[str, None] = {}

    def add(self, primary: Sequence[str | None], shadow: Sequence[str | None]) -> BoolArray:
        """Takes labels.

        Args:
            primary: one label a row; None where missing.
            shadow: likewise.

        Returns:
            Shape (rows,): where they disagree.
        """
        self.pairs.update(self._pair(ours, theirs) for ours, theirs in zip(primary, shadow, strict=True))
        return np.array(
            [ours != theirs for ours, theirs in zip(primary, shadow, strict=True)], dtype=np.bool_
        )

    def to_state(self) -> ClassState:
        """The meter for a checkpoint; it holds labels."""
        labels = list(self._labels)
        place = {OTHER: len(labels), ANOTHER: len(labels) + 1, **{label: k for k, label in enumerate(labels)}}
        pairs = [(place[ours], place[theirs], count) for (ours, theirs), count in self.pairs.items()]
        return ClassState(labels, pairs)

    @classmethod
    def from_state(cls, state: ClassState) -> ClassMeter:
        """Goes on from a checkpoint.

        Args:
            state: from `to_state`.

        Raises:
            LookupError: it is damaged.
        """
        meter = cls()
        meter._labels = dict.fromkeys(state.labels)
        names = [*state.labels, OTHER, ANOTHER]
        for ours, theirs, count in state.pairs:
            meter.pairs[names[ours], names[theirs]] += count
        return meter

    def _pair(self, primary: str | None, shadow: str | None) -> tuple[str, str]:
        ours, theirs = self._known(primary), self._known(shadow)
        return (ours, ANOTHER) if ours == theirs == OTHER and primary != shadow else (ours, theirs)

    def _known(self, label: str | None) -> str:
        text = MISSING if label is None else _bounded(label)
        if text not in self._labels:
            if len(self._labels) >= MOST_CLASSES:
                return OTHER
            self._labels[text] = None
        return text

    def to_json(self) -> dict[str, Any]:
        """`agreement`, `kappa` with its 95 % interval, and the most frequent pairs that differ."""
        labels = sorted({label for pair in self.pairs for label in pair})
        place = {label: k for k, label in enumerate(labels)}
        counts = np.zeros((len(labels), len(labels)), dtype=np.int64)
        for (ours, theirs), count in self.pairs.items():
            counts[place[ours], place[theirs]] = count
        found = np.empty(4)
        fill_agreement(counts, np.empty((2, len(labels)), dtype=np.int64), found)
        kappa, reach = json_number(found[KAPPA]), NORMAL_95 * found[KAPPA_DEVIATION]
        apart = [(pair, count) for pair, count in self.pairs.items() if pair[0] != pair[1]]
        return {
            "rows": int(counts.sum()),
            "agreement": json_number(found[AGREEMENT]),
            "kappa": kappa,
            "kappa_interval": None if kappa is None else [kappa - reach, min(kappa + reach, 1.0)],
            "confusion": [
                {"primary": ours, "shadow": theirs, "count": count}
                for (ours, theirs), count in sorted(apart, key=lambda entry: (-entry[1], entry[0]))[
                    :MOST_CLASSES
                ]
            ],
        }


def _bounded(label: str) -> str:
    """A long label by its begin and a hash, so that two of one begin stay two."""
    if len(label) <= LABEL_LIMIT:
        return label
    rest = blake2b(label.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{label[: LABEL_LIMIT - len(rest) - 1]}~{rest}"
