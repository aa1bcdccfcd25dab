"""The window compared against: for each feature its edges or categories, and how often each occurred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernels.binning import F64, I64
from kernels.lanes import FIRST_CELL, FIRST_PRESENT
from sidecar.profile.feature import FeatureSpec


@dataclass(frozen=True, slots=True, eq=False)
class FeatureReference:
    """One feature as it was.

    Args:
        spec: its identity.
        edges: shape (E,), float64, ascending, finite, E <= 31; empty for categories.
        categories: text of code 1 to K; empty for numbers.
        counts: the feature's own lanes (kernels.lanes), shape (E + 5,) or (K + 5,), int64.
        sums: shape (4,), int64 (kernels.moments).
        extremes: smallest and largest finite value, shape (2,), float64; +inf and -inf without.
        pivot: what the sums are taken about.
        unit: what they are taken in, a power of two.
    """

    spec: FeatureSpec
    edges: F64
    categories: tuple[str, ...]
    counts: I64
    sums: I64
    extremes: F64
    pivot: float
    unit: float

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    @property
    def present(self) -> int:
        return int(self.counts[FIRST_PRESENT:].sum())

    @property
    def cells(self) -> I64:
        return self.counts[FIRST_CELL:]


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """All features of a model as they were.

    Args:
        id: `sha256:...` of the canonical content; the same for the same rows in whatever format and whenever.
        rows: rows it was made of.
        features: one for each column.
        created_unix_s: when it was made.
        provenance: what it was made of; free text pairs.
        parts: optional sections by name, each packed by the room that it belongs to.
    """

    id: str
    rows: int
    features: tuple[FeatureReference, ...]
    created_unix_s: float
    provenance: Mapping[str, str]
    parts: Mapping[str, bytes]

    def feature(self, name: str) -> FeatureReference | None:
        """The feature of a name.

        Args:
            name: as in its spec.

        Returns:
            The feature, or None.
        """
        return next((feature for feature in self.features if feature.spec.name == name), None)
