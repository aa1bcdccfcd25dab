"""The grammar of a head (RFC 9112 sections 2-5), as strict as the most careful peer: two parsers that
disagree about where a message ends are a security hole (request smuggling), so what is not plainly legal is
refused.

Two judges must agree on bytes that were not seen before: the line grammar here, which keeps order, case and
repeats, and llhttp (through httptools), which is what Node.js and most of Python's servers believe.
"""

from __future__ import annotations

import re

import httptools

from sidecar.errors import BadHead, HeadTooLarge, Side

Field = tuple[
    bytes, bytes, bytes
]  # (name in lower case, value without outer blanks, the line as it came with CRLF)

VISIBLE = bytes(range(ord("!"), ord("~") + 1))

_FIELD_LINE = re.compile(
    rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*((?:[!-~\x80-\xff](?:[ \t!-~\x80-\xff]*[!-~\x80-\xff])?)?)[ \t]*"
)
# Method names as nginx reads them: those in use are in upper case, and one parser's `get` or `xGET` (what is
# left of a body that two parsers ended differently) is the other's 400.
METHOD = rb"[A-Z_-]{1,32}"
_REQUEST_LINE = re.compile(rb"(" + METHOD + rb") ([!-~\x80-\xff]+) HTTP/1\.([01])")
_OTHER_VERSION = re.compile(METHOD + rb" [!-~\x80-\xff]+ HTTP/[0-9]\.[0-9]")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9][0-9])(?: ([\t -~\x80-\xff]{0,512}))?")
# The methods that llhttp reads like any other. It refuses unknown ones, which RFC 9110 section 9.1 allows;
# for these it judges the same head with a method that changes nothing.
_JUDGED = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE"))


def split_fields(lines: list[bytes], side: Side, max_fields: int) -> tuple[Field, ...]:
    """Reads header lines strictly, in order.

    Args:
        lines: the head's lines after the first, without CRLF.
        side: who sent them, for the error.
        max_fields: most lines allowed, >= 1.

    Returns:
        One (lower-case name, value, whole line with CRLF) a line.

    Raises:
        BadHead: a folded line, a blank before the colon, an illegal name, a control byte.
        HeadTooLarge: more lines than allowed.
    """
    if len(lines) > max_fields:
        raise HeadTooLarge(
            side,
            431 if side == "downstream" else 502,
            f"head: expected at most {max_fields} header lines, got {len(lines)}",
        )
    fields = []
    for line in lines:
        match = _FIELD_LINE.fullmatch(line)
        if match is None:
            raise BadHead(
                side, _status_of(side), f"head: expected a header line 'name: value', got {_clip(line)!r}"
            )
        fields.append((match[1].lower(), match[2], line + b"\r\n"))
    return tuple(fields)


def split_request_line(line: bytes) -> tuple[bytes, bytes, int]:
    """Reads a request line.

    Returns:
        Method, target and the minor version (0 or 1).

    Raises:
        BadHead: not `METHOD SP target SP HTTP/1.x` (505 for another version, else 400), PRI (400), CONNECT
            (501).
    """
    match = _REQUEST_LINE.fullmatch(line)
    if match is None:
        status = 505 if _OTHER_VERSION.fullmatch(line) else 400
        raise BadHead("downstream", status, f"head: expected 'METHOD target HTTP/1.1', got {_clip(line)!r}")
    method = match[1]
    if method == b"PRI":  # kept for HTTP/2's preface
        raise BadHead("downstream", 400, "method: expected one of HTTP/1.1, got PRI")
    if method == b"CONNECT":
        raise BadHead("downstream", 501, "method: expected one that names a resource, got CONNECT")
    return method, match[2], int(match[3])


def split_status_line(line: bytes) -> tuple[int, int]:
    """Reads a status line.

    Returns:
        Status code (100 to 599) and the minor version (0 or 1).

    Raises:
        BadHead: not `HTTP/1.x SP code [SP reason]`.
    """
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise BadHead("upstream", 502, f"head: expected 'HTTP/1.1 code reason', got {_clip(line)!r}")
    return int(match[2]), int(match[1])


def check_with_llhttp(raw: bytes, fields: tuple[Field, ...], side: Side) -> None:
    """Asks the second judge; it must accept the head and see the same fields.

    Args:
        raw: the head from its first byte to the empty line.
        fields: what `split_fields` read.
        side: who sent it.

    Raises:
        BadHead: llhttp refuses the head, or reads other names or values.
    """
    seen = _Listener()
    method = raw[: raw.find(b" ")]
    if side == "downstream" and method not in _JUDGED:
        raw = b"POST" + raw[len(method) :]
    parser = httptools.HttpRequestParser(seen) if side == "downstream" else httptools.HttpResponseParser(seen)
    try:
        parser.feed_data(raw)
    except httptools.HttpParserUpgrade:
        pass  # a legal head that asks for another protocol
    except httptools.HttpParserError as exc:
        raise BadHead(side, _status_of(side), f"head: refused by the parser: {exc}") from exc
    if seen.fields != [(name, value) for name, value, _ in fields]:
        raise BadHead(side, _status_of(side), "head: two parsers read different header fields")


class _Listener:
    def __init__(self) -> None:
        self.fields: list[tuple[bytes, bytes]] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        self.fields.append((name.lower(), value.strip(b" \t")))


def _status_of(side: Side) -> int:
    return 400 if side == "downstream" else 502


def _clip(line: bytes) -> bytes:
    """A header's value may be a secret: name what stands before the colon and no more."""
    return line.split(b":", 1)[0][:40]
