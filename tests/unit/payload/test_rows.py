from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from sidecar.errors import Malformed, TooManyColumns
from sidecar.payload.columns import CELL_LIMIT
from sidecar.payload.rows import RowReader, Table

NAN = math.nan


def rows(values: list[Any], column_limit: int = 64) -> Table:
    table = RowReader("v1", column_limit).read_rows("x", values)
    check(table)
    return table


def tensors(value: Any) -> Table:
    table = RowReader("v1", 64).read_tensors("x", value)
    check(table)
    return table


def check(table: Table) -> None:
    assert table.numeric.shape == (table.rows, table.schema.kinds.count("numeric"))
    assert table.numeric.dtype == np.float64
    assert table.numeric.flags.c_contiguous
    assert [len(column) for column in table.texts] == [table.rows] * table.schema.kinds.count("categorical")


@pytest.mark.parametrize(
    ("values", "names", "numeric"),
    [
        ([1, 2.5, True], ("x",), [[1], [2.5], [1]]),
        ([[1], [2]], ("x",), [[1], [2]]),
        ([[1, 2], [3, False]], ("x[0]", "x[1]"), [[1, 2], [3, 0]]),
        ([[[1, 2], [3, 4]]], ("x[0]", "x[1]", "x[2]", "x[3]"), [[1, 2, 3, 4]]),
        ([{"a": 1, "b": 2}, {"b": 4, "a": 3}], ("a", "b"), [[1, 2], [3, 4]]),
        ([{"a": [1, 2], "b": [3]}], ("a[0]", "a[1]", "b"), [[1, 2, 3]]),
        ([10**400, 1], ("x",), [[math.inf], [1]]),
    ],
)
def test_numbers(values: list[Any], names: tuple[str, ...], numeric: list[list[float]]) -> None:
    table = rows(values)
    assert (table.schema.names, table.numeric.tolist(), table.faults) == (names, numeric, ())


@pytest.mark.parametrize(
    ("values", "numeric", "faults"),
    [
        ([1, None], [[1], [NAN]], ()),
        ([None, None], [[NAN], [NAN]], ()),
        ([1, "t", "u"], [[1], [NAN], [NAN]], ("x: 2 values are not numbers",)),
        ([[1, "t"], [2, 3]], [[1, NAN], [2, 3]], ("x[1]: 1 value is not a number",)),
        ([[1, 2], None], [[1, 2], [NAN, NAN]], ("x: rows of 0 to 2 values",)),
        ([[1, 2], [3]], [[1, 2], [3, NAN]], ("x: rows of 1 to 2 values",)),
        ([[1, 2], 3], [[1, 2], [3, NAN]], ("x: rows of 1 to 2 values",)),
        ([{"a": 1}, {"b": 2}], [[1, NAN], [NAN, 2]], ()),
        ([{"a": 1}, 5, None], [[1], [NAN], [NAN]], ("x: 2 rows are not objects",)),
        ([{"a": {"deep": 1}}, {"a": 2}], [[NAN], [2]], ("a: 1 value is not a number",)),
        ([{"b64": "eA=="}, 1], [[NAN], [1]], ("x: 1 value is not a number",)),
    ],
)
def test_missing_and_strange_values(
    values: list[Any], numeric: list[list[float]], faults: tuple[str, ...]
) -> None:
    table = rows(values)
    np.testing.assert_array_equal(table.numeric, numeric)
    assert table.faults == faults


@pytest.mark.parametrize(
    ("values", "names", "texts"),
    [
        (["a", None], ("x",), (["a", None],)),
        ([["a", "b"]], ("x[0]", "x[1]"), (["a"], ["b"])),
        ([{"b64": "eA=="}, {"b64": "eQ=="}], ("x",), (["eA==", "eQ=="],)),
        ([{"b64": "eA=="}, "plain"], ("x",), (["eA==", "plain"],)),
        ([{"s": {"b64": "eA=="}}, {}], ("s",), (["eA==", None],)),
        ([{"b64": "eA==", "k": "v"}], ("b64", "k"), (["eA=="], ["v"])),
        ([{"b64": 5, "s": "t"}], ("b64", "s"), (["t"],)),
    ],
)
def test_texts(values: list[Any], names: tuple[str, ...], texts: tuple[list[str | None], ...]) -> None:
    table = rows(values)
    assert (table.schema.names, table.texts, table.faults) == (names, texts, ())


def test_kinds_keep_their_order() -> None:
    table = rows([{"s": "t", "n": 1, "u": ["v", 2]}])
    assert table.schema.names == ("s", "n", "u[0]", "u[1]")
    assert table.schema.kinds == ("categorical", "numeric", "categorical", "numeric")
    assert (table.numeric.tolist(), table.texts) == ([[1, 2]], (["t"], ["v"]))


