"""W3C Trace Context: the `traceparent` header (https://www.w3.org/TR/trace-context/, level 1)."""

from __future__ import annotations

import re
from binascii import unhexlify
from typing import NamedTuple

_TRACEPARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?")

_NO_TRACE, _NO_SPAN = b"0" * 32, b"0" * 16


class TraceParent(NamedTuple):
    """The caller's span.

    Attributes:
        trace_hex: 32 lower-case hex digits.
        trace_id: the same as 16 bytes.
        span_id: the caller's span, 8 bytes.
        flags: 0 to 255; bit 0 says that the caller records its span.
    """

    trace_hex: bytes
    trace_id: bytes
    span_id: bytes
    flags: int


def parse_traceparent(values: list[bytes]) -> TraceParent | None:
    """Reads the caller's span; anything illegal counts as absent, as the standard asks.

    Args:
        values: every `traceparent` value of the head; more than one is illegal.
    """
    match = _TRACEPARENT.fullmatch(values[0]) if len(values) == 1 else None
    if match is None:
        return None
    version, trace_hex, span_hex, flags, more = match.groups()
    if trace_hex == _NO_TRACE or span_hex == _NO_SPAN or version == b"ff" or (more and version == b"00"):
        return None
    return TraceParent(trace_hex, unhexlify(trace_hex), unhexlify(span_hex), int(flags, 16))
