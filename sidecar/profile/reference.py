"""The window compared against: for each feature its edges or categories, and how often each occurred."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from kernels.binning import F64, I64
from kernels.histogram import FIRST_CELL, MISSING
from sidecar.profile.feature import FeatureSpec


@dataclass(frozen=True, slots=True, eq=False)
class FeatureReference:
    """One feature as it was.

    Args:
        spec: its identity.
        edges: shape (E,), float64, ascending, finite, E <= 31; empty for categories.
        categories: text of code 1 to K; empty for numbers.
        counts: the feature's own lanes (kernels.histogram), shape (E + 4,) or (K + 4,), int64.
        moments: shape (5,), float64 (kernels.moments).
        pivot: what the moments are taken about.
    """

    spec: FeatureSpec
    edges: F64
    categories: tuple[str, ...]
    counts: I64
    moments: F64
    pivot: float

    @property
    def rows(self) -> int:
        return int(self.counts.sum())

    @property
    def present(self) -> int:
        return self.rows - int(self.counts[MISSING])

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
    """

    id: str
    rows: int
    features: tuple[FeatureReference, ...]
    created_unix_s: float
    provenance: Mapping[str, str]

    def feature(self, name: str) -> FeatureReference | None:
        """The feature of a name.

        Args:
            name: as in its spec.

        Returns:
            The feature, or None.
        """
        return next((feature for feature in self.features if feature.spec.name == name), None)
