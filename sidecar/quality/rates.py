"""What can be wrong with data, as rates with the share that the reference has of them.

| kind | a trial is | a success is | reference share |
|---|---|---|---|
| `missing` | a value | null, NaN or absent | as counted |
| `type_error` | a value | of a kind that the feature does not have | as counted |
| `unseen` | a present value | a category that the reference does not have | as counted (`other`) |
| `out_of_range` | a present value (1) | below the reference's least or above its greatest | 0 |
| `constant` | a block of 256 rows | at its end the last 200 values or more are all one | learnt |
| `duplicate_rows` | a block of 256 rows | (its share of) rows equal to an earlier one of it | learnt |
| `shape` | a message | columns absent, unknown, of another kind or in another order | learnt |

(1) The alarm looks at one row of every message, since rows of one message depend on each other.

**Out of range.** No row of the reference lies outside of its own extremes, an infinity that it holds being
one. Whatever the distribution, the chance of a next one to lie there is Beta(2, m - 1) distributed over
references of m rows: 2 in m + 1 on average, and above L / m with probability (1 + L) exp(-L). So the band
about 0 of m rows, which ends at L / m, holds it: with L = 10 it is missed once in 2,000 features.

**Constant.** With c the share of the fullest cell, the share of the commonest value is at most c, and the
chance that each of 199 values is equal to the one before at most c^199 when rows come in no order. c is what
is refuted with error 1e-4 at most, by Chernoff's bound: m kl(share, c) = ln 10^4. Traffic that follows the
clock has longer runs (the weather of one place stays for hours), so the share is learnt as well, and the
larger one taken. Features that are constant in the reference have no such rate.

**Learnt.** The share of the first 64 blocks (16,384 rows) or 1,000 messages, unless the reference tells it;
until then there is no rate to be watched.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from kernels.binning import F64, I64
from kernels.lanes import MISSING, NEG_INF, POS_INF, TYPE_ERROR
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.reference import FeatureReference
from sidecar.profile.repeats import BLOCK_ROWS

FeatureKind = Literal["missing", "type_error", "unseen", "out_of_range", "constant"]
RowKind = Literal["duplicate_rows", "shape"]
Kind = FeatureKind | RowKind

FEATURE_KINDS: tuple[FeatureKind, ...] = get_args(FeatureKind)
ROW_KINDS: tuple[RowKind, ...] = get_args(RowKind)
LEARN_BLOCKS = 64
LEARN_MESSAGES = 1000
ROWS_A_TRIAL = (BLOCK_ROWS, 1)  # in the order of ROW_KINDS
LEAST_TRIALS = (LEARN_BLOCKS * BLOCK_ROWS, LEARN_MESSAGES)
RUN_ROWS = 200  # a run of so many equal values makes a feature constant
REFUTED = math.log(1e4)


@dataclass(frozen=True, slots=True)
class QualityRate:
    """One rate with what the reference knows of it.

    Args:
        name: its kind.
        feature: whose it is; None for rates of whole rows and messages.
        reference_share: 0 to 1; None while it is being learnt.
        reference_rows: trials that the share rests on, >= 0.
    """

    name: Kind
    feature: str | None
    reference_share: float | None
    reference_rows: int


def feature_rates(
    specs: Sequence[FeatureSpec], features: Sequence[FeatureReference | None]
) -> tuple[QualityRate | None, ...]:
    """Rates of every feature.

    Args:
        specs: F features.
        features: for each its reference, None while that is being learnt.

    Returns:
        5 F rates: those of the first of `FEATURE_KINDS` for every feature, and so on. None where a feature
        has no such rate, or not yet.
    """
    known = list(zip(specs, features, strict=True))
    return tuple(
        None if feature is None or feature.rows == 0 else _rate(kind, spec, feature)
        for kind in FEATURE_KINDS
        for spec, feature in known
    )


def row_rate(kind: int, learnt: I64) -> QualityRate:
    """A rate of rows or messages.

    Args:
        kind: its place in `ROW_KINDS`.
        learnt: successes and trials that it is learnt from, shape (2,), int64.

    Returns:
        The rate, whose share is None while there are too few.
    """
    successes, trials = learnt.tolist()
    share = successes / trials if trials >= LEAST_TRIALS[kind] else None
    return QualityRate(ROW_KINDS[kind], None, share, trials // ROWS_A_TRIAL[kind])


def constant_rate(rate: QualityRate, learnt: I64) -> QualityRate:
    """The rate of blocks at whose end a feature is constant.

    Args:
        rate: as the reference has it.
        learnt: in how many blocks the feature was, and in how many it could have been, shape (2,), int64.

    Returns:
        The rate, whose share is None while there are too few.
    """
    successes, trials = learnt.tolist()
    share = max(successes / trials, rate.reference_share or 0.0) if trials >= LEARN_BLOCKS else None
    return QualityRate(rate.name, rate.feature, share, trials)


def all_rates(
    of_features: Sequence[QualityRate | None], learnt: I64, learnt_blocks: I64
) -> tuple[QualityRate | None, ...]:
    """Every rate, with what was learnt of some.

    Args:
        of_features: 5 F from `feature_rates`.
        learnt: successes and trials of `ROW_KINDS`, shape (2, 2), int64.
        learnt_blocks: of constant features, shape (F, 2), int64.

    Returns:
        5 F + 2 rates, those of `ROW_KINDS` last.
    """
    found = [
        constant_rate(rate, learnt_blocks[place % len(learnt_blocks)])
        if rate is not None and rate.name == "constant"
        else rate
        for place, rate in enumerate(of_features)
    ]
    return (*found, *(row_rate(kind, learnt[kind]) for kind in range(len(ROW_KINDS))))


def ranges(features: Sequence[FeatureReference | None]) -> F64:
    """What lies within the reference.

    Args:
        features: F references; None while one is being learnt.

    Returns:
        Shape (F, 2), float64: least and greatest value of a number, first and last code of a category;
        infinite where nothing is known, and where the reference holds that infinity.
    """
    found = np.tile([-np.inf, np.inf], (len(features), 1))
    for place, feature in enumerate(features):
        if feature is None:
            continue
        if feature.spec.kind == "categorical":
            found[place] = 1.0, float(len(feature.categories))
        elif feature.extremes[0] <= feature.extremes[1]:
            low, high = feature.extremes.tolist()
            found[place] = (
                -np.inf if feature.counts[NEG_INF] else low,
                np.inf if feature.counts[POS_INF] else high,
            )
    return found


def _rate(kind: FeatureKind, spec: FeatureSpec, feature: FeatureReference) -> QualityRate | None:
    rows, present = feature.rows, feature.present
    numeric = spec.kind == "numeric"
    if kind == "missing":
        return QualityRate(kind, spec.name, int(feature.counts[MISSING]) / rows, rows)
    if kind == "type_error":
        return QualityRate(kind, spec.name, int(feature.counts[TYPE_ERROR]) / rows, rows)
    if present == 0 or (kind == "unseen") == numeric:
        return None
    if kind == "unseen":
        return QualityRate(kind, spec.name, int(feature.cells[0]) / present, present)
    low, high = feature.extremes.tolist()
    if not low <= high:
        return None  # infinities only
    if kind == "out_of_range":
        return QualityRate(kind, spec.name, 0.0, present)
    if low == high:
        return None
    fullest = _refuted_above(int(feature.cells.max(initial=0)) / present, present)
    return QualityRate(kind, spec.name, fullest ** (RUN_ROWS - 1), present)


def _refuted_above(share: float, rows: int) -> float:
    """Highest true share that is not refuted by a share of so many rows (Chernoff)."""
    low, high = share, 1.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if rows * _relative_entropy(share, middle) > REFUTED:
            high = middle
        else:
            low = middle
    return high


def _relative_entropy(p: float, q: float) -> float:
    if q >= 1.0:
        return 0.0 if p >= 1.0 else math.inf
    first = p * math.log(p / q) if p > 0.0 else 0.0
    return first + ((1.0 - p) * math.log((1.0 - p) / (1.0 - q)) if p < 1.0 else 0.0)
