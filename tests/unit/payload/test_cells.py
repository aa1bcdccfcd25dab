from __future__ import annotations

import math

import numpy as np
import pytest

from kernels.lanes import type_errors
from sidecar.errors import Malformed, TooManyColumns
from sidecar.payload.cells import (
    FAULT_LIMIT,
    check_names,
    check_size,
    clip_faults,
    count_faults,
    flatten,
    name_columns,
    plural,
    settle_rows,
    show_name,
    to_floats,
    to_matrix,
    to_texts,
)
from sidecar.payload.columns import CELL_LIMIT, NAME_LIMIT, NOT_A_TEXT


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("age", "age"),
        ("größe", "größe"),
        ("a\nb", "'a\\nb'"),
        ("\x1b[31m", "'\\x1b[31m'"),
        ("x" * 64, "x" * 64),
        ("x" * 65, "x" * 61 + "..."),
    ],
)
def test_names_are_shown_in_one_short_line(name: str, shown: str) -> None:
    assert show_name(name) == shown


def test_flatten_is_row_major_at_any_depth() -> None:
    assert flatten([]) == []
    assert flatten([1, [2, [3, []], "t"], None, [[{}]]]) == [1, 2, 3, "t", None, {}]
    deep: list[object] = [1]
    for _ in range(5000):
        deep = [deep, 2]
    assert flatten(deep) == [1] + [2] * 5000


def test_clean_numbers() -> None:
    floats, strange = to_floats([1, 2.5, True, False, -3])
    assert (floats.tolist(), strange) == ([1.0, 2.5, 1.0, 0.0, -3.0], [])
    assert to_floats([])[0].tolist() == []


def test_missing_and_strange_numbers() -> None:
    floats, strange = to_floats([1, None, "2", [], {}, 10**400, -(10**400), True])
    expected = [1.0, math.nan, math.nan, math.nan, math.nan, math.inf, -math.inf, 1.0]
    np.testing.assert_array_equal(np.array(floats), expected)
    assert strange == [2, 3, 4]
    assert np.flatnonzero(type_errors(np.array(floats))).tolist() == strange


@pytest.mark.parametrize("rows", [0, 1, 3])
def test_matrix_of_columns(rows: int) -> None:
    matrix, faults = to_matrix(list(range(2 * rows)), ("a", "b"), rows)
    assert matrix.shape == (rows, 2)
    assert matrix.flags.c_contiguous
    assert matrix.T.ravel().tolist() == list(range(2 * rows))
    assert faults == []


def test_matrix_without_columns_and_with_faults() -> None:
    assert to_matrix([], (), 3)[0].shape == (3, 0)
    assert to_matrix([], (), 1)[0].shape == (1, 0)
    assert to_matrix([1, "x", "y", {}], ("a", "b"), 2)[1] == [
        "a: 1 value is not a number",
        "b: 2 values are not numbers",
    ]


def test_texts() -> None:
    assert to_texts(["a", None], "c") == (["a", None], [])
    assert to_texts([], "c") == ([], [])
    assert to_texts(["a", 1, None], "c") == (["a", NOT_A_TEXT, None], ["c: 1 value is not text"])
    assert to_texts([True, [], "b"], "c") == ([NOT_A_TEXT, NOT_A_TEXT, "b"], ["c: 2 values are not text"])


def test_faults_are_counted_by_column_in_their_order() -> None:
    assert count_faults([1, 0, 1], ["a", "b"]) == [
        "a: 1 value is not a number",
        "b: 2 values are not numbers",
    ]
    assert count_faults([], []) == []


def test_faults_are_clipped() -> None:
    lines = [str(at) for at in range(FAULT_LIMIT + 2)]
    assert clip_faults(lines[:FAULT_LIMIT]) == tuple(lines[:FAULT_LIMIT])
    assert clip_faults(lines[:-1])[-1] == "1 more fault"
    assert clip_faults(lines) == (*lines[:FAULT_LIMIT], "2 more faults")


def test_plural() -> None:
    assert [plural(n, "row", "rows") for n in (0, 1, 2)] == ["0 rows", "1 row", "2 rows"]


def test_names_of_a_tensor() -> None:
    assert name_columns("x", 1) == ["x"]
    assert name_columns("x", 2) == ["x[0]", "x[1]"]


def test_sizes() -> None:
    check_size("v1", 0, 1, 4)
    check_size("v1", CELL_LIMIT // 4, 4, 4)
    with pytest.raises(TooManyColumns) as caught:
        check_size("v1", 1, 5, 4)
    assert str(caught.value) == "v1: columns: expected at most 4, got 5"
    with pytest.raises(Malformed) as none:
        check_size("v1", 1, 0, 4)
    assert str(none.value) == "v1: columns: expected at least 1, got 0"
    with pytest.raises(Malformed) as cells:
        check_size("v1", CELL_LIMIT, 2, 4)
    assert str(cells.value) == f"v1: cells: expected at most {CELL_LIMIT}, got {CELL_LIMIT} rows of 2 columns"


def test_names_are_unique_and_short() -> None:
    check_names("v1", ["a", "b", "c" * NAME_LIMIT])
    with pytest.raises(Malformed) as twice:
        check_names("v1", ["a", "b", "b"])
    assert str(twice.value) == "v1: b: expected one column of this name, got more"
    with pytest.raises(Malformed) as long:
        check_names("v1", ["a" * (NAME_LIMIT + 16)])
    assert str(long.value) == "v1: columns: expected names of at most 266 characters, got 272"


def test_rows_that_agree_or_not() -> None:
    assert settle_rows(["a", "b"], [3, 3]) == (3, [True, True], [])
    assert settle_rows(["a", "b", "c"], [1, 5, 2]) == (
        5,
        [True, True, False],
        ["a: 1 row beside 5, repeated", "c: 2 rows beside 5, left out"],
    )
    assert settle_rows(["a", "b"], [0, 1]) == (1, [False, True], ["a: 0 rows beside 1, left out"])
    assert settle_rows(["a"], [0]) == (0, [True], [])