@pytest.mark.parametrize("values", [[[1, 2], [3, 4]], [{"a": 1}], [1], [{"a": "t", "b": 1}]])
def test_repeated_rows_share_one_schema(values: list[Any]) -> None:
    reader = RowReader("v1", 64)
    first = reader.read_rows("x", values)
    assert reader.read_rows("x", values * 2).schema is first.schema
    assert RowReader("v1", 64).read_rows("x", values).schema is first.schema


@pytest.mark.parametrize(
    ("value", "names", "numeric", "faults"),
    [
        ([[1, 2], [3, 4]], ("x[0]", "x[1]"), [[1, 2], [3, 4]], ()),
        (5, ("x",), [[5]], ()),
        ({"a": [1, 2]}, ("a",), [[1], [2]], ()),
        ({"a": [1, 2], "b": [3, 4]}, ("a", "b"), [[1, 3], [2, 4]], ()),
        ({"a": [[1, 2]], "b": 3}, ("a[0]", "a[1]", "b"), [[1, 2, 3]], ()),
        (
            {"a": [1, 2], "b": [[3, 4]]},
            ("a", "b[0]", "b[1]"),
            [[1, 3, 4], [2, 3, 4]],
            ("b: 1 row beside 2, repeated",),
        ),
        ({"a": [1, 2, 3], "b": [1, 2]}, ("a",), [[1], [2], [3]], ("b: 2 rows beside 3, left out",)),
        ({"a": [1, 2], "b": []}, ("a",), [[1], [2]], ("b: 0 rows beside 2, left out",)),
    ],
)
def test_tensors(
    value: Any, names: tuple[str, ...], numeric: list[list[float]], faults: tuple[str, ...]
) -> None:
    table = tensors(value)
    assert (table.schema.names, table.numeric.tolist(), table.faults) == (names, numeric, faults)


def test_tensors_of_text() -> None:
    assert tensors({"b64": "eA=="}).texts == (["eA=="],)
    table = tensors({"a": ["s", "t"], "b": [{"b64": "eA=="}], "c": [1, 2]})
    assert (table.texts, table.numeric.tolist()) == ((["s", "t"], ["eA==", "eA=="]), [[1], [2]])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "v1: x: expected at least 1 row, got 0"),
        ([[]], "v1: columns: expected at least 1, got 0"),
        ([{}], "v1: columns: expected at least 1, got 0"),
        ([{"a[0]": 1, "a": [2, 3]}], "v1: a[0]: expected one column of this name, got more"),
        ([{"a" * 300: "t"}], "v1: columns: expected names of at most 266 characters, got 300"),
        ([{"a" * 300: 1}], "v1: columns: expected names of at most 266 characters, got 300"),
    ],
)
def test_complaints(values: list[Any], message: str) -> None:
    with pytest.raises(Malformed) as caught:
        rows(values)
    assert str(caught.value) == message


@pytest.mark.parametrize("value", [[], {"a": []}, {"a": [], "b": []}])
def test_tensors_without_rows(value: Any) -> None:
    with pytest.raises(Malformed, match="expected at least 1 row, got 0"):
        tensors(value)


def test_no_tensors() -> None:
    with pytest.raises(Malformed) as caught:
        tensors({})
    assert str(caught.value) == "v1: columns: expected at least 1, got 0"


@pytest.mark.parametrize(
    "values",
    [
        [[1] * 5],
        [[1] * 4 + ["t"]],
        [[[1] * 5]],
        [dict.fromkeys("abcde", 1)],
        [{"a": [1, 2, 3], "b": [4, 5]}],
        [{"a": [1] * 5}],
    ],
)
def test_column_limit(values: list[Any]) -> None:
    rows(values, column_limit=5)
    with pytest.raises(TooManyColumns) as caught:
        rows(values, column_limit=4)
    assert str(caught.value) == "v1: columns: expected at most 4, got 5"


def test_ragged_rows_do_not_blow_up_memory() -> None:
    ragged = [[1]] * (CELL_LIMIT // 4096) + [[1] * 4096]
    with pytest.raises(Malformed, match="cells: expected at most"):
        RowReader("v1", 4096).read_rows("x", ragged)
    wide: list[dict[str, int]] = [{"a": 1}] * (CELL_LIMIT // 4096) + [dict.fromkeys(map(str, range(4096)), 1)]
    with pytest.raises(Malformed, match="cells: expected at most"):
        RowReader("v1", 8192).read_rows("x", wide)
    with pytest.raises(Malformed, match="cells: expected at most"):
        RowReader("v1", 8192).read_tensors("x", {"a": [1] * (CELL_LIMIT // 4096), "b": [[1] * 4096]})


def test_many_faults_are_clipped() -> None:
    table = rows([{f"f{at}": "t" for at in range(30)}, {f"f{at}": 1 for at in range(30)}])
    assert len(table.faults) == 21
    assert table.faults[-1] == "10 more faults"
