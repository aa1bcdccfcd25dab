"""Recorded traffic as a table: what the model was asked and answered, row by row."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sidecar.errors import BadReference
from sidecar.profile import block as blocks
from sidecar.profile.block import Block, Wanted
from sidecar.profile.source import Piece, read_blocks
from sidecar.recording.records import VERSION, Exchange, Opened, Reply
from sidecar.recording.segment import Segment

JSON = {"content-type": "application/json"}


def exchange(
    number: int,
    inputs: dict[str, list[Any]],
    outputs: dict[str, list[Any]],
    status: int = 200,
    model: str = "m",
) -> Exchange:
    def tensors(columns: dict[str, list[Any]]) -> list[dict[str, Any]]:
        return [
            {
                "name": name,
                "datatype": "BYTES" if isinstance(data[0], str) else "FP64",
                "shape": [len(data)],
                "data": data,
            }
            for name, data in columns.items()
        ]

    asked = json.dumps({"inputs": tensors(inputs)}).encode()
    answered = json.dumps({"model_name": model, "outputs": tensors(outputs)}).encode()
    path = f"/v2/models/{model}/infer?x=1"
    return Exchange(
        number, number * 10**9, bytes(8), "POST", path, JSON, asked, Reply(status, JSON, answered, 0.1)
    )


def blocks_of(tmp_path: Path, records: list[Exchange], wanted: Wanted | None = None) -> list[Block]:
    segment = Segment(tmp_path / "1.rec.gz", 1, 1)
    for record in (Opened(VERSION, "0", 1), *records):
        segment.add(record)
    segment.close()
    return list(read_blocks(Piece(segment.path), wanted or Wanted(), lambda _n_bytes: None))


def test_a_row_is_a_row_of_the_request_beside_its_answer(tmp_path: Path) -> None:
    records = [
        exchange(1, {"age": [30.0, 40.0], "city": ["a", "b"]}, {"score": [0.1, 0.2]}),
        exchange(2, {"age": [50.0], "city": ["a"]}, {"score": [0.3]}),
    ]
    (block,) = blocks_of(tmp_path, records, Wanted(time="unix_s"))
    assert block.rows == 3
    assert block.columns["age"].numbers.tolist() == [30.0, 40.0, 50.0]
    assert block.columns["score"].numbers.tolist() == [0.1, 0.2, 0.3]
    assert block.columns["unix_s"].numbers.tolist() == [1.0, 1.0, 2.0]
    texts = block.columns["city"].texts
    assert texts is not None
    assert [texts.text(row) for row in range(3)] == ["a", "b", "a"]


def test_what_failed_or_cannot_be_read_has_no_rows(tmp_path: Path) -> None:
    good = exchange(1, {"x": [1.0]}, {"y": [2.0]})
    failed = exchange(2, {"x": [9.0]}, {"y": [9.0]}, status=500)
    unread = Exchange(3, 3, bytes(8), "POST", "/own", JSON, b"{}", Reply(200, JSON, b"{}", 0.1))
    (block,) = blocks_of(tmp_path, [good, failed, unread])
    assert block.columns["x"].numbers.tolist() == [1.0]


def test_an_output_with_the_name_of_an_input_keeps_apart(tmp_path: Path) -> None:
    (block,) = blocks_of(tmp_path, [exchange(1, {"x": [1.0]}, {"x": [2.0]})])
    assert {name: cells.numbers.tolist() for name, cells in block.columns.items()} == {
        "x": [1.0],
        "output x": [2.0],
    }


def test_only_columns_that_are_wanted_are_read_and_categories_stay_texts(tmp_path: Path) -> None:
    wanted = Wanted(frozenset({"code"}), frozenset({"code"}))
    (block,) = blocks_of(
        tmp_path, [exchange(1, {"x": [1.0, 2.0], "code": [7.0, 8.5]}, {"y": [1.0, 2.0]})], wanted
    )
    assert list(block.columns) == ["code"]
    texts = block.columns["code"].texts
    assert texts is not None
    assert [texts.text(row) for row in range(2)] == ["7", "8.5"]
    assert np.isnan(block.columns["code"].numbers).all()


def test_blocks_are_cut_where_they_are_long_or_the_form_changes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "TEXT_BLOCK_ROWS", 2)
    records = [exchange(number, {"x": [1.0]}, {"y": [2.0]}) for number in range(5)]
    records.append(exchange(9, {"z": [1.0]}, {"y": [2.0]}))
    found = blocks_of(tmp_path, records)
    assert [(block.first_row, block.rows) for block in found] == [(0, 2), (2, 2), (4, 1), (5, 1)]


def test_one_model_is_a_reference_two_are_none(tmp_path: Path) -> None:
    records = [exchange(1, {"x": [1.0]}, {"y": [2.0]}, model=name) for name in ("b", "a")]
    with pytest.raises(BadReference, match="expected one model, got a and b"):
        blocks_of(tmp_path, records)


def test_a_damaged_segment_is_refused(tmp_path: Path) -> None:
    (tmp_path / "1.rec.gz").write_bytes(b"no gzip")
    with pytest.raises(BadReference, match=r"1\.rec\.gz: expected gzip"):
        list(read_blocks(Piece(tmp_path / "1.rec.gz"), Wanted(), lambda _n_bytes: None))
