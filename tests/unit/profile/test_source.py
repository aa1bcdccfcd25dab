from __future__ import annotations

import gzip

import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile import source
from sidecar.profile.source import as_texts, read_blocks


def read(path, categorical=()):
    return list(read_blocks(path, set(categorical), lambda _done: None))


def written(tmp_path, name, text):
    path = tmp_path / name
    data = text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def failure(path):
    with pytest.raises(BadReference) as caught:
        read(path)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_csv(tmp_path, name):
    path = written(tmp_path, name, "\ufeffn,t,m\n1,x,1\n2.5,NA,\n-inf,z,NaN\n\n")
    (block,) = read(path)
    assert block.rows == 3
    assert block.columns["n"].tolist() == [1.0, 2.5, -np.inf]
    assert block.columns["t"] == ["x", None, "z"]
    assert block.columns["m"] == pytest.approx([1.0, np.nan, np.nan], nan_ok=True)


def test_csv_quotes_and_line_ends(tmp_path):
    (block,) = read(written(tmp_path, "a.csv", 'n,t\r\n1,"a, ""b""\r\nc"\r\n'))
    assert block.columns["t"] == ['a, "b"\r\nc']


def test_categorical_csv_column_keeps_its_text(tmp_path):
    (block,) = read(written(tmp_path, "a.csv", "zip\n01\n1\n"), ["zip"])
    assert block.columns["zip"] == ["01", "1"]


def test_blocks_are_bounded_and_progress_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(source, "BLOCK_ROWS", 10)
    path = written(tmp_path, "a.csv", "n\n" + "".join(f"{k}\n" for k in range(25)))
    told = []
    blocks = list(read_blocks(path, set(), told.append))
    assert [block.rows for block in blocks] == [10, 10, 5]
    assert told[-1] == path.stat().st_size
    assert np.concatenate([block.columns["n"] for block in blocks]).tolist() == list(range(25))


def test_json_lines(tmp_path):
    text = '{"n": 1, "t": "x", "b": true}\n\n{"n": null, "t": 5, "late": 2}\n'
    (block,) = read(written(tmp_path, "a.jsonl", text))
    assert block.rows == 2
    assert block.columns["n"] == pytest.approx([1.0, np.nan], nan_ok=True)
    assert block.columns["t"] == ["x", "5"]
    assert block.columns["b"] == pytest.approx([1.0, np.nan], nan_ok=True)
    assert block.columns["late"] == pytest.approx([np.nan, 2.0], nan_ok=True)


def test_parquet(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    table = pyarrow.table(
        {
            "n": pyarrow.array([1, None, 3]),
            "f": pyarrow.array([0.5, float("nan"), 2.0], pyarrow.float32()),
            "b": [True, False, None],
            "t": ["x", None, "y"],
            "d": pyarrow.array(["p", "q", "p"]).dictionary_encode(),
            "nothing": pyarrow.nulls(3),
        }
    )
    parquet.write_table(table, tmp_path / "a.parquet")
    (block,) = read(tmp_path / "a.parquet")
    assert block.columns["n"] == pytest.approx([1.0, np.nan, 3.0], nan_ok=True)
    assert block.columns["f"] == pytest.approx([0.5, np.nan, 2.0], nan_ok=True)
    assert block.columns["b"] == pytest.approx([1.0, 0.0, np.nan], nan_ok=True)
    assert block.columns["t"] == ["x", None, "y"]
    assert block.columns["d"] == ["p", "q", "p"]
    assert np.isnan(block.columns["nothing"]).all()


def test_parquet_of_a_type_that_is_no_feature(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    parquet.write_table(pyarrow.table({"l": [[1, 2]]}), tmp_path / "a.parquet")
    expected = f"{tmp_path / 'a.parquet'}: 'l': expected numbers, booleans or text, got list<element: int64>"
    assert failure(tmp_path / "a.parquet") == expected


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    def refuse(name):
        raise ImportError(name)

    monkeypatch.setattr(source, "import_module", refuse)
    path = written(tmp_path, "a.parquet", "PAR1")
    assert failure(path) == f"{path}: expected pyarrow to be installed (extra 'parquet'), got none"


def test_damaged_parquet(tmp_path):
    pytest.importorskip("pyarrow")
    assert "expected Parquet, got" in failure(written(tmp_path, "a.parquet", "PAR1" * 10))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "a,b\n1,2\n1\n", ":3: expected 2 fields, got 1"),
        ("a.csv", "a,a\n1,2\n", ":1: expected a header of different names, got 2 fields"),
        ("a.csv", "", ":1: expected a header of different names, got 0 fields"),
        ("a.csv", 'a\n"x"y\n', ":2: expected CSV, got ',' expected after '\"'"),
        ("a.jsonl", '{"a": 1}\n[1]\n', ":2: expected a JSON object, got list"),
        ("a.jsonl", '{"a": [1]}\n', ":1: 'a': expected a number, text or null, got list"),
        ("a.xls", "a", ": expected .csv, .csv.gz, .jsonl or .parquet, got '.xls'"),
        ("a", "a", ": expected .csv, .csv.gz, .jsonl or .parquet, got ''"),
    ],
)
def test_faults_name_file_and_line(tmp_path, name, text, message):
    path = written(tmp_path, name, text)
    assert failure(path) == f"{path}{message}"


def test_other_faults(tmp_path):
    path = tmp_path / "none.csv"
    assert failure(path) == f"{path}: expected a readable file, got No such file or directory"
    path = tmp_path / "latin.csv"
    path.write_bytes(b"a\n\xe4\xe4\n")
    assert failure(path).startswith(f"{path}: expected UTF-8 text, got ")
    path = tmp_path / "cut.csv.gz"
    path.write_bytes(gzip.compress(b"a\n" + bytes(range(48, 58)) * 1000)[:-20])
    assert failure(path).startswith(f"{path}: expected ")
    path = tmp_path / "plain.csv.gz"
    path.write_bytes(b"a\n1\n")
    assert failure(path).startswith(f"{path}: expected a readable file, got Not a gzipped file")
    path = written(tmp_path, "bad.jsonl", "{1}")
    assert failure(path).startswith(f"{path}:1: expected a JSON object, got ")


def test_numbers_as_texts():
    assert as_texts(np.array([1.0, np.nan, 2.5])) == ["1", None, "2.5"]
    assert as_texts(["x", None]) == ["x", None]
