"""How features moved together in the reference: a part of a reference file.

The rows are split in two, by turns. The principal components are those of the first half; the error to
expect is measured on the second, which had no say in them. On rows that did, the error would come out too
small, by more than a window's noise when there are a hundred features. Given the first half, the second half
and any later rows without drift have errors of one distribution.

What a row adds to the correlation r of standardised x and y is, to first order, g = x y - r (x^2 + y^2) / 2.
Its variance over (1 - r^2)^2 is 1 for normal values and larger for heavy tails; its skewness and its kurtosis
say how far a window's mean of g is from normal, which matters where two things are rare: features that are 1
in one row of a hundred meet in one of ten thousand, and meeting once looks like a correlation. Where the
reference holds no such row, the product of the features' own moments, which is that of independent ones,
stands for the pair's.

Source: influence function of the correlation, Devlin, Gnanadesikan and Kettenring (1975).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isfinite, nan
from typing import Any, get_args

import msgspec
import numpy as np

from kernels.binning import F64, I64
from kernels.second_moments import step_of
from sidecar.errors import BadReference
from sidecar.profile.damage import decode_part, refusing
from sidecar.profile.feature import Role
from sidecar.profile.joint import JointSpace, JointSums
from sidecar.profile.principal import Principal, find_principal
from sidecar.profile.reference import FeatureReference

VERSION = 1
TURN_ROWS = 32
LEAST_ROWS = 100  # of either half
MAX_FEATURES = 128
MOST_VALUES = 2_000_000  # rows times features that are joined: 16 MB, and as much again a few times over
SHAPE_ROWS = 4096  # rows that the shapes are measured on: a pass over them for every feature
DIGITS = 12  # binary digits of a shape: fewer than what two machines' sums differ in


@dataclass(frozen=True, slots=True, eq=False)
class JointReference:
    """Sums of products of J features.

    Args:
        names: of the features.
        scales: pivot and step of each, shape (J, 2), float64.
        trained: sums of the rows that the components come from.
        tested: sums of the other rows.
        shapes: of g for each pair: variance over (1 - r^2)^2, |skewness| and kurtosis, shape (3, J, J); at
            least 1, 0 and 3.
        components: k.
        error_variance: variance of the tested rows' errors; NaN when there is no error to speak of.
    """

    names: tuple[str, ...]
    scales: F64
    trained: JointSums
    tested: JointSums
    shapes: F64
    components: int
    error_variance: float

    def total(self) -> JointSums:
        """Sums of all rows; a copy."""
        total = self.trained.copy()
        total.merge(self.tested)
        return total

    def among(self, names: Sequence[str]) -> tuple[JointReference, JointSpace]:
        """The part of it that some traffic has.

        Args:
            names: of the traffic's features, in the order of their columns.

        Returns:
            The reference of the features that both have, and where they lie. If some of the reference's are
            missing there is no error to expect: its variance is NaN.
        """
        places = {name: place for place, name in enumerate(names)}
        kept = [at for at, name in enumerate(self.names) if name in places]
        columns = np.array([places[self.names[at]] for at in kept], dtype=np.int64)
        space = JointSpace(tuple(self.names[at] for at in kept), columns, self.scales[kept].copy())
        if len(kept) == len(self.names):
            return self, space
        part = replace(
            self,
            names=space.names,
            scales=space.scales,
            trained=_among(self.trained, kept),
            tested=_among(self.tested, kept),
            shapes=self.shapes[np.ix_(range(3), kept, kept)],
            error_variance=nan,
        )
        return part, space


def part_name(role: Role) -> str:
    """Name of the part in `Reference.parts`.

    Args:
        role: of the features.

    Returns:
        `joint_input` or `joint_output`.
    """
    return f"joint_{role}"


def build_joint(
    features: Sequence[FeatureReference],
    matrix: F64,
    max_features: int = MAX_FEATURES,
    turn_rows: int = TURN_ROWS,
) -> JointReference | None:
    """How the numeric features of some rows move together.

    Args:
        features: F references of one role, of which pivot and unit are taken.
        matrix: rows in an order of their own (a sample's, or that of arrival), shape (n, F), float64, C
            order; of very many the first ones are taken.
        max_features: most features joined; the first ones are.
        turn_rows: rows of a turn: some when neighbours may depend on each other, one when equal rows may lie
            side by side.

    Returns:
        The reference; None with fewer than two numeric features or too few rows for two halves.
    """
    columns = [place for place, feature in enumerate(features) if feature.spec.kind == "numeric"][
        :max_features
    ]
    if len(columns) < 2 or matrix.shape[0] < 2 * LEAST_ROWS + TURN_ROWS:
        return None
    matrix = matrix[: max(2000, MOST_VALUES // len(columns))]
    chosen = [features[place] for place in columns]
    names = tuple(feature.spec.name for feature in chosen)
    scales = np.array([[feature.pivot, step_of(feature.unit)] for feature in chosen])
    space = JointSpace(names, np.array(columns, dtype=np.int64), scales)
    rounded, absent = space.rounded(matrix)
    first = np.arange(matrix.shape[0]) // turn_rows % 2 == 0
    trained, tested = _sums(rounded[first], absent[first]), _sums(rounded[~first], absent[~first])
    principal = find_principal(trained)
    variance = _error_variance(principal, rounded[~first])
    total = trained.copy()
    total.merge(tested)
    shapes = _shapes(correlations(total)[1], *_scores(rounded, absent))
    return JointReference(names, scales, trained, tested, shapes, principal.components, variance)


def joint_parts(features: Sequence[FeatureReference], matrix: F64) -> dict[str, bytes]:
    """The parts of a reference made from files.

    Args:
        features: F references, inputs and outputs.
        matrix: a sample in an order of the rows' own making, shape (n, F), float64.

    Returns:
        A packed part for each role that has enough features and rows, by name.
    """
    parts: dict[str, bytes] = {}
    for role in get_args(Role):
        places = [place for place, feature in enumerate(features) if feature.spec.role == role]
        chosen = [features[place] for place in places]
        joint = build_joint(chosen, np.ascontiguousarray(matrix[:, places]), turn_rows=1)
        if joint is not None:
            parts[part_name(role)] = pack_joint(joint)
    return parts


def pack_joint(joint: JointReference) -> bytes:
    """The part's bytes.

    Args:
        joint: any.

    Returns:
        msgpack; `unpack_joint` gives the same again.
    """
    upper = np.triu_indices(len(joint.names), 1)
    return msgspec.msgpack.encode(
        {
            "version": VERSION,
            "names": list(joint.names),
            "scales": joint.scales.astype("<f8").tobytes(),
            "trained": joint.trained.to_state(),
            "tested": joint.tested.to_state(),
            "shapes": joint.shapes[:, *upper].astype("<f4").tobytes(),
            "components": joint.components,
            "error_variance": joint.error_variance if isfinite(joint.error_variance) else None,
        }
    )


def unpack_joint(part: bytes) -> JointReference:
    """The part of a reference file.

    Args:
        part: from `pack_joint`.

    Returns:
        The same.

    Raises:
        BadReference: "joint part: expected version 1, got 2"; likewise when fields are missing or do not fit.
    """
    with refusing(BadReference, "joint part", "its fields"):
        return _unpack(decode_part(part, "joint part", VERSION, "version"))


def _unpack(fields: dict[str, Any]) -> JointReference:
    names = tuple(fields["names"])
    width = len(names)
    scales = np.frombuffer(fields["scales"], dtype="<f8").astype(np.float64).reshape(width, 2)
    if not np.all(np.isfinite(scales)) or not np.all(scales[:, 1] > 0.0) or len(set(names)) != width:
        raise ValueError("names or scales that do not fit")
    shapes = np.zeros((3, width, width))
    i, j = np.triu_indices(width, 1)
    shapes[:, i, j] = np.frombuffer(fields["shapes"], dtype="<f4").reshape(3, -1)
    shapes += shapes.transpose(0, 2, 1)
    variance = fields["error_variance"]
    return JointReference(
        names,
        scales,
        JointSums.from_state(fields["trained"], width),
        JointSums.from_state(fields["tested"], width),
        shapes,
        int(fields["components"]),
        nan if variance is None else float(variance),
    )


def _sums(rounded: F64, absent: F64) -> JointSums:
    sums = JointSums.empty(rounded.shape[1])
    sums.add_rounded(rounded, absent, int(absent.sum()))
    return sums


def _error_variance(principal: Principal, rounded: F64) -> float:
    if principal.components == 0:
        return nan
    return float(f"{np.var(principal.row_errors(rounded), ddof=1):.6g}")  # as machines agree on


def correlations(sums: JointSums) -> tuple[I64, F64]:
    """Correlations over the rows in which both features are present.

    Args:
        sums: any.

    Returns:
        Rows of each pair, and the correlations, shape (J, J); NaN where a feature does not vary.
    """
    n, first, squares, products = sums.pairs()
    rows = np.maximum(n, 1).astype(np.float64)
    mean, mean_square = first / rows, squares / rows
    variance = mean_square - mean * mean
    covariance = products / rows - mean * mean.T
    spread = variance * variance.T
    varies = (variance > 0.0) & (variance.T > 0.0) & (n > 1)
    found = np.where(varies, covariance / np.sqrt(np.where(varies, spread, 1.0)), nan)
    return n, np.clip(found, -1.0, 1.0)


def _scores(rounded: F64, absent: F64) -> tuple[F64, F64]:
    """Standardised values, 0 where absent, and where they are present."""
    present = 1.0 - absent
    rows = np.maximum(present.sum(axis=0), 1.0)
    centred = (rounded - rounded.sum(axis=0) / rows) * present
    deviation = np.sqrt((centred**2).sum(axis=0) / rows)
    return centred / np.where(deviation > 0.0, deviation, 1.0), present


def _shapes(r: F64, scores: F64, present: F64) -> F64:
    rows = np.maximum(present.sum(axis=0), 1.0)
    squares = scores * scores
    skew = np.abs((squares * scores).sum(axis=0)) / rows
    kurtosis = (squares * squares).sum(axis=0) / rows
    scores, present, squares = scores[:SHAPE_ROWS], present[:SHAPE_ROWS], squares[:SHAPE_ROWS]
    shapes = np.empty((3, rows.size, rows.size))
    for i in range(rows.size):
        slope = np.where(np.isfinite(r[i]), r[i], 0.0)
        both = present[:, [i]] * present
        n = np.maximum(both.sum(axis=0), 1.0)
        added = (scores[:, [i]] * scores - 0.5 * slope * (squares[:, [i]] + squares)) * both
        added -= both * (added.sum(axis=0) / n)
        square = added * added
        variance = np.maximum(square.sum(axis=0) / n, 1e-12)
        shapes[0, i] = np.maximum(variance / np.maximum((1.0 - slope**2) ** 2, 1e-6), 1.0)
        shapes[1, i] = np.maximum(np.abs((square * added).sum(axis=0) / n) / variance**1.5, skew[i] * skew)
        shapes[2, i] = np.maximum((square * square).sum(axis=0) / n / variance**2, kurtosis[i] * kurtosis)
    shapes[2] = np.maximum(shapes[2], 3.0)
    return _shortened(np.maximum(shapes, shapes.transpose(0, 2, 1)))


def _shortened(numbers: F64) -> F64:
    mantissa, exponent = np.frexp(numbers)
    shortened: F64 = np.ldexp(np.rint(np.ldexp(mantissa, DIGITS)), exponent - DIGITS)
    return shortened


def _among(sums: JointSums, kept: Sequence[int]) -> JointSums:
    square = np.ix_(kept, kept)
    gaps = sums.gaps[np.ix_(range(len(sums.gaps)), kept, kept)]
    return JointSums(sums.rows, sums.sums[list(kept)].copy(), sums.products[square].copy(), gaps)
