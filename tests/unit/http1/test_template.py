from __future__ import annotations

import httptools
import pytest

from sidecar.config.load import load_config
from sidecar.config.model import Config
from sidecar.config.traffic import LimitsConfig
from sidecar.errors import BodyTooLarge
from sidecar.http1.memo import MAX_KEY_BYTES
from sidecar.http1.request import parse_request_head
from sidecar.http1.rules import RequestRules
from sidecar.http1.template import RequestHeads

HEAD = (
    "POST /v2/models/m/infer HTTP/1.1\r\nHost: m\r\nContent-Length: {length}\r\nX-Request-Id: {number}\r\n"
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-{number:016x}-01\r\n\r\n"
)


def head(number: int, length: int = 5) -> bytes:
    return HEAD.format(number=number, length=length).encode()


@pytest.fixture
def n_parsed(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Heads that went to the strict parser, which asks llhttp about each."""
    parsed: list[bytes] = []

    class Counting(httptools.HttpRequestParser):  # type: ignore[misc] # has no types
        def feed_data(self, raw: bytes) -> None:
            parsed.append(raw)
            super().feed_data(raw)

    monkeypatch.setattr(httptools, "HttpRequestParser", Counting)
    return parsed


def test_heads_with_new_ids_are_parsed_once(n_parsed: list[bytes]) -> None:
    heads = RequestHeads(RequestRules.of(Config()))
    for number in range(1, 50):
        read = heads.read(head(number, length=number))
        assert (read.body_length, read.request_id) == (number, b"%d" % number)
        assert read.parent is not None
        assert read.parent.span_id == number.to_bytes(8, "big")
        assert read.forwarded.count(b"Content-Length: %d\r\n" % number) == 1
        assert read.recorded == head(number, length=number)
    assert len(n_parsed) == 1


def test_heads_of_one_length_with_other_lines_are_told_apart(n_parsed: list[bytes]) -> None:
    heads = RequestHeads(RequestRules.of(Config()))
    for number in range(1, 5):
        for name in (b"Accept", b"X-Kind"):
            raw = head(number).replace(b"Host: m", b"Host: m\r\n" + name + b": a")
            assert heads.read(raw).recorded == raw
    assert len(n_parsed) == 2


def test_credentials_are_cut_out_of_every_record(n_parsed: list[bytes]) -> None:
    heads = RequestHeads(RequestRules.of(Config()))
    for number in range(1, 4):
        raw = head(number).replace(b"Host: m\r\n", b"Host: m\r\nCookie: s3cret\r\n")
        read = heads.read(raw)
        assert b"s3cret" not in read.recorded
        assert b"Cookie: s3cret" in read.forwarded
    assert len(n_parsed) == 1


def test_a_head_in_which_only_the_length_changes_is_remembered_whole() -> None:
    heads = RequestHeads(RequestRules.of(Config()))
    raw = b"POST / HTTP/1.1\r\nHost: m\r\nContent-Length: %d\r\n\r\n"
    for length in (5, 6):
        heads.read(raw % length)
    assert set(heads.memo.young) == {raw % 5, raw % 6}


def test_a_length_beyond_the_limit_is_refused_by_its_template_too() -> None:
    heads = RequestHeads(RequestRules.of(Config(limits=LimitsConfig(body_bytes=10))))
    heads.read(head(1, length=10))
    with pytest.raises(BodyTooLarge):
        heads.read(head(2, length=11))


def test_repeated_lines_have_no_template(n_parsed: list[bytes]) -> None:
    heads = RequestHeads(RequestRules.of(Config()))
    for number in (1, 2):
        raw = b"GET / HTTP/1.1\r\nHost: m\r\nX-Request-Id: %d\r\nX-Request-Id: 0\r\n\r\n" % number
        assert heads.read(raw).request_id is None
    assert len(n_parsed) == 2


def test_a_long_head_is_parsed_each_time(n_parsed: list[bytes]) -> None:
    heads = RequestHeads(RequestRules.of(Config()))
    raw = b"GET / HTTP/1.1\r\nHost: m\r\nX: " + b"a" * MAX_KEY_BYTES + b"\r\n\r\n"
    assert heads.read(raw) == heads.read(raw)
    assert len(n_parsed) == 2


def test_a_name_that_stands_in_the_constant_text_too_has_no_template(n_parsed: list[bytes]) -> None:
    heads = RequestHeads(RequestRules.of(Config()))
    for number in (1, 2):  # an empty line is not cut out, yet makes two of them
        raw = b"GET / HTTP/1.1\r\nHost: m\r\nX-Request-Id: %d\r\nX-Request-Id:\r\n\r\n" % number
        assert heads.read(raw).request_id is None
    assert len(n_parsed) == 2


def test_policy_and_upgrade_come_with_the_template(n_parsed: list[bytes]) -> None:
    rules = RequestRules.of(load_config("routes: [{path: /ws, tap: false}]"))
    heads = RequestHeads(rules)
    for number in (1, 2):
        raw = (
            b"GET /ws HTTP/1.1\r\nHost: m\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
            b"X-Request-Id: %d\r\n\r\n" % number
        )
        assert heads.read(raw) == parse_request_head(raw, rules)
        assert not heads.read(raw).policy.tap
    assert len(n_parsed) == 1 + 2  # two of them were asked for here


def test_the_limit_of_the_route_holds_for_its_template() -> None:
    heads = RequestHeads(RequestRules.of(load_config("routes: [{path: /v2/**, body_bytes: 10}]")))
    heads.read(head(1, length=10))
    with pytest.raises(BodyTooLarge):
        heads.read(head(2, length=11))


def test_whether_there_is_a_body_is_for_the_strict_parser(n_parsed: list[bytes]) -> None:
    heads = RequestHeads(RequestRules.of(Config()))
    expecting = [
        head(number, length).replace(b"Host", b"Expect: 100-continue\r\nHost")
        for number, length in ((1, 5), (2, 0))
    ]
    assert [heads.read(raw).expects_continue for raw in expecting] == [True, False]
    assert b"xpect" not in heads.read(expecting[1]).forwarded
    assert len(n_parsed) == 3


def test_redacted_ids_stay_out_of_every_record(n_parsed: list[bytes]) -> None:
    heads = RequestHeads(RequestRules.of(load_config("tap: {redact_headers: [X-Request-Id]}")))
    for number in (1, 2):
        read = heads.read(head(number))
        assert b"X-Request-Id" not in read.recorded
        assert read.request_id == b"%d" % number
    assert len(n_parsed) == 1


def test_a_line_that_connection_takes_away_has_no_template(n_parsed: list[bytes]) -> None:
    heads = RequestHeads(RequestRules.of(Config()))
    for number in (1, 2):
        raw = b"GET / HTTP/1.1\r\nHost: m\r\nConnection: ce-id\r\nCE-Id: %d\r\n\r\n" % number
        assert b"CE-Id" not in heads.read(raw).forwarded
    assert len(n_parsed) == 2
