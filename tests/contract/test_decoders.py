"""What every registered decoder keeps, whatever its protocol. A new one needs an entry in `WRITERS` only."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from sidecar.errors import Malformed, PayloadError
from sidecar.payload.columns import Columns, Direction
from sidecar.payload.message import Message
from sidecar.payload.registry import DECODERS, decode

Rows = list[list[Any]]
Writer = Callable[[Rows, Direction], Message]


def write_v2(rows: Rows, direction: Direction) -> Message:
    flat = [value for row in rows for value in row]
    is_text = any(isinstance(value, str) for value in flat)
    tensor = {
        "name": "x",
        "shape": [len(rows), len(rows[0])],
        "datatype": "BYTES" if is_text else "FP64",
        "data": flat,
    }
    body = json.dumps({"inputs" if direction == "request" else "outputs": [tensor]}).encode()
    return Message(direction, "POST", "/v2/models/m/infer", {}, body)


def write_v1(rows: Rows, direction: Direction) -> Message:
    body = json.dumps({"instances" if direction == "request" else "predictions": rows}).encode()
    return Message(direction, "POST", "/v1/models/m:predict", {}, body)


WRITERS: dict[str, Writer] = {"v2": write_v2, "v1": write_v1}

SHARED = [(name, direction) for name in WRITERS for direction in ("request", "response")]
each_decoder = pytest.mark.parametrize(("name", "direction"), SHARED)


def read(name: str, direction: Direction, rows: Rows) -> Columns:
    columns = decode(WRITERS[name](rows, direction))
    kinds = columns.schema.kinds
    assert (columns.protocol, columns.direction, columns.model) == (name, direction, "m")
    assert columns.rows == len(rows)
    assert len(columns.schema.names) == len(kinds) == len(set(columns.schema.names)) == len(rows[0])
    assert columns.numeric.shape == (len(rows), kinds.count("numeric"))
    assert columns.numeric.dtype == np.float64
    assert columns.numeric.flags.c_contiguous
    assert [len(texts) for texts in columns.texts] == [len(rows)] * kinds.count("categorical")
    assert isinstance(columns.faults, tuple)
    return columns


def test_every_decoder_is_under_contract() -> None:
    assert set(WRITERS) == {decoder.name for decoder in DECODERS}


@each_decoder
@pytest.mark.parametrize(
    "body", [b"", b" ", b"{", b"{}", b"[]", b"null", b"0", b"\x00", b"\xff\xfe", b"[" * 9999]
)
def test_no_content_is_a_payload_error(name: str, direction: Direction, body: bytes) -> None:
    message = WRITERS[name]([[1.0]], direction)
    with pytest.raises(PayloadError) as caught:
        decode(Message(direction, "POST", message.path, {}, body))
    assert caught.value.protocol == name
    assert "\n" not in str(caught.value)


@each_decoder
def test_every_beginning_of_a_body_is_malformed(name: str, direction: Direction) -> None:
    message = WRITERS[name]([[1.5, None], [2.5, 3.5]], direction)
    for length in range(len(message.body)):
        with pytest.raises(Malformed):
            decode(Message(direction, "POST", message.path, {}, message.body[:length]))


@each_decoder
def test_one_value(name: str, direction: Direction) -> None:
    assert read(name, direction, [[2.5]]).numeric.tolist() == [[2.5]]


@each_decoder
def test_one_row_and_many_rows_have_one_schema(name: str, direction: Direction) -> None:
    one = read(name, direction, [[1.0, 2.0, 3.0]])
    many = read(name, direction, [[1.0, 2.0, 3.0]] * 50)
    assert one.schema is many.schema


@each_decoder
def test_nan_infinities_and_null(name: str, direction: Direction) -> None:
    rows: Rows = [[math.nan, 1.0], [math.inf, None], [-math.inf, 2.0]]
    columns = read(name, direction, rows)
    np.testing.assert_array_equal(columns.numeric, np.array(rows, dtype=np.float64))
    assert columns.faults == ()


@each_decoder
def test_all_missing(name: str, direction: Direction) -> None:
    assert np.isnan(read(name, direction, [[None, None]] * 2).numeric).all()


@each_decoder
def test_constant(name: str, direction: Direction) -> None:
    assert (read(name, direction, [[7.0] * 4] * 9).numeric == 7.0).all()


@each_decoder
def test_integers_and_booleans_are_numbers(name: str, direction: Direction) -> None:
    assert read(name, direction, [[1, True], [-3, False]]).numeric.tolist() == [[1.0, 1.0], [-3.0, 0.0]]


@each_decoder
def test_text(name: str, direction: Direction) -> None:
    columns = read(name, direction, [["a", "ü"], [None, "a"]])
    assert columns.texts == (["a", None], ["ü", "a"])
    assert columns.faults == ()


@each_decoder
def test_permuted_rows_give_permuted_columns(name: str, direction: Direction) -> None:
    rng = np.random.default_rng(7)
    matrix = rng.normal(size=(20, 5))
    order = rng.permutation(20)
    straight = read(name, direction, matrix.tolist())
    permuted = read(name, direction, matrix[order].tolist())
    assert permuted.schema is straight.schema
    np.testing.assert_array_equal(permuted.numeric, straight.numeric[order])
    np.testing.assert_array_equal(straight.numeric, matrix)


@each_decoder
def test_huge_batch(name: str, direction: Direction) -> None:
    matrix = np.random.default_rng(8).normal(size=(20_000, 4))
    np.testing.assert_array_equal(read(name, direction, matrix.tolist()).numeric, matrix)


@each_decoder
def test_strange_values_never_show_in_faults(name: str, direction: Direction) -> None:
    columns = read(name, direction, [[1.0, 2.0], [{"secret": "secret"}, 3.0]])
    assert columns.faults
    assert "secret" not in "".join(columns.faults)
    np.testing.assert_array_equal(columns.numeric, [[1, 2], [math.nan, 3]])


@each_decoder
def test_decoding_again_gives_the_same(name: str, direction: Direction) -> None:
    first, second = (read(name, direction, [[1.0, None], [2.0, 3.0]]) for _ in range(2))
    assert first.schema is second.schema
    assert first.numeric is not second.numeric
    np.testing.assert_array_equal(first.numeric, second.numeric)
