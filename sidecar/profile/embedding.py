"""Embeddings: hundreds of columns that mean nothing one by one, watched as a group of 17 features.

A vector's features are its norm and 16 fixed random projections (signs / sqrt(d)), ordinary numbers for
histograms and the detector; the products with 256 more directions go to `sidecar.profile.fourier`. A vector
with a missing component is missing, one with a type error is one, one with an infinite component is infinite.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from kernels.binning import F64, I64
from kernels.fourier import GRID, INFINITE, TYPE_ERROR, WHOLE, grid_rows
from kernels.lanes import TYPE_ERROR_NAN
from sidecar.errors import ShapeMismatch
from sidecar.payload.columns import Schema
from sidecar.profile.directions import DIRECTIONS, FOURIER, PROJECTIONS, direction_matrix
from sidecar.profile.feature import FeatureSpec

FEATURES = ("norm", *(f"p{number:02}" for number in range(PROJECTIONS)))
BLOCK_ROWS = 256

T = TypeVar("T")

_COLUMN = re.compile(r"(.*)\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Group:
    """One embedding among the columns.

    Args:
        name: what it is called.
        first: column of its first component.
        dimension: d.
        target: place of its first feature.
    """

    name: str
    first: int
    dimension: int
    target: int

    @property
    def features(self) -> tuple[str, ...]:
        return tuple(f"{self.name}.{feature}" for feature in FEATURES)


@dataclass(frozen=True, slots=True, eq=False)
class Vectors:
    """The vectors of one embedding in a block of rows.

    Args:
        products: with the directions, shape (n, 272), float64, whole numbers.
        states: of `kernels.fourier.grid_rows`, shape (n,), int64.
    """

    products: F64
    states: I64

    def cut(self, start: int, stop: int) -> Vectors:
        """Some of the rows; a view.

        Args:
            start: first row.
            stop: row behind the last.

        Returns:
            The vectors of these rows.
        """
        return Vectors(self.products[start:stop], self.states[start:stop])

    def copy(self) -> Vectors:
        return Vectors(self.products.copy(), self.states.copy())


@dataclass(frozen=True, slots=True, eq=False)
class RowLayout:
    """How columns of the traffic become features.

    Args:
        columns: of the traffic's rows.
        width: F.
        sources: columns that are features as they are, shape (K,), int64.
        targets: their places among the features, shape (K,), int64.
        groups: the embeddings.
    """

    columns: int
    width: int
    sources: I64
    targets: I64
    groups: tuple[Group, ...]

    def by_column(self, of_features: Sequence[T | None]) -> list[T | None]:
        """What belongs to features, in the order of the columns.

        Args:
            of_features: one for each feature.

        Returns:
            One for each column; None for the components of an embedding.
        """
        found: list[T | None] = [None] * self.columns
        for source, target in zip(self.sources.tolist(), self.targets.tolist(), strict=True):
            found[source] = of_features[target]
        return found

    def name_features(self, columns: Sequence[FeatureSpec]) -> tuple[FeatureSpec, ...]:
        """The features that columns become.

        Args:
            columns: one for each of the traffic's columns, all of one role.

        Returns:
            One for each feature.
        """
        specs = [columns[0]] * self.width if columns else []
        for source, target in zip(self.sources.tolist(), self.targets.tolist(), strict=True):
            specs[target] = columns[source]
        for group in self.groups:
            for place, name in enumerate(group.features, group.target):
                specs[place] = FeatureSpec(name, columns[group.first].role, "numeric")
        return tuple(specs)

    def reduce(self, matrix: F64) -> tuple[F64, tuple[Vectors, ...]]:
        """Features of a block of rows.

        Args:
            matrix: shape (n, columns), float64, C order.

        Returns:
            Shape (n, F), float64, C order: the matrix itself when there are no embeddings; and the vectors of
            each group.

        Raises:
            ShapeMismatch: "rows: expected 384 columns of float64 in C order, got (3, 19) float64".
        """
        if not self.groups:
            return matrix, ()
        sound = matrix.ndim == 2 and matrix.shape[1] == self.columns and matrix.dtype == np.float64
        if not sound or not matrix.flags.c_contiguous:
            raise ShapeMismatch(
                f"rows: expected {self.columns} columns of float64 in C order, "
                f"got {matrix.shape} {matrix.dtype}"
            )
        features = np.empty((matrix.shape[0], self.width))
        features[:, self.targets] = matrix[:, self.sources]
        vectors = tuple(_reduce(matrix, group, features) for group in self.groups)
        return features, vectors


def plain_layout(width: int) -> RowLayout:
    """The layout of rows without embeddings.

    Args:
        width: F.

    Returns:
        Every column is a feature.
    """
    places = np.arange(width, dtype=np.int64)
    return RowLayout(width, width, places, places, ())


def find_tensors(schema: Schema) -> dict[str, tuple[int, int]]:
    """Tensors of several numeric columns.

    Args:
        schema: of the traffic.

    Returns:
        Name to first column and number of columns, of those whose columns are NAME[0], NAME[1] ... in a row.
    """
    found: dict[str, tuple[int, int]] = {}
    place = 0
    while place < len(schema.names):
        match = _COLUMN.fullmatch(schema.names[place])
        end = place + 1
        if match is not None and match[2] == "0":
            end = _end_of(schema, match[1], place)
            if end - place > 1:
                found[match[1]] = (place, end - place)
        place = end
    return found


def lay_out(columns: int, chosen: Sequence[tuple[str, int, int]]) -> RowLayout:
    """The layout of rows in which some neighbouring columns are embeddings.

    Args:
        columns: of the traffic's rows.
        chosen: name, first column and dimension of each embedding, in the order of the columns.

    Returns:
        Features in the order of the columns, those of an embedding in its place.
    """
    sources: list[int] = []
    targets: list[int] = []
    groups: list[Group] = []
    place = target = 0
    for name, first, dimension in [*chosen, ("", columns, 0)]:
        sources += range(place, first)
        targets += range(target, target + first - place)
        target += first - place
        place = first + dimension
        if dimension:
            groups.append(Group(name, first, dimension, target))
            target += len(FEATURES)
    return RowLayout(
        columns, target, np.array(sources, dtype=np.int64), np.array(targets, dtype=np.int64), tuple(groups)
    )


def vector_features(name: str, vectors: F64) -> dict[str, F64]:
    """Features of the vectors of one embedding, as traffic gives them.

    Args:
        name: of the embedding: the column's in a file, the tensor's in traffic.
        vectors: shape (n, d), float64, C order.

    Returns:
        Shape (n,) each, by name: the norm and the projections.
    """
    layout = lay_out(vectors.shape[1], [(name, 0, vectors.shape[1])])
    features, _ = layout.reduce(vectors)
    return {feature: features[:, place].copy() for place, feature in enumerate(layout.groups[0].features)}


def _end_of(schema: Schema, name: str, first: int) -> int:
    end = first
    while (
        end < len(schema.names)
        and schema.kinds[end] == "numeric"
        and schema.names[end] == f"{name}[{end - first}]"
    ):
        end += 1
    return max(end, first + 1)


def _reduce(matrix: F64, group: Group, features: F64) -> Vectors:
    n = matrix.shape[0]
    norms, states = np.empty(n), np.empty(n, dtype=np.int64)
    products = np.empty((n, DIRECTIONS))
    steps = np.empty((min(n, BLOCK_ROWS), group.dimension))
    directions = direction_matrix(group.dimension)
    for start in range(0, n, BLOCK_ROWS):
        block = slice(start, min(start + BLOCK_ROWS, n))
        room = steps[: block.stop - start]
        grid_rows(matrix[block], group.first, room, norms[block], states[block])
        np.dot(room, directions, out=products[block])
    place = group.target
    features[:, place] = norms
    scale = GRID / math.sqrt(group.dimension)
    np.multiply(products[:, FOURIER:], scale, out=features[:, place + 1 : place + len(FEATURES)])
    odd = states != WHOLE
    if odd.any():
        values = np.where(states == INFINITE, np.inf, np.where(states == TYPE_ERROR, TYPE_ERROR_NAN, np.nan))
        features[odd, place : place + len(FEATURES)] = values[odd, None]
    return Vectors(products, states)
