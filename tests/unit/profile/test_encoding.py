from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.lanes import TYPE_ERROR_NAN, type_errors
from sidecar.payload.columns import NOT_A_TEXT, Columns, intern_schema
from sidecar.profile.encoding import PLAN_LIMIT, RowEncoder, number_text
from sidecar.profile.feature import FeatureSpec
from sidecar.profile.vocabulary import Vocabulary


def columns_of(**values):
    kinds = tuple(
        "categorical" if isinstance(v[0], (str, type(None))) else "numeric" for v in values.values()
    )
    rows = len(next(iter(values.values())))
    numbers = [v for v, kind in zip(values.values(), kinds, strict=True) if kind == "numeric"]
    numeric = np.ascontiguousarray(np.array(numbers, dtype=np.float64).reshape(len(numbers), rows).T)
    texts = tuple(v for v, kind in zip(values.values(), kinds, strict=True) if kind == "categorical")
    schema = intern_schema(tuple(values), kinds)
    return Columns("v2", "request", "m", None, None, rows, schema, numeric, texts, ())


def specs(**kinds):
    return tuple(FeatureSpec(name, "input", kind) for name, kind in kinds.items())


def test_numeric_columns_in_order_are_passed_on():
    columns = columns_of(a=[1.0, 2.0], b=[3.0, 4.0])
    encoder = RowEncoder(specs(a="numeric", b="numeric"), (None, None))
    assert encoder.encode(columns) is columns.numeric
    assert encoder.encode(columns) is columns.numeric


def test_columns_are_matched_by_name():
    encoder = RowEncoder(specs(a="numeric", b="numeric"), (None, None))
    assert encoder.encode(columns_of(b=[3.0, 4.0], a=[1.0, 2.0])).tolist() == [[1.0, 3.0], [2.0, 4.0]]


def test_payload_names_are_mapped():
    names = {"x[0]": "age", "x[1]": "income"}
    encoder = RowEncoder(specs(income="numeric", age="numeric"), (None, None), names)
    assert encoder.encode(columns_of(**{"x[0]": [30.0], "x[1]": [9.0]})).tolist() == [[9.0, 30.0]]


def test_absent_column_is_missing_and_unknown_one_is_counted():
    encoder = RowEncoder(specs(a="numeric", b="numeric"), (None, None))
    matrix = encoder.encode(columns_of(a=[1.0], z=[5.0]))
    assert matrix[0, 0] == 1.0
    assert math.isnan(matrix[0, 1])
    assert encoder.n_unknown_columns == 1


def test_texts_become_codes():
    encoder = RowEncoder(specs(n="numeric", c="categorical"), (None, Vocabulary(("x", "y"), frozen=True)))
    matrix = encoder.encode(columns_of(c=["y", None, "z", "x"], n=[1.0, 2.0, 3.0, 4.0]))
    assert matrix[:, 0].tolist() == [1.0, 2.0, 3.0, 4.0]
    assert matrix[:, 1] == pytest.approx([2.0, math.nan, 0.0, 1.0], nan_ok=True)


def test_numbers_of_a_categorical_feature_are_taken_as_text():
    encoder = RowEncoder(specs(c="categorical"), (Vocabulary(("1", "2.5"), frozen=True),))
    matrix = encoder.encode(columns_of(c=[1.0, 2.5, math.nan, 7.0]))
    assert matrix[:, 0] == pytest.approx([1.0, 2.0, math.nan, 0.0], nan_ok=True)


def test_texts_of_a_numeric_feature_are_parsed():
    encoder = RowEncoder(specs(a="numeric"), (None,))
    matrix = encoder.encode(columns_of(a=["1.5", "x", None]))
    assert matrix[:, 0] == pytest.approx([1.5, math.nan, math.nan], nan_ok=True)
    assert type_errors(matrix)[:, 0].tolist() == [False, True, False]


@pytest.mark.parametrize("others", [{}, {"n": [1.0, 2.0, 3.0]}])
def test_a_value_of_another_kind_is_a_type_error_wherever_it_goes(others):
    """Through the plain path, a permutation, a gather with texts beside it, and both crossings."""
    vocabulary = Vocabulary(("1", "x"), frozen=True)
    features = specs(a="numeric", c="categorical", d="categorical", n="numeric")
    encoder = RowEncoder(features, (None, vocabulary, vocabulary, None))
    odd = [1.0, TYPE_ERROR_NAN, math.nan]
    matrix = encoder.encode(columns_of(**others, d=["x", NOT_A_TEXT, None], c=odd, a=odd))
    for column in (0, 1, 2):
        assert type_errors(matrix)[:, column].tolist() == [False, True, False]
        assert np.isnan(matrix[:, column]).tolist() == [False, True, True]
    permuted = RowEncoder(specs(n="numeric", a="numeric"), (None, None))
    assert type_errors(permuted.encode(columns_of(a=odd, n=[1.0, 2.0, 3.0]))).sum() == 1


def test_no_rows_and_no_columns():
    encoder = RowEncoder(specs(a="numeric"), (None,))
    empty = Columns("v2", "request", None, None, None, 0, intern_schema((), ()), np.empty((0, 0)), (), ())
    assert encoder.encode(empty).shape == (0, 1)


def test_ever_new_schemas_do_not_pile_up():
    encoder = RowEncoder(specs(a="numeric"), (None,))
    for k in range(3 * PLAN_LIMIT):
        assert encoder.encode(columns_of(**{"a": [float(k)], f"z{k}": [0.0]}))[0, 0] == k
    assert len(encoder._plans) <= PLAN_LIMIT


@pytest.mark.parametrize(
    ("value", "text"), [(3.0, "3"), (-0.5, "-0.5"), (1e22, "10000000000000000000000"), (math.inf, "inf")]
)
def test_number_text(value, text):
    assert number_text(value) == text


def test_scattered_columns_find_their_places():
    encoder = RowEncoder(
        specs(a="numeric", c="categorical", b="numeric", gone="numeric"),
        (None, Vocabulary(("x",), frozen=True), None, None),
    )
    matrix = encoder.encode(columns_of(b=[2.0, 4.0], z=[9.0, 9.0], a=[1.0, 3.0], c=["x", "y"]))
    assert matrix[:, :3].tolist() == [[1.0, 1.0, 2.0], [3.0, 0.0, 4.0]]
    assert np.isnan(matrix[:, 3]).all()
    assert matrix.flags.c_contiguous


def test_permuted_columns_are_in_c_order():
    encoder = RowEncoder(specs(a="numeric", b="numeric"), (None, None))
    assert encoder.encode(columns_of(b=[3.0, 4.0], a=[1.0, 2.0])).flags.c_contiguous
