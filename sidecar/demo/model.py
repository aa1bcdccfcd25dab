"""The demonstration's model: a logistic regression that says how likely a flight is to arrive late."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from sidecar.demo.flights import CATEGORICAL, F64, FEATURES, INTEGERS, NUMERIC, Flights

MODEL_NAME = "late"
MODEL_VERSION = "1"
PROBABILITY = "late_probability"
DECISION = "late"
DATATYPES = {
    name: "BYTES" if name in CATEGORICAL else "INT64" if name in INTEGERS else "FP64" for name in FEATURES
}

RIDGE = 1.0  # penalty on the squared weights; keeps carriers with a handful of flights near the mean
STEPS = 25
CONVERGED = 1e-9  # largest change of a weight


@dataclass(frozen=True, slots=True)
class LateModel:
    """A trained model: everything that a prediction needs.

    Attributes:
        means, scales: of the numeric features in the order of NUMERIC; a missing value becomes the mean.
        categories: known values of each categorical feature; another value has no weight of its own.
        weights: numeric features first, then each category of each categorical feature.
        intercept: log odds of an average flight.
        threshold: probability from which on a flight is called late: the share of late flights in training.
    """

    means: tuple[float, ...]
    scales: tuple[float, ...]
    categories: dict[str, tuple[str, ...]]
    weights: tuple[float, ...]
    intercept: float
    threshold: float

    def predict(self, numeric: Mapping[str, F64], texts: Mapping[str, Sequence[str | None]]) -> F64:
        """Probability of a late arrival.

        Args:
            numeric: every feature of NUMERIC, NaN where missing.
            texts: every feature of CATEGORICAL, None where missing.

        Returns:
            Shape (rows,), in (0, 1).
        """
        design = _design(numeric, texts, np.array(self.means), np.array(self.scales), self.categories)
        return _logistic(design @ np.array(self.weights) + self.intercept)

    def save(self, path: Path) -> None:
        """Writes the model as JSON."""
        path.write_bytes(msgspec.json.encode(self))


def load_model(path: Path) -> LateModel:
    """Reads what `LateModel.save` wrote."""
    return msgspec.json.decode(path.read_bytes(), type=LateModel)


def train_model(flights: Flights) -> LateModel:
    """Fits the model.

    Args:
        flights: training rows.

    Returns:
        The maximum of the ridge-penalised likelihood, by Newton's method (iteratively reweighted least
        squares); the intercept is not penalised.
    """
    stacked = np.stack([flights.numeric[name] for name in NUMERIC])
    means, scales = np.nanmean(stacked, axis=1), np.nanstd(stacked, axis=1)
    categories = {name: tuple(sorted(set(flights.texts[name]))) for name in CATEGORICAL}
    design = _design(flights.numeric, flights.texts, means, scales, categories)
    solution = _fit(np.column_stack([np.ones(flights.rows), design]), flights.late)
    return LateModel(
        tuple(means.tolist()),
        tuple(scales.tolist()),
        categories,
        tuple(solution[1:].tolist()),
        float(solution[0]),
        float(flights.late.mean()),
    )


def score_auc(late: F64, probability: F64) -> float:
    """Area under the ROC curve: how often a late flight gets a higher probability than a punctual one.

    Args:
        late: labels 0 and 1, float64.
        probability: predictions, same shape.

    Returns:
        In [0, 1], from the rank sum (Mann and Whitney); ties count half; NaN when a class is absent.
    """
    is_late = late == 1.0
    n_late, n_punctual = int(is_late.sum()), int((~is_late).sum())
    if n_late == 0 or n_punctual == 0:
        return float("nan")
    _, where, counts = np.unique(probability, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2.0)[where]
    return float((ranks[is_late].sum() - n_late * (n_late + 1) / 2.0) / (n_late * n_punctual))


def _design(
    numeric: Mapping[str, F64],
    texts: Mapping[str, Sequence[str | None]],
    means: F64,
    scales: F64,
    categories: Mapping[str, tuple[str, ...]],
) -> F64:
    values = np.stack([numeric[name] for name in NUMERIC], axis=1)
    parts = [(np.where(np.isnan(values), means, values) - means) / scales]
    for name in CATEGORICAL:
        position = {category: index for index, category in enumerate(categories[name])}
        one_hot = np.eye(len(position) + 1, len(position))  # the last row, all zero, is for every other value
        parts.append(one_hot[[position.get(text or "", len(position)) for text in texts[name]]])
    return np.concatenate(parts, axis=1)


def _fit(design: F64, late: F64) -> F64:
    penalty = np.full(design.shape[1], RIDGE)
    penalty[0] = 0.0
    solution = np.zeros(design.shape[1])
    for _ in range(STEPS):
        probability = _logistic(design @ solution)
        slope = design.T @ (late - probability) - penalty * solution
        curvature = (design.T * (probability * (1.0 - probability))) @ design + np.diag(penalty)
        step = np.linalg.solve(curvature, slope)
        solution += step
        if np.abs(step).max() < CONVERGED:
            break
    return solution


def _logistic(log_odds: F64) -> F64:
    return 1.0 / (1.0 + np.exp(-log_odds))
