from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec import Struct
from msgspec.json import Decoder

from sidecar.errors import Malformed
from sidecar.payload.document import read_json


class Box(Struct):
    a: list[Any]
    name: str = ""


BOX = Decoder(Box)


def complaint(body: bytes) -> str:
    with pytest.raises(Malformed) as caught:
        read_json(body, BOX, "v1")
    return str(caught.value)


def test_plain_json() -> None:
    assert read_json(b'{"a": [1, "t", null], "more": {}}', BOX, "v1") == Box([1, "t", None])


def test_what_only_the_standard_library_reads() -> None:
    box = read_json(b'\xef\xbb\xbf{"a": [NaN, Infinity, -Infinity, 1e999], "name": "n"}', BOX, "v1")
    assert math.isnan(box.a[0])
    assert box.a[1:] == [math.inf, -math.inf, math.inf]
    assert box.name == "n"


def test_lone_surrogates_become_question_marks_wherever_they_are() -> None:
    body = rb'{"a": ["\ud800", {"\udfff": ["x\ud83d\ude00", 1]}]}'
    assert read_json(body, BOX, "v1").a == ["?", {"?": ["x\U0001f600", 1]}]


def test_integers_of_many_digits() -> None:
    assert read_json(b'{"a": [%s]}' % (b"1" * 400), BOX, "v1").a == [int("1" * 400)]
    assert complaint(b'{"a": [%s]}' % (b"1" * 100_000)) == (
        "v1: body: expected numbers of ordinary length, got a longer one"
    )


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (b"", "v1: body: expected JSON, got an error at character 0 of 0 bytes"),
        (b"{bad", "v1: body: expected JSON, got an error at character 1 of 4 bytes"),
        (b'{"a": []} x', "v1: body: expected JSON, got an error at character 10 of 11 bytes"),
        (b'{"a": ["\xff"]}', "v1: body: expected UTF-8, got another byte at 8"),
        (b"[1]", "v1: body: expected object, got array"),
        (b"{}", "v1: body: object missing required field a"),
        (b'{"a": "secret"}', "v1: a: expected array, got str"),
        (b'{"a": [], "name": 5}', "v1: name: expected str, got int"),
    ],
)
def test_complaints_say_where_and_hold_no_values(body: bytes, message: str) -> None:
    assert complaint(body) == message


@pytest.mark.parametrize("unit", [b"[", b'{"a":', b'{"a":['])
def test_deep_nesting_is_no_recursion_error(unit: bytes) -> None:
    assert complaint(b'{"a":' + unit * 100_000) == "v1: body: expected ordinary nesting, got deeper"
