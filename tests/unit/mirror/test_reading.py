from __future__ import annotations

import gzip

import pytest

from sidecar.mirror.reading import NO_DOCUMENT, Reading
from sidecar.payload.message import Message

V2 = b'{"outputs":[{"name":"y","shape":[1],"datatype":"FP64","data":[0.5]}]}'


def reading(body, coding=None, path="/chat", limit=1000):
    headers = {} if coding is None else {"content-encoding": coding}
    return Reading(Message("response", "POST", path, headers, body), limit)


def test_null_is_a_document():
    assert reading(b"null").document is None


def test_a_document_without_its_coding():
    assert reading(gzip.compress(b"[1]"), "gzip").document == [1]


@pytest.mark.parametrize(
    ("body", "coding"),
    [
        (b"<html>", None),
        (b"[" * 999, None),
        (b"[1]", "gzip"),
        (gzip.compress(b"1" * 1001), "gzip"),
        (b"1", "br"),
    ],
    ids=["no JSON", "nested too deep", "broken coding", "too long", "unknown coding"],
)
def test_what_is_no_document(body, coding):
    assert reading(body, coding).document is NO_DOCUMENT
    assert reading(body, coding, path="/v2/models/m/infer").columns is None


def test_only_an_unknown_coding_leaves_open_what_was_said():
    assert not reading(b"1", "br").is_known
    assert reading(b"1", "gzip").is_known
    assert reading(b"1").is_known


def test_rows_that_somebody_has_read_are_not_read_again():
    message = Message("response", "POST", "/v2/models/m/infer", {"content-encoding": "br"}, b"broken")
    columns = Reading(Message("response", "POST", "/v2/models/m/infer", {}, V2), 1000).columns
    assert columns is not None
    given = Reading(message, 1000, columns)
    assert given.columns is columns
    assert given.is_known
    assert given.document is NO_DOCUMENT
