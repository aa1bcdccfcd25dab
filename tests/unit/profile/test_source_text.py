from __future__ import annotations

import gzip

import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile import block, source_text
from sidecar.profile.block import Wanted
from sidecar.profile.source_text import read_csv, read_json_lines


def written(tmp_path, name, text):
    path = tmp_path / name
    data = text.encode()
    path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return path


def read(path, told=None, **wanted):
    reader = read_csv if ".csv" in path.name else read_json_lines
    return list(reader(path, Wanted(**wanted), (told if told is not None else []).append))


def texts(cells):
    found = [None] * cells.rows
    if cells.texts is not None:
        for row in np.flatnonzero(cells.texts.present).tolist():
            found[row] = cells.texts.text(row)
    return found


def failure(path, **wanted):
    with pytest.raises(BadReference) as caught:
        read(path, **wanted)
    return str(caught.value)


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_csv(tmp_path, name):
    path = written(tmp_path, name, "\ufeffn,t,m\n1,x,1\n2.5,NA,\n-inf,7,NaN\n\n")
    (found,) = read(path)
    assert found.rows == 3
    assert found.columns["n"].numbers.tolist() == [1.0, 2.5, -np.inf]
    assert found.columns["t"].numbers == pytest.approx([np.nan, np.nan, 7.0], nan_ok=True)
    assert texts(found.columns["t"]) == ["x", None, None]
    assert found.columns["m"].numbers == pytest.approx([1.0, np.nan, np.nan], nan_ok=True)


def test_csv_quotes_and_line_ends(tmp_path):
    (found,) = read(written(tmp_path, "a.csv", 'n,t\r\n1,"a, ""b""\r\nc"\r\n'))
    assert texts(found.columns["t"]) == ['a, "b"\r\nc']


def test_numbers_keep_how_they_were_written(tmp_path):
    (found,) = read(written(tmp_path, "a.csv", "zip\n01\n1\n"))
    assert (found.columns["zip"].numbers.tolist(), texts(found.columns["zip"])) == ([1.0, 1.0], ["01", None])
    (found,) = read(written(tmp_path, "a.csv", "zip\n01\nNA\n"), categorical=frozenset({"zip"}))
    assert np.isnan(found.columns["zip"].numbers).all()
    assert texts(found.columns["zip"]) == ["01", None]


def test_a_cell_is_read_alike_whatever_stands_beside_it(tmp_path, monkeypatch):
    path = written(tmp_path, "a.csv", "a\n" + '1\nx\n""\n2\n nan\n1e3\n' * 3)
    whole = read(path)[0].columns["a"]
    monkeypatch.setattr(block, "TEXT_BLOCK_ROWS", 1)
    alone = [found.columns["a"] for found in read(path)]
    assert np.concatenate([cells.numbers for cells in alone]) == pytest.approx(whole.numbers, nan_ok=True)
    assert [text for cells in alone for text in texts(cells)] == texts(whole)
    assert texts(whole)[:6] == [None, "x", None, None, None, "1e3"]


def test_remembered_cells_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(source_text, "MEMORY", 3)
    path = written(tmp_path, "a.csv", "a\n" + "".join(f"t{k % 9}\n" for k in range(30)))
    assert texts(read(path)[0].columns["a"]) == [f"t{k % 9}" for k in range(30)]


def test_blocks_are_bounded_and_progress_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(block, "TEXT_BLOCK_ROWS", 10)
    path = written(tmp_path, "a.csv", "n\n" + "".join(f"{k}\n" for k in range(25)))
    told = []
    found = read(path, told)
    assert [(each.first_row, each.rows) for each in found] == [(0, 10), (10, 10), (20, 5)]
    assert told[-1] == path.stat().st_size
    numbers = np.concatenate([each.columns["n"].numbers for each in found])
    assert numbers.tolist() == list(range(25))


def test_only_wanted_columns_are_read(tmp_path):
    wanted = frozenset({"b"})
    (found,) = read(written(tmp_path, "a.csv", "a,b\nx,2\n"), columns=wanted)
    assert list(found.columns) == ["b"]
    (found,) = read(written(tmp_path, "a.jsonl", '{"a": 1, "b": 2}\n'), columns=wanted)
    assert list(found.columns) == ["b"]


def test_json_lines(tmp_path):
    text = '{"n": 1, "t": "x", "b": true}\n\n{"n": null, "t": 5, "late": 2}\n'
    (found,) = read(written(tmp_path, "a.jsonl", text))
    assert found.rows == 2
    assert found.columns["n"].numbers == pytest.approx([1.0, np.nan], nan_ok=True)
    assert found.columns["t"].numbers == pytest.approx([np.nan, 5.0], nan_ok=True)
    assert texts(found.columns["t"]) == ["x", None]
    assert found.columns["b"].numbers == pytest.approx([1.0, np.nan], nan_ok=True)
    assert found.columns["late"].numbers == pytest.approx([np.nan, 2.0], nan_ok=True)


def test_json_columns_stand_where_some_row_has_them_first(tmp_path):
    (found,) = read(written(tmp_path, "a.jsonl", '{"a": 1, "b": 2}\n{"b": 1, "c": 3, "a": 2}\n'))
    assert found.positions == {"a": 0, "b": 0, "c": 1}


def test_json_arrays_of_numbers(tmp_path):
    (found,) = read(written(tmp_path, "a.jsonl", '{"e": [3, 4.0]}\n{"e": null}\n{"e": [2]}\n'))
    assert found.columns["e"].numbers == pytest.approx([5.0, np.nan, 2.0], nan_ok=True)
    assert found.columns["e"].dimensions.tolist() == [2, 0, 1]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "when\n1970-01-02T00:00:00\n86400\nNA\n"),
        ("a.jsonl", '{"when": "1970-01-02"}\n{"when": 86400}\n{"when": null}\n'),
    ],
)
def test_times(tmp_path, name, text):
    (found,) = read(written(tmp_path, name, text), time="when")
    assert found.columns["when"].numbers == pytest.approx([86400.0, 86400.0, np.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "a,b\n1,2\n1\n", ":3: expected 2 fields, got 1"),
        ("a.csv", "a,a\n1,2\n", ":1: expected a header of different names, got 2 fields"),
        ("a.csv", "", ":1: expected a header of different names, got 0 fields"),
        ("a.csv", 'a\n"x"y\n', ":2: expected CSV, got ',' expected after '\"'"),
        ("a.csv", "t\nsoon\n", ": 't': expected times as seconds or ISO 8601, got 'soon'"),
        ("a.jsonl", '{"a": 1}\n[1]\n', ":2: expected a JSON object, got list"),
        (
            "a.jsonl",
            '{"a": ["x"]}\n',
            ":1: 'a': expected a number, text, null or array of numbers, got an array of others",
        ),
        (
            "a.jsonl",
            '{"a": {}}\n',
            ":1: 'a': expected a number, text, null or array of numbers, got an object",
        ),
        ("a.jsonl", '{"a": [1]}\n{"a": 1}\n', ": 'a': expected arrays in all rows, got other values too"),
        ("a.jsonl", '{"t": "soon"}\n', ": 't': expected times as seconds or ISO 8601, got 'soon'"),
    ],
)
def test_faults_name_file_and_line(tmp_path, name, text, message):
    path = written(tmp_path, name, text)
    assert failure(path, time="t") == f"{path}{message}"


def test_a_line_that_is_no_json(tmp_path):
    path = written(tmp_path, "bad.jsonl", "{1}")
    assert failure(path).startswith(f"{path}:1: expected a JSON object, got ")
