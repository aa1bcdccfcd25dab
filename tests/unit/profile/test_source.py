from __future__ import annotations

import gzip

import pyarrow
import pyarrow.parquet as parquet
import pytest

from sidecar.errors import BadReference
from sidecar.profile import block
from sidecar.profile.block import Wanted
from sidecar.profile.source import Piece, file_pieces, read_blocks


def failure(path):
    with pytest.raises(BadReference) as caught:
        list(read_blocks(Piece(path), Wanted(), lambda _done: None))
    return str(caught.value)


def grouped(tmp_path, rows=50, size=10):
    path = tmp_path / "a.parquet"
    table = pyarrow.table({"n": list(range(rows))})
    parquet.write_table(table, path, row_group_size=size)
    return path


@pytest.mark.parametrize("name", ["a.csv", "a.CSV", "a.csv.gz", "a.jsonl", "a.ndjson", "a.jsonl.gz"])
def test_the_name_tells_the_format(tmp_path, name):
    text = b"n\n1\n2\n" if "csv" in name.lower() else b'{"n": 1}\n{"n": 2}\n'
    (tmp_path / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)
    (found,) = read_blocks(Piece(tmp_path / name), Wanted(), lambda _done: None)
    assert (found.first_row, found.rows) == (0, 2)
    assert found.columns["n"].numbers.tolist() == [1.0, 2.0]


def test_files_of_text_are_one_piece(tmp_path):
    assert file_pieces(tmp_path / "a.csv", 10) == [Piece(tmp_path / "a.csv")]
    assert Piece(tmp_path / "a.csv").is_first


def test_parquet_is_divided_by_row_groups(tmp_path):
    path = grouped(tmp_path)
    assert file_pieces(path, 20) == [Piece(path, (0, 2)), Piece(path, (2, 4)), Piece(path, (4, 5))]
    assert [piece.is_first for piece in file_pieces(path, 20)] == [True, False, False]
    assert file_pieces(path, 1000) == [Piece(path, (0, 5))]


def test_pieces_hold_every_row_once_under_its_own_number(tmp_path, monkeypatch):
    monkeypatch.setattr(block, "ARROW_BLOCK_ROWS", 7)
    seen = {}
    for piece in file_pieces(grouped(tmp_path), 20):
        for found in read_blocks(piece, Wanted(), lambda _done: None):
            numbers = found.columns["n"].numbers.tolist()
            seen.update(zip(range(found.first_row, found.first_row + found.rows), numbers, strict=True))
    assert seen == {row: float(row) for row in range(50)}


@pytest.mark.parametrize("name", ["a.xls", "a"])
def test_other_formats(tmp_path, name):
    path = tmp_path / name
    path.write_text("a")
    assert (
        failure(path) == f"{path}: expected .csv, .csv.gz, .jsonl, .parquet or .rec.gz, got {path.suffix!r}"
    )


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
