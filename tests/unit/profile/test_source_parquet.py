from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import numpy as np
import pyarrow
import pyarrow.parquet as parquet
import pytest

from sidecar.errors import BadReference
from sidecar.profile import block, source_parquet
from sidecar.profile.block import Wanted
from sidecar.profile.source_parquet import parquet_groups, read_parquet


def written(tmp_path, columns, **options):
    parquet.write_table(pyarrow.table(columns), tmp_path / "a.parquet", **options)
    return tmp_path / "a.parquet"


def read(path, groups=None, told=None, **wanted):
    return list(read_parquet(path, Wanted(**wanted), (told if told is not None else []).append, groups))


def texts(cells):
    return [
        cells.texts.text(row) if there else None for row, there in enumerate(cells.texts.present.tolist())
    ]


def failure(path, **wanted):
    with pytest.raises(BadReference) as caught:
        read(path, **wanted)
    return str(caught.value)


def test_numbers(tmp_path):
    columns = {
        "i": pyarrow.array([1, None, 3]),
        "u": pyarrow.array([1, 2, 3], pyarrow.uint8()),
        "f": pyarrow.array([0.5, float("nan"), 2.0], pyarrow.float32()),
        "h": pyarrow.array([np.float16(0.5), None, np.float16(2)], pyarrow.float16()),
        "d": pyarrow.array([Decimal("1.5"), None, Decimal("-2")]),
        "b": [True, False, None],
        "nothing": pyarrow.nulls(3),
    }
    (found,) = read(written(tmp_path, columns))
    numbers = {name: cells.numbers for name, cells in found.columns.items()}
    assert numbers["i"] == pytest.approx([1.0, np.nan, 3.0], nan_ok=True)
    assert numbers["u"].tolist() == [1.0, 2.0, 3.0]
    assert numbers["f"] == pytest.approx([0.5, np.nan, 2.0], nan_ok=True)
    assert numbers["h"] == pytest.approx([0.5, np.nan, 2.0], nan_ok=True)
    assert numbers["d"] == pytest.approx([1.5, np.nan, -2.0], nan_ok=True)
    assert numbers["b"] == pytest.approx([1.0, 0.0, np.nan], nan_ok=True)
    assert np.isnan(numbers["nothing"]).all()
    assert all(column.dtype == np.float64 and column.flags.c_contiguous for column in numbers.values())
    assert all(cells.texts is None for cells in found.columns.values())


@pytest.mark.parametrize("kind", ["string", "large_string", "dictionary"])
def test_texts(tmp_path, kind):
    values = ["x", None, "", "\u00fcber", "x"]
    column = pyarrow.array(values, pyarrow.string() if kind == "dictionary" else getattr(pyarrow, kind)())
    if kind == "dictionary":
        column = column.dictionary_encode()
    (found,) = read(written(tmp_path, {"t": column}))
    assert texts(found.columns["t"]) == values
    assert np.isnan(found.columns["t"].numbers).all()


def test_texts_in_several_blocks(tmp_path, monkeypatch):
    monkeypatch.setattr(block, "ARROW_BLOCK_ROWS", 3)
    values = [f"t{row}" if row % 4 else None for row in range(10)]
    found = read(written(tmp_path, {"t": values}))
    assert [each.first_row for each in found] == [0, 3, 6, 9]
    assert [text for each in found for text in texts(each.columns["t"])] == values


def test_arrays_of_numbers(tmp_path):
    column = pyarrow.array([[3, 4], None, [6, 8, 0]], pyarrow.list_(pyarrow.int64()))
    (found,) = read(written(tmp_path, {"e": column}))
    assert found.columns["e"].numbers == pytest.approx([5.0, np.nan, 10.0], nan_ok=True)
    assert found.columns["e"].dimensions.tolist() == [2, 0, 3]


def test_arrays_of_one_length(tmp_path):
    column = pyarrow.array([[3, 4], [6, 8]], pyarrow.list_(pyarrow.float32(), 2))
    (found,) = read(written(tmp_path, {"e": column}))
    assert found.columns["e"].numbers == pytest.approx([5.0, 10.0])
    assert found.columns["e"].dimensions.tolist() == [2, 2]


@pytest.mark.parametrize(
    "column",
    [
        [datetime(1970, 1, 2, tzinfo=UTC), None],
        [date(1970, 1, 2), None],
        pyarrow.array([86_400_000, None], pyarrow.timestamp("ms")),
        pyarrow.array([86_400 * 10**9, None], pyarrow.timestamp("ns")),
        [86_400.0, None],
    ],
)
def test_times(tmp_path, column):
    (found,) = read(written(tmp_path, {"when": column}), time="when")
    assert found.columns["when"].numbers == pytest.approx([86400.0, np.nan], nan_ok=True)


def test_only_wanted_columns_and_groups_are_read(tmp_path):
    path = written(tmp_path, {"a": list(range(30)), "when": [date(2020, 1, 1)] * 30}, row_group_size=10)
    told = []
    (found,) = read(path, (1, 2), told, columns=frozenset({"a"}))
    assert (found.first_row, list(found.columns)) == (10, ["a"])
    assert found.columns["a"].numbers.tolist() == list(range(10, 20))
    assert told[-1] == path.stat().st_size
    assert parquet_groups(path, 20) == [(0, 2), (2, 3)]


def test_types_that_are_no_feature(tmp_path):
    path = written(tmp_path, {"l": [["a"]]})
    expected = "expected numbers, booleans, text or arrays of numbers, got list<element: string>"
    assert failure(path) == f"{path}: 'l': {expected}"
    path = written(tmp_path, {"when": [date(2020, 1, 1)]})
    assert failure(path) == f"{path}: 'when': {expected.split(', got')[0]}, got date32[day]"
    path = written(tmp_path, {"when": ["soon"]})
    assert failure(path, time="when") == f"{path}: 'when': expected timestamps or numbers, got string"


def test_without_pyarrow(tmp_path, monkeypatch):
    def refuse(name):
        raise ImportError(name)

    path = written(tmp_path, {"a": [1]})
    monkeypatch.setattr(source_parquet, "import_module", refuse)
    assert failure(path) == f"{path}: expected pyarrow to be installed (extra 'parquet'), got none"


def test_damaged(tmp_path):
    path = tmp_path / "a.parquet"
    path.write_bytes(b"PAR1" * 10)
    assert failure(path).startswith(f"{path}: expected Parquet, got ")
    with pytest.raises(BadReference) as caught:
        parquet_groups(path, 1)
    assert str(caught.value).startswith(f"{path}: expected Parquet, got ")
