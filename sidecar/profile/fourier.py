"""The mean of random Fourier features of an embedding: linear in its length, and merged by addition.

    z_i(x) = sqrt(2 / D) cos(w_i x / bandwidth + b_i),   D = 256

The scalar product of two vectors' features is about exp(-|x - y|^2 / 2 bandwidth^2), so the distance of two
means is the maximum mean discrepancy of that kernel. Sums are whole numbers (kernels.fourier).

Source: Rahimi and Recht (2007); bandwidth by the median of distances, Gretton et al. (2012).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import msgspec
import numpy as np

from kernels.binning import F64, I64
from kernels.fourier import AMPLITUDE, GRID, WHOLE, add_cosines, cosine_table
from sidecar.errors import BadReference, ShapeMismatch
from sidecar.profile.damage import decode_part, refusing
from sidecar.profile.directions import FOURIER, SPREAD, phase_offsets

VERSION = 1
MEDIAN_ROWS = 500
LEAST_ROWS = 100
TABLE = cosine_table()


@dataclass(slots=True, eq=False)
class FourierSums:
    """Sums over whole vectors; any order and any grouping give the same bytes.

    Args:
        rows: N.
        totals: sum of each cosine, and of all squared cosines; shape (257,), int64, cosines in 1/4096.
    """

    rows: int
    totals: I64

    @classmethod
    def empty(cls) -> FourierSums:
        """Sums of no vectors."""
        return cls(0, np.zeros(FOURIER + 1, dtype=np.int64))

    def add(self, products: F64, states: I64, phases: F64) -> None:
        """Adds vectors.

        Args:
            products: with the directions, shape (n, >= 256), float64, C order.
            states: of `kernels.fourier.grid_rows`, shape (n,), int64.
            phases: of the reference.
        """
        self.rows += add_cosines(products, states, phases, TABLE, self.totals)

    def merge(self, other: FourierSums) -> None:
        """Adds other sums.

        Args:
            other: of the same directions and bandwidth.
        """
        self.rows += other.rows
        self.totals += other.totals

    def copy(self) -> FourierSums:
        return FourierSums(self.rows, self.totals.copy())

    def mean(self) -> F64:
        """Mean of z.

        Returns:
            Shape (256,); NaN without rows.
        """
        scale = math.sqrt(2.0 / FOURIER) / AMPLITUDE
        return self.totals[:FOURIER].astype(np.float64) * (scale / self.rows if self.rows else math.nan)

    def mean_square(self) -> float:
        """Mean of |z|^2, about 1.

        Returns:
            NaN without rows.
        """
        scale = 2.0 / FOURIER / AMPLITUDE**2
        return float(self.totals[FOURIER]) * scale / self.rows if self.rows else math.nan

    def to_state(self) -> dict[str, Any]:
        """The sums for a checkpoint, a snapshot or a reference."""
        return {"rows": self.rows, "totals": self.totals.astype("<i8").tobytes()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> FourierSums:
        """Sums of a checkpoint, a snapshot or a reference.

        Args:
            state: from `to_state`.

        Returns:
            The sums.

        Raises:
            ValueError: another number of totals.
        """
        totals = np.frombuffer(state["totals"], dtype="<i8").astype(np.int64)
        if totals.size != FOURIER + 1:
            raise ValueError(f"Fourier sums of {FOURIER + 1} totals, got {totals.size}")
        return cls(int(state["rows"]), totals)


@dataclass(frozen=True, slots=True, eq=False)
class FourierReference:
    """An embedding as it was: a part of a reference file.

    Args:
        name: of the embedding.
        dimension: d.
        bandwidth: of the kernel, in the components' unit.
        sums: of the reference's vectors.
        traces: of C, C^2 and C^3, C being the covariance matrix of z, without the bias that few rows give
            them.
    """

    name: str
    dimension: int
    bandwidth: float
    sums: FourierSums
    traces: tuple[float, float, float]

    def phases(self) -> F64:
        """What `FourierSums.add` takes."""
        return make_phases(self.bandwidth)


def make_phases(bandwidth: float) -> F64:
    """Turns a unit of a product, and the offsets.

    Args:
        bandwidth: > 0.

    Returns:
        Shape (257,).
    """
    return np.concatenate([[GRID / (SPREAD * bandwidth * 2.0 * math.pi)], phase_offsets()])


def part_name(name: str) -> str:
    """Name of the part in `Reference.parts`.

    Args:
        name: of the embedding.

    Returns:
        `embedding_NAME`.
    """
    return f"embedding_{name}"


def build_fourier(name: str, dimension: int, products: F64, states: I64) -> FourierReference | None:
    """What is kept of a reference's vectors.

    Args:
        name: of the embedding.
        dimension: d.
        products: of the vectors with the directions, shape (n, >= 256), float64, C order.
        states: of `kernels.fourier.grid_rows`, shape (n,), int64.

    Returns:
        The part; None with too few whole vectors.
    """
    whole = np.flatnonzero(states == WHOLE)
    if whole.size < LEAST_ROWS:
        return None
    bandwidth = _median_distance(products[whole[:MEDIAN_ROWS], :FOURIER])
    sums = FourierSums.empty()
    phases = make_phases(bandwidth)
    sums.add(products, states, phases)
    return FourierReference(name, dimension, bandwidth, sums, _traces(products[whole], phases))


def pack_fourier(reference: FourierReference) -> bytes:
    """The part's bytes.

    Args:
        reference: any.

    Returns:
        msgpack; `unpack_fourier` gives the same again.
    """
    return msgspec.msgpack.encode(
        {
            "version": VERSION,
            "name": reference.name,
            "dimension": reference.dimension,
            "bandwidth": reference.bandwidth,
            "sums": reference.sums.to_state(),
            "traces": list(reference.traces),
        }
    )


def unpack_fourier(part: bytes) -> FourierReference:
    """The part of a reference file.

    Args:
        part: from `pack_fourier`.

    Returns:
        The same.

    Raises:
        BadReference: "embedding part: expected version 1, got 2"; likewise when fields are missing or do not
            fit.
    """
    with refusing(BadReference, "embedding part", "its fields"):
        fields = decode_part(part, "embedding part", VERSION, "version")
        first, second, third = map(float, fields["traces"])
        bandwidth = float(fields["bandwidth"])
        if not (0.0 < bandwidth < math.inf and math.isfinite(first + second + third)):
            raise ValueError(f"a bandwidth of {bandwidth} and traces of {first}, {second}, {third}")
        sums = FourierSums.from_state(fields["sums"])
        return FourierReference(
            str(fields["name"]), int(fields["dimension"]), bandwidth, sums, (first, second, third)
        )


def check_dimension(reference: FourierReference, dimension: int) -> None:
    """Refuses vectors of another length.

    Args:
        reference: of the embedding.
        dimension: of the traffic's.

    Raises:
        ShapeMismatch: "emb: expected vectors of 384 components, got 768".
    """
    if reference.dimension != dimension:
        raise ShapeMismatch(
            f"{reference.name}: expected vectors of {reference.dimension} components, got {dimension}"
        )


def _median_distance(products: F64) -> float:
    """Median distance of vectors, from their products: the mean squared difference of a product is that of
    the vectors times the directions' variance."""
    squares = np.einsum("ij,ij->i", products, products)
    distances = squares[:, None] + squares[None, :] - 2.0 * (products @ products.T)
    median = float(np.median(distances[np.triu_indices(len(products), 1)]))
    distance = GRID * math.sqrt(max(median, 0.0) / products.shape[1]) / SPREAD
    return float(f"{distance:.6g}") if distance > 0.0 else 1.0


def _traces(products: F64, phases: F64) -> tuple[float, float, float]:
    """Of the covariance matrix of z and its powers; the bias is that of normal features (Wishart)."""
    features = np.empty((len(products), FOURIER))
    for start in range(0, len(products), MEDIAN_ROWS):
        turns = products[start : start + MEDIAN_ROWS, :FOURIER] * phases[0] + phases[1:]
        features[start : start + MEDIAN_ROWS] = np.cos(2.0 * math.pi * turns)
    features -= features.mean(axis=0)
    n = len(products) - 1
    covariance = features.T @ features * (2.0 / FOURIER / n)
    square = covariance @ covariance
    first, second, third = np.trace(covariance), np.sum(covariance**2), np.sum(square * covariance)
    second = (second - first**2 / n) * n * n / ((n - 1) * (n + 2))
    third -= 3.0 * (n + 1) / n**2 * first * second + first**3 / n**2
    third /= 1.0 + 3.0 / n + 4.0 / n**2
    second, third = max(second, first**2 / FOURIER), max(third, 0.0)
    return float(f"{first:.6g}"), float(f"{second:.6g}"), float(f"{max(third, second**2 / first):.6g}")
