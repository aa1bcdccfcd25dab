"""Known forms of request smuggling and desynchronisation, and what the sidecar answers to each.

Most are from RFC 9112 section 11.2, PortSwigger's research (HTTP Desync Attacks, Browser-Powered Desync,
HTTP/1.1 Must Die), "T-Reqs", "Funky chunks", and the advisories of llhttp, nginx, Envoy, Apache, Go and h11.
The evidence is in `tests/e2e/test_smuggling.py`; `tests/support/smuggling_table.py` writes the page.
"""

from __future__ import annotations

from dataclasses import dataclass

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: m\r\n\r\n"


# Why we forward what one of llhttp, nginx and Envoy refuses.
EXCEPTIONS = {
    "method of its own": (
        "RFC 9110 allows methods beyond those that Envoy and llhttp know; nginx forwards them, and none but "
        "HEAD and CONNECT changes where a message ends"
    ),
    "OPTIONS for the whole server": "RFC 9112 section 3.2.4; nginx and Envoy have no location for it",
    "HTTP/1.0": "Envoy asks for 1.1 (426) unless `accept_http_10` is set; health checks still speak 1.0",
}


@dataclass(frozen=True, slots=True)
class Form:
    """One attack, byte for byte.

    Attributes:
        family: what kind it is.
        name: unique.
        raw: what the caller sends on a connection of its own.
        statuses: what we answer, one a request. 200 is the upstream's; it means that just the requests
            which the rules of RFC 9112 see in the bytes were forwarded.
    """

    family: str
    name: str
    raw: bytes
    statuses: tuple[int, ...]


def _head(*lines: bytes, first: bytes = b"POST /m HTTP/1.1", host: bytes | None = b"Host: m") -> bytes:
    return b"\r\n".join([first, *([] if host is None else [host]), *lines, b"", b""])


def _length(n_bytes: int) -> bytes:
    return b"Content-Length: %d" % n_bytes


