from __future__ import annotations

import math

import numpy as np
import pytest

from sidecar.compare.segments import CELLS, MOST_FEATURES
from sidecar.mirror.axes import TEXT_LIMIT, InputAxes, row_of
from sidecar.payload.columns import Columns, intern_schema

SCHEMA = intern_schema(("age", "city"), ("numeric", "categorical"))


def axes_of(ages, cities):
    return InputAxes(SCHEMA, [((age,), (city,)) for age, city in zip(ages, cities, strict=True)])


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
    assert row_of(columns, 1) == ((2.0,), (None,))


def test_of_a_row_no_more_is_kept_than_is_looked_at():
    names = [f"n{k}" for k in range(100)], [f"t{k}" for k in range(100)]
    schema = intern_schema((*names[0], *names[1]), ("numeric",) * 100 + ("categorical",) * 100)
    columns = Columns(
        "v2", "request", None, None, None, 1, schema, np.zeros((1, 100)), (["x" * 100_000],) * 100, ()
    )
    numbers, texts = row_of(columns, 0)
    assert (len(numbers), len(texts)) == (MOST_FEATURES, MOST_FEATURES)
    assert {len(text) for text in texts} == {TEXT_LIMIT}
