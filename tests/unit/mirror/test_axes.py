from __future__ import annotations

import math

import numpy as np
import pytest

from sidecar.compare.redaction import NOTHING_HIDDEN, Redaction
from sidecar.compare.segments import CELLS, MOST_FEATURES
from sidecar.mirror.axes import TEXT_LIMIT, Features, InputAxes
from sidecar.mirror.state import AxesState
from sidecar.payload.columns import Columns, intern_schema

SCHEMA = intern_schema(("age", "city"), ("numeric", "categorical"))


def axes_of(ages, cities):
    rows = [((age,), (city,)) for age, city in zip(ages, cities, strict=True)]
    return InputAxes.learn(Features.of(SCHEMA, NOTHING_HIDDEN), rows)


def test_numbers_are_cut_into_equal_shares_and_texts_by_frequency():
    ages = np.arange(70.0)
    axes = axes_of(ages, ["a"] * 40 + ["b"] * 20 + [None] * 10)
    counts = np.bincount([axes.cells(((age,), ("a",)))[0] for age in ages], minlength=CELLS)
    assert counts.tolist()[:7] == pytest.approx([10] * 7, abs=1)
    assert axes.axes[0].cells[0] == "< 9"
    assert axes.axes[0].cells[1] == "[9, 19)"
    assert axes.axes[1].cells == ("a", "b", "other", "missing")


def test_what_is_missing_or_new_has_a_cell_of_its_own():
    axes = axes_of(np.arange(70.0), ["a"] * 70)
    assert axes.cells(((math.nan,), (None,))) == [CELLS - 1, 2]
    assert axes.cells(((1e9,), ("new",))) == [6, 1]
    assert axes.axes[0].cells[CELLS - 1] == axes.axes[1].cells[2] == "missing"


def test_a_constant_and_a_column_without_values():
    axes = axes_of([7.0] * 5, [None] * 5)
    assert [axes.axes[0].cells[axes.cells(((value,), (None,)))[0]] for value in (6.0, 7.0)] == ["< 7", ">= 7"]
    assert axes_of([math.nan] * 5, ["a"] * 5).axes[0].cells[0] == "any"


def test_every_category_has_a_cell_among_the_fewest():
    cities = [f"city {number}" for number in range(50)]
    axes = axes_of([1.0] * 50, cities)
    assert len(axes.axes[1].cells) == CELLS
    assert {axes.cells(((1.0,), (city,)))[1] for city in cities} == set(range(CELLS - 1))


def test_a_row_of_a_message():
    columns = Columns(
        "v2", "request", "m", None, None, 2, SCHEMA, np.array([[1.0], [2.0]]), (["a", None],), ()
    )
    assert Features.of(SCHEMA, NOTHING_HIDDEN).row(columns, 1) == ((2.0,), (None,))


@pytest.mark.parametrize(("n_numbers", "n_kept"), [(100, (MOST_FEATURES, 0)), (3, (3, MOST_FEATURES - 3))])
def test_of_a_row_no_more_is_kept_than_is_looked_at(n_numbers, n_kept):
    names = [f"n{k}" for k in range(n_numbers)], [f"t{k}" for k in range(100)]
    schema = intern_schema((*names[0], *names[1]), ("numeric",) * n_numbers + ("categorical",) * 100)
    texts = (["x" * 100_000],) * 100
    columns = Columns("v2", "request", None, None, None, 1, schema, np.zeros((1, n_numbers)), texts, ())
    numbers, texts = Features.of(schema, NOTHING_HIDDEN).row(columns, 0)
    assert (len(numbers), len(texts)) == n_kept
    assert {len(text) for text in texts} <= {TEXT_LIMIT}


def test_hidden_columns_are_not_looked_at():
    schema = intern_schema(
        ("a", "word", "b", "c", "name"), ("numeric", "categorical") + ("numeric",) * 2 + ("categorical",)
    )
    features = Features.of(schema, Redaction(("b", "word")))
    columns = Columns(
        "v2", "request", None, None, None, 1, schema, np.array([[1.0, 2.0, 3.0]]), (["w"], ["n"]), ()
    )
    assert (features.numeric, features.texts) == (("a", "c"), ("name",))
    assert features.row(columns, 0) == ((1.0, 3.0), ("n",))
    assert [axis.feature for axis in InputAxes.learn(features, [((1.0, 3.0), ("n",))]).axes] == [
        "a",
        "c",
        "name",
    ]


def test_cells_go_through_a_checkpoint():
    features = Features.of(SCHEMA, NOTHING_HIDDEN)
    axes = axes_of(np.arange(70.0), ["b"] * 40 + ["a"] * 30)
    resumed = InputAxes.from_state(axes.to_state(), features)
    assert resumed.axes == axes.axes
    for row in (((35.0,), ("a",)), ((math.nan,), ("b",)), ((-1.0,), (None,))):
        assert resumed.cells(row) == axes.cells(row)


def test_cells_that_would_not_fit_are_refused():
    features = Features.of(SCHEMA, NOTHING_HIDDEN)
    with pytest.raises(ValueError, match="more cells than are told apart"):
        InputAxes.from_state(AxesState([[float(k) for k in range(CELLS - 1)]], [[]]), features)
    with pytest.raises(ValueError, match="shorter"):
        InputAxes.from_state(AxesState([], [[]]), features)