CHUNKED = b"Transfer-Encoding: chunked"
EMPTY_THEN_HIDDEN = b"0\r\n\r\n" + HIDDEN
FRAMING = [
    ("CL.TE", _head(_length(len(EMPTY_THEN_HIDDEN)), CHUNKED) + EMPTY_THEN_HIDDEN, 400),
    ("TE.CL", _head(CHUNKED, _length(4)) + b"2c\r\n" + HIDDEN + b"\r\n0\r\n\r\n", 400),
    ("TE with CL: 0", _head(CHUNKED, _length(0)) + EMPTY_THEN_HIDDEN, 400),
    ("CL twice, different", _head(_length(0), _length(len(HIDDEN))) + HIDDEN, 400),
    ("CL twice, alike", _head(_length(2), _length(2)) + b"ab", 400),
    ("CL list, alike", _head(b"Content-Length: 2, 2") + b"ab", 400),
    ("CL list, different", _head(b"Content-Length: 0, 2") + b"ab", 400),
    ("CL signed", _head(b"Content-Length: +2") + b"ab", 400),
    ("CL negative", _head(b"Content-Length: -2") + b"ab", 400),
    ("CL hexadecimal", _head(b"Content-Length: 0x2") + b"ab", 400),
    ("CL with underscore", _head(b"Content-Length: 1_0") + b"0123456789", 400),
    ("CL with fraction", _head(b"Content-Length: 2.0") + b"ab", 400),
    ("CL empty", _head(b"Content-Length:") + HIDDEN, 400),
    ("CL quoted", _head(b'Content-Length: "2"') + b"ab", 400),
    ("CL with inner blank", _head(b"Content-Length: 2 2") + b"ab", 400),
    ("CL in Unicode digits", _head("Content-Length: \u0662".encode()) + b"ab", 400),
    ("CL in full-width digits", _head("Content-Length: \uff12".encode()) + b"ab", 400),
    ("CL beyond 64 bits", _head(b"Content-Length: 18446744073709551618") + b"ab", 400),
    ("CL in a name with underscore", _head(b"Content_Length: 2") + b"", 200),
    ("CL behind vertical tab", _head(b"Content-Length:\x0b2") + b"ab", 400),
    ("blank before colon (CL)", _head(b"Content-Length : 2") + b"ab", 400),
    ("tab before colon (CL)", _head(b"Content-Length\t: 2") + b"ab", 400),
]
CODINGS = [
    ("TE xchunked", _head(b"Transfer-Encoding: xchunked") + EMPTY_THEN_HIDDEN, 501),
    ("TE chunked, identity", _head(b"Transfer-Encoding: chunked, identity") + EMPTY_THEN_HIDDEN, 501),
    ("TE identity", _head(b"Transfer-Encoding: identity", _length(2)) + b"ab", 400),
    ("TE identity, chunked", _head(b"Transfer-Encoding: identity, chunked") + EMPTY_THEN_HIDDEN, 501),
    ("TE gzip, chunked", _head(b"Transfer-Encoding: gzip, chunked") + EMPTY_THEN_HIDDEN, 501),
    ("TE chunked, chunked", _head(b"Transfer-Encoding: chunked, chunked") + EMPTY_THEN_HIDDEN, 501),
    ("TE twice", _head(CHUNKED, CHUNKED) + EMPTY_THEN_HIDDEN, 501),
    ("TE chunked and TE x", _head(CHUNKED, b"Transfer-Encoding: x") + EMPTY_THEN_HIDDEN, 501),
    ("TE quoted", _head(b'Transfer-Encoding: "chunked"') + EMPTY_THEN_HIDDEN, 501),
    ("TE with parameter", _head(b"Transfer-Encoding: chunked;q=1") + EMPTY_THEN_HIDDEN, 501),
    ("TE with comma in front", _head(b"Transfer-Encoding: ,chunked") + EMPTY_THEN_HIDDEN, 501),
    ("TE empty", _head(b"Transfer-Encoding:") + HIDDEN, 501),
    ("TE behind vertical tab", _head(b"Transfer-Encoding:\x0bchunked") + EMPTY_THEN_HIDDEN, 400),
    ("TE behind form feed", _head(b"Transfer-Encoding: \x0cchunked") + EMPTY_THEN_HIDDEN, 400),
    ("TE behind NUL", _head(b"Transfer-Encoding: \x00chunked") + EMPTY_THEN_HIDDEN, 400),
    ("TE with NEL", _head(b"Transfer-Encoding: chunked\x85") + EMPTY_THEN_HIDDEN, 501),
    ("blank before colon (TE)", _head(b"Transfer-Encoding : chunked") + EMPTY_THEN_HIDDEN, 400),
    ("blank before name (TE)", _head(b" Transfer-Encoding: chunked") + EMPTY_THEN_HIDDEN, 400),
    ("TE folded", _head(b"Transfer-Encoding:", b" chunked") + EMPTY_THEN_HIDDEN, 400),
    ("TE behind bare LF", _head(b"X: a\nTransfer-Encoding: chunked") + EMPTY_THEN_HIDDEN, 400),
    ("TE behind bare CR", _head(b"X: a\rTransfer-Encoding: chunked") + EMPTY_THEN_HIDDEN, 400),
    ("TE in a name with underscore", _head(b"Transfer_Encoding: chunked", _length(2)) + b"ab", 200),
    ("TE in HTTP/1.0", _head(CHUNKED, first=b"POST /m HTTP/1.0") + EMPTY_THEN_HIDDEN, 400),
    (
        "TE named by Connection",
        _head(b"Connection: transfer-encoding", CHUNKED) + b"2\r\nab\r\n0\r\n\r\n",
        200,
    ),
    ("CL named by Connection", _head(b"Connection: content-length", _length(2)) + b"ab", 200),
]
LINES = [
    ("folded line", _head(b"X: 1", b" 2", _length(0)), 400),
    ("folded first line", b"GET /m HTTP/1.1\r\n Host: m\r\n\r\n", 400),
    ("bare LF everywhere", b"GET /m HTTP/1.1\nHost: m\n\n", 400),
    ("bare LF ends a line", b"GET /m HTTP/1.1\r\nHost: m\nX: 1\r\n\r\n", 400),
    ("bare CR ends a line", b"GET /m HTTP/1.1\r\nHost: m\rX: 1\r\n\r\n", 400),
    ("CR CR LF", b"GET /m HTTP/1.1\r\nHost: m\r\r\n\r\n", 400),
    ("NUL in a value", _head(b"X: a\x00b", first=b"GET /m HTTP/1.1"), 400),
    ("NUL in a name", _head(b"X\x00: a", first=b"GET /m HTTP/1.1"), 400),
    ("DEL in a value", _head(b"X: a\x7fb", first=b"GET /m HTTP/1.1"), 400),
    ("name with parentheses", _head(b"X(Y): 1", first=b"GET /m HTTP/1.1"), 400),
    ("name beyond ASCII", _head(b"X\xff: 1", first=b"GET /m HTTP/1.1"), 400),
    ("empty name", _head(b": 1", first=b"GET /m HTTP/1.1"), 400),
    ("line without colon", _head(b"Transfer-Encoding chunked", first=b"GET /m HTTP/1.1"), 400),
    ("empty line in front", b"\r\n" + _head(first=b"GET /m HTTP/1.1"), 200),
]
FIRST_LINES = [
    ("two blanks before target", _head(first=b"GET  /m HTTP/1.1"), 400),
    ("two blanks before version", _head(first=b"GET /m  HTTP/1.1"), 400),
    ("tab before target", _head(first=b"GET\t/m HTTP/1.1"), 400),
    ("blank in front of method", _head(first=b" GET /m HTTP/1.1"), 400),
    ("blank behind version", _head(first=b"GET /m HTTP/1.1 "), 400),
    ("blank in target", _head(first=b"GET /m x HTTP/1.1"), 400),
    ("HTTP/0.9", b"GET /m\r\n\r\n", 400),
    ("HTTP/1.2", _head(first=b"GET /m HTTP/1.2"), 505),
    ("HTTP/2.0 in text", _head(first=b"GET /m HTTP/2.0"), 505),
    ("version in lower case", _head(first=b"GET /m http/1.1"), 400),
    ("version with Unicode digit", _head(first="GET /m HTTP/1.\u0661".encode()), 400),
    ("version with two digits", _head(first=b"GET /m HTTP/1.10"), 400),
    ("method in lower case", _head(first=b"head /m HTTP/1.1"), 400),
    ("method with junk", _head(first=b"GE(T /m HTTP/1.1"), 400),
    ("method of its own", _head(first=b"FROBNICATE /m HTTP/1.1"), 200),
    ("fragment in target", _head(first=b"GET /m#x HTTP/1.1"), 400),
    ("control byte in target", _head(first=b"GET /m\x01 HTTP/1.1"), 400),
    ("bytes beyond ASCII in target", _head(first=b"GET /m\xff HTTP/1.1"), 400),
    ("path above the root", _head(first=b"GET /a/../../m HTTP/1.1"), 400),
    ("path above the root in escapes", _head(first=b"GET /%2e%2e/m HTTP/1.1"), 400),
    ("NUL in an escape", _head(first=b"GET /m%00 HTTP/1.1"), 400),
    ("broken escape", _head(first=b"GET /m%zz HTTP/1.1"), 400),
    ("OPTIONS for the whole server", _head(first=b"OPTIONS * HTTP/1.1"), 200),
    ("HTTP/1.0", _head(first=b"GET /m HTTP/1.0"), 200),
    ("no slash in front", _head(first=b"GET m HTTP/1.1"), 400),
    ("asterisk without OPTIONS", _head(first=b"GET * HTTP/1.1"), 400),
    ("CONNECT", _head(first=b"CONNECT m:443 HTTP/1.1", host=b"Host: m:443"), 501),
    ("PRI of HTTP/2 as a request", _head(first=b"PRI /m HTTP/1.1"), 400),
]
HOSTS = [
    ("absolute target, other Host", _head(first=b"GET http://other/m HTTP/1.1"), 200),
    ("absolute target with user", _head(first=b"GET http://user@m/m HTTP/1.1"), 400),
    ("absolute target, other scheme", _head(first=b"GET file://m/m HTTP/1.1"), 400),
    ("absolute target without host", _head(first=b"GET http:///m HTTP/1.1"), 400),
    ("no Host", _head(first=b"GET /m HTTP/1.1", host=None), 400),
    ("two Hosts", _head(b"Host: other", first=b"GET /m HTTP/1.1"), 400),
    ("empty Host", _head(first=b"GET /m HTTP/1.1", host=b"Host:"), 400),
    ("Host with path", _head(first=b"GET /m HTTP/1.1", host=b"Host: m/x"), 400),
    ("Host with user", _head(first=b"GET /m HTTP/1.1", host=b"Host: user@m"), 400),
    ("Host list", _head(first=b"GET /m HTTP/1.1", host=b"Host: m, other"), 400),
    ("Host with an empty label", _head(first=b"GET /m HTTP/1.1", host=b"Host: a..b"), 400),
    ("Host with port beyond 65535", _head(first=b"GET /m HTTP/1.1", host=b"Host: m:99999"), 400),
]
CHUNKS = [
    ("size with 0x", _head(CHUNKED) + b"0x2\r\nab\r\n0\r\n\r\n", 400),
    ("size with sign", _head(CHUNKED) + b"+2\r\nab\r\n0\r\n\r\n", 400),
    ("size with underscore", _head(CHUNKED) + b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n", 400),
    ("size behind blank", _head(CHUNKED) + b" 2\r\nab\r\n0\r\n\r\n", 400),
    ("size before blank", _head(CHUNKED) + b"2 \r\nab\r\n0\r\n\r\n", 400),
    ("size beyond 64 bits", _head(CHUNKED) + b"10000000000000002\r\nab\r\n0\r\n\r\n", 400),
    ("size with many zeros", _head(CHUNKED) + b"0" * 40 + b"2\r\nab\r\n0\r\n\r\n", 400),
    ("size missing", _head(CHUNKED) + b"\r\nab\r\n0\r\n\r\n", 400),
    ("size ends in bare LF", _head(CHUNKED) + b"2\nab\r\n0\r\n\r\n", 400),
    ("size ends in bare CR", _head(CHUNKED) + b"2\rab\r\n0\r\n\r\n", 400),
    ("data ends in bare LF", _head(CHUNKED) + b"2\r\nab\n0\r\n\r\n", 400),
    ("data longer than its size", _head(CHUNKED) + b"2\r\nabc\r\n0\r\n\r\n", 400),
    ("data ends in two other bytes", _head(CHUNKED) + b"2\r\nabXX0\r\n\r\n", 400),
    ("bare LF in an extension (TERM.EXT)", _head(CHUNKED) + b"2;\nxx\r\nab\r\n0\r\n\r\n", 400),
    ("bare CR in an extension", _head(CHUNKED) + b"2;a\rb\r\nab\r\n0\r\n\r\n", 400),
    ("extension without name (EXT.TERM)", _head(CHUNKED) + b"2;\r\nab\r\n0\r\n\r\n", 400),
    ("NUL in an extension", _head(CHUNKED) + b"2;a\x00\r\nab\r\n0\r\n\r\n", 400),
    ("CRLF in a quoted extension", _head(CHUNKED) + b'2;a="\r\n"\r\nab\r\n0\r\n\r\n', 400),
    ("blank before an extension", _head(CHUNKED) + b"2 ;a\r\nab\r\n0\r\n\r\n", 400),
    ("long extension", _head(CHUNKED) + b"2;" + b"a" * 20_000 + b"\r\nab\r\n0\r\n\r\n", 400),
    ("many extensions", _head(CHUNKED) + b"1;%b\r\na\r\n" % (b"a" * 200) * 100 + b"0\r\n\r\n", 400),
    ("last chunk ends in bare LF", _head(CHUNKED) + b"2\r\nab\r\n0\n\n", 400),
    ("Content-Length in the trailer", _head(CHUNKED) + b"0\r\nContent-Length: 5\r\n\r\n", 400),
    ("Transfer-Encoding in the trailer", _head(CHUNKED) + b"0\r\nTransfer-Encoding: x\r\n\r\n", 400),
    ("Host in the trailer", _head(CHUNKED) + b"0\r\nHost: other\r\n\r\n", 400),
    ("Authorization in the trailer", _head(CHUNKED) + b"0\r\nAuthorization: x\r\n\r\n", 400),
    ("bare LF in the trailer", _head(CHUNKED) + b"0\r\nX: 1\nY: 2\r\n\r\n", 400),
    ("request in the trailer", _head(CHUNKED) + b"0\r\n" + HIDDEN, 400),
]
MEANINGS = [
    ("request hidden in a body (CL.0)", _head(_length(len(HIDDEN))) + HIDDEN, 200),
    ("request hidden in a GET's body", _head(_length(len(HIDDEN)), first=b"GET /m HTTP/1.1") + HIDDEN, 200),
    ("request hidden in a chunk", _head(CHUNKED) + b"%x\r\n%b\r\n0\r\n\r\n" % (len(HIDDEN), HIDDEN), 200),
    (
        "request hidden behind h2c",
        _head(
            *(
                b"Connection: upgrade, http2-settings",
                b"Upgrade: h2c",
                b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA",
            ),
            first=b"GET /m HTTP/1.1",
        ),
        200,
    ),
    ("TRACE with body", _head(_length(2), first=b"TRACE /m HTTP/1.1") + b"ab", 400),
    ("Expect of another thing", _head(b"Expect: y 100-continue", _length(2)) + b"ab", 417),
    ("Expect twice", _head(b"Expect: 100-continue", b"Expect: x", _length(2)) + b"ab", 417),
    ("Expect without body (0.CL)", _head(b"Expect: 100-continue", first=b"GET /m HTTP/1.1"), 200),
    (
        "X-Forwarded-For named by Connection",
        _head(b"Connection: x-forwarded-for", b"X-Forwarded-For: 192.0.2.1", first=b"GET /m HTTP/1.1"),
        400,
    ),
]
PIPELINED = [
    Form("meaning", "body shorter than sent", _head(_length(0)) + b"x" + HIDDEN, (200, 400)),
    Form("meaning", "chunked body, then junk", _head(CHUNKED) + b"0\r\n\r\nX\r\n\r\n", (200, 400)),
    Form("meaning", "body longer than sent (0.CL)", _head(_length(100)) + HIDDEN, (200,)),
]
TABLES = {
    "length": FRAMING,
    "coding": CODINGS,
    "line": LINES,
    "first line": FIRST_LINES,
    "host": HOSTS,
    "chunk": CHUNKS,
    "meaning": MEANINGS,
}
FORMS: tuple[Form, ...] = (
    *(Form(family, name, raw, (status,)) for family, rows in TABLES.items() for name, raw, status in rows),
    *PIPELINED,
)
