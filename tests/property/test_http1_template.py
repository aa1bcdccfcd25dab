"""A head read by its template is the head that the strict parser reads, or both refuse it."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.config.load import load_config
from sidecar.errors import WireError
from sidecar.http1.request import RequestHead, parse_request_head
from sidecar.http1.rules import RequestRules
from sidecar.http1.template import RequestHeads

NAMES = [
    "traceparent",
    "Traceparent",
    "x-request-id",
    "Content-Length",
    "content-length",
    "tracestate",
    "b3",
    "CE-Id",
]
PLAIN = [
    "Accept: */*",
    "Authorization: Bearer x",
    "Connection: b3",
    "Connection: close",
    "X-Other:1",
    "Cookie: a=b",
    "Expect: 100-continue",
    "Connection: upgrade",
    "Upgrade: websocket",
    "TE: trailers",
    "Transfer-Encoding: chunked",
    "Trailer: b3",
    "X-Forwarded-For: 192.0.2.1",
    "Via: 1.1 sidecar",
]
VALUES = st.one_of(
    st.integers(min_value=0, max_value=2_000_000).map(str),
    st.text(alphabet=st.characters(min_codepoint=33, max_codepoint=126), max_size=12),
    st.sampled_from(
        [
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "+5",
            "5,5",
            "a b",
            "",
            "\x00",
            "\xff",
        ]
    ),
)
LINE = st.tuples(st.sampled_from(NAMES), st.sampled_from([": ", ":", ":  "]), st.none())
SHAPES = st.lists(st.one_of(LINE, st.sampled_from(PLAIN)), max_size=6)
FIRST = st.sampled_from(
    [
        "POST /m HTTP/1.1",
        "POST /small?x HTTP/1.1",
        "GET http://n/m HTTP/1.1",
        "TRACE / HTTP/1.1",
        "PUT / HTTP/1.0",
    ]
)
SETTINGS = """
limits: {body_bytes: 1000000, target_bytes: 16}
routes: [{path: /small, body_bytes: 1000, tap: false}]
tap: {redact_headers: [tracestate, CE-Id]}
"""
ALL_RULES = [
    RequestRules.of(load_config(f"{SETTINGS}trust_forwarded: {trust}")) for trust in ("true", "false")
]


def build(first: str, shape: list[object], values: list[str]) -> bytes:
    lines, rest = [first, "Host: m"], iter(values)
    for line in shape:
        lines.append(line if isinstance(line, str) else f"{line[0]}{line[1]}{next(rest)}")  # type: ignore[index]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def outcome(read: object, raw: bytes) -> RequestHead | tuple[int, str]:
    try:
        return read(raw)  # type: ignore[operator,no-any-return]
    except WireError as exc:
        return exc.status_hint, str(exc)


@given(
    st.sampled_from(ALL_RULES),
    FIRST,
    SHAPES,
    st.lists(st.lists(VALUES, min_size=6, max_size=6), min_size=2, max_size=5),
)
@settings(max_examples=600, deadline=None)
def test_templates_and_the_strict_parser_agree(
    rules: RequestRules, first: str, shape: list[object], all_values: list[list[str]]
) -> None:
    heads = RequestHeads(rules)
    for values in all_values:
        raw = build(first, shape, values)
        strict = outcome(lambda each: parse_request_head(each, rules), raw)
        assert outcome(heads.read, raw) == strict
        assert outcome(heads.read, raw) == strict


SAME_LENGTH = st.lists(
    st.tuples(st.integers(0, 200), st.sampled_from([b"0", b"z", b" ", b":", b"\r", b"\n", b"\x00", b"\xff"])),
    max_size=2,
)
IDS = (
    b"POST /m HTTP/1.1\r\nHost: m\r\nContent-Length: %d\r\nX-Request-Id: %08x\r\n"
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-%016x-01\r\n\r\n"
)


@settings(max_examples=600, deadline=None)
@given(heads=st.lists(SAME_LENGTH, min_size=1, max_size=4))
def test_heads_of_one_length_that_differ_anywhere_are_read_as_by_the_strict_parser(
    heads: list[list[tuple[int, bytes]]],
) -> None:
    rules = ALL_RULES[0]
    reader = RequestHeads(rules)
    for number in range(1, 4):  # parsed, then found by its lines, then by where its values lie
        reader.read(IDS % (10, number, number))
    for number, changes in enumerate(heads, 4):
        raw = bytearray(IDS % (10 + number, number, number))
        for place, byte in changes:
            raw[place % len(raw)] = byte[0]
        head = bytes(raw)
        if head.find(b"\r\n\r\n") != len(head) - 4:
            continue  # its end lies elsewhere: another head
        assert outcome(reader.read, head) == outcome(lambda each: parse_request_head(each, rules), head)
