"""Which header lines are forwarded, which are read, and which never enter the ring."""

from __future__ import annotations

import re

from sidecar.errors import BadFraming, Side
from sidecar.http1.syntax import Field

# RFC 9110 section 7.6.1, with the two that RFC 7230 and old proxies added.
HOP_BY_HOP = frozenset(
    (
        b"connection",
        b"keep-alive",
        b"proxy-connection",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    )
)
# A sender that names one of these in Connection would make a proxy drop what the message's meaning hangs on.
_NEVER_NAMED = frozenset((b"content-length", b"host", b"content-type", b"content-encoding"))
# Credentials: forwarded as they are, never copied.
REDACTED = frozenset((b"authorization", b"proxy-authorization", b"cookie", b"set-cookie", b"x-api-key"))

CHUNKED = -1
UNTIL_CLOSE = -2

_DIGITS = re.compile(rb"[0-9]{1,18}")


def values_of(fields: tuple[Field, ...], name: bytes) -> list[bytes]:
    """Every value of one header, in order."""
    return [value for field, value, _ in fields if field == name]


def connection_tokens(fields: tuple[Field, ...]) -> frozenset[bytes]:
    """The lower-case tokens of all Connection headers."""
    tokens = b",".join(values_of(fields, b"connection")).lower().split(b",")
    return frozenset(token.strip(b" \t") for token in tokens) - {b""}


def forwarded_lines(
    fields: tuple[Field, ...], tokens: frozenset[bytes], rewritten: frozenset[bytes]
) -> bytes:
    """The header lines that go on: in order, with their case and repeats.

    Args:
        fields: all lines of the head.
        tokens: what its Connection headers name.
        rewritten: names that the sidecar writes itself.
    """
    dropped = HOP_BY_HOP | (tokens - _NEVER_NAMED) | rewritten
    return b"".join(line for name, _, line in fields if name not in dropped)


def recorded_lines(fields: tuple[Field, ...]) -> bytes:
    """The header lines that may enter the ring: all but credentials."""
    return b"".join(line for name, _, line in fields if name not in REDACTED)


def declared_length(fields: tuple[Field, ...], side: Side) -> int | None:
    """The body's length as the head declares it.

    Returns:
        Bytes (>= 0), `CHUNKED`, or None when the head says nothing.

    Raises:
        BadFraming: both lengths, a repeated or malformed Content-Length, any transfer coding but a single
            `chunked`.
    """
    status = 400 if side == "downstream" else 502
    lengths = values_of(fields, b"content-length")
    codings = values_of(fields, b"transfer-encoding")
    if codings and lengths:
        raise BadFraming(side, status, "head: expected Content-Length or Transfer-Encoding, got both")
    if codings:
        if len(codings) == 1 and codings[0].lower() == b"chunked":
            return CHUNKED
        raise BadFraming(
            side,
            501 if side == "downstream" else 502,
            "transfer-encoding: expected 'chunked', got another coding",
        )
    if not lengths:
        return None
    length = parse_length(lengths[0]) if len(lengths) == 1 else None
    if length is None:
        raise BadFraming(side, status, "content-length: expected one decimal number, got something else")
    return length


def parse_length(value: bytes) -> int | None:
    """A Content-Length as a number, None when it is not plain decimal digits."""
    return int(value) if _DIGITS.fullmatch(value) else None
