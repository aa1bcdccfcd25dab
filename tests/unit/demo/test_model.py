from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sidecar.demo.flights import NUMERIC, Flights, Split
from sidecar.demo.model import RIDGE, LateModel, load_model, score_auc, train_model


def test_the_model_tells_late_flights_from_others_on_rows_it_never_saw(
    flights: Flights, split: Split, model: LateModel
) -> None:
    held_out = flights.take(split.held_out)
    auc = score_auc(held_out.late, model.predict(held_out.numeric, held_out.texts))
    assert 0.65 < auc < 0.72  # 0.683; a leak of the label would give far more


def test_training_is_deterministic(flights: Flights, split: Split, model: LateModel) -> None:
    assert train_model(flights.take(split.training)) == model


def test_training_ends_where_the_penalised_likelihood_is_flat(
    flights: Flights, split: Split, model: LateModel
) -> None:
    known = flights.take(split.training)
    residual = known.late - model.predict(known.numeric, known.texts)
    assert residual.sum() == pytest.approx(0.0, abs=1e-6)  # the intercept's slope; it has no penalty
    for place, name in enumerate(NUMERIC):
        values = known.numeric[name]
        scaled = np.where(np.isnan(values), 0.0, (values - model.means[place]) / model.scales[place])
        assert float(scaled @ residual) == pytest.approx(RIDGE * model.weights[place], abs=1e-6)


def test_a_missing_value_counts_as_the_mean_and_an_unknown_category_as_none(
    flights: Flights, model: LateModel
) -> None:
    row = flights.take(np.array([0, 0]))
    row.numeric["temp"][:] = [np.nan, model.means[NUMERIC.index("temp")]]
    both = model.predict(row.numeric, row.texts)
    assert both[0] == both[1]
    unknown, missing = model.predict(row.numeric, row.texts | {"carrier": ["??", None]})
    assert unknown == missing
    assert unknown != both[0]


def test_a_saved_model_predicts_the_same(flights: Flights, model: LateModel, tmp_path: Path) -> None:
    model.save(tmp_path / "model.json")
    assert load_model(tmp_path / "model.json") == model


@pytest.mark.parametrize(
    ("late", "probability", "auc"),
    [
        ([0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], 1.0),
        ([1, 1, 0, 0], [0.1, 0.2, 0.3, 0.4], 0.0),
        ([0, 1, 0, 1], [0.5, 0.5, 0.5, 0.5], 0.5),
        ([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8], 0.75),
    ],
)
def test_auc_is_the_share_of_pairs_in_the_right_order(
    late: list[float], probability: list[float], auc: float
) -> None:
    assert score_auc(np.array(late, dtype=np.float64), np.array(probability)) == auc


def test_auc_of_one_class_is_not_a_number() -> None:
    assert np.isnan(score_auc(np.ones(3), np.array([0.1, 0.2, 0.3])))
