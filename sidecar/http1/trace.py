"""W3C Trace Context: the `traceparent` header (https://www.w3.org/TR/trace-context/, level 1)."""

from __future__ import annotations

from binascii import unhexlify
from dataclasses import dataclass
from typing import Final

_HEX: Final = b"0123456789abcdef"
_LENGTH: Final = 55  # version (2), trace (32), span (16), flags (2), and the dashes between them
_NO_TRACE, _NO_SPAN = b"0" * 32, b"0" * 16


@dataclass(slots=True, init=False)  # never changed; a generated __init__ is not compiled with the worker
class TraceParent:
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

    def __init__(self, trace_hex: bytes, span_hex: bytes, flags_hex: bytes) -> None:
        self.trace_hex = trace_hex
        self.trace_id = unhexlify(trace_hex)
        self.span_id = unhexlify(span_hex)
        self.flags = unhexlify(flags_hex)[0]


def parse_traceparent(values: list[bytes]) -> TraceParent | None:
    """Reads the caller's span; anything illegal counts as absent, as the standard asks.

    Args:
        values: every `traceparent` value of the head; more than one is illegal.
    """
    if len(values) != 1 or len(values[0]) < _LENGTH:
        return None
    value = values[0][:_LENGTH]
    more = values[0][_LENGTH:]
    version, trace_hex, span_hex = value[:2], value[3:35], value[36:52]
    dashes = value[2:3] + value[35:36] + value[52:53]
    if dashes != b"---" or value.translate(None, _HEX) != b"---":
        return None
    if trace_hex == _NO_TRACE or span_hex == _NO_SPAN or version == b"ff":
        return None
    if more and (version == b"00" or not more.startswith(b"-")):
        return None  # later versions may say more, behind another dash
    return TraceParent(trace_hex, span_hex, value[53:])
