r"""The access log: a line an exchange, from its record, so that it costs callers nothing.

What a caller sent is escaped to printable ASCII, so it can neither end a line nor a field:

    json    an object; what is not ASCII is \uXXXX, and bytes that are no UTF-8 are shown as \xHH
    text    the combined format of Apache and nginx, escaped as nginx does: \xHH for quotes, backslashes and
            all that is not printable ASCII

A line may be lost (its batch was being settled when the monitor was killed), and is never written twice.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache

from sidecar.clock import Clock
from sidecar.config.outlets import AccessLogConfig
from sidecar.http1.request import read_request_id
from sidecar.log import Log
from sidecar.monitor.heads import RequestLine
from sidecar.monitor.log_file import LogFile
from sidecar.ring.entry import ExchangeRecord
from sidecar.ring.record import NO_ADDRESS
from sidecar.telemetry.points import Family

_UNSAFE = re.compile(rb"[^ !#-\[\]-~]")
_MAPPED = b"\0" * 10 + b"\xff\xff"
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SECOND_NS = 1_000_000_000
_ENCODE = json.JSONEncoder(ensure_ascii=True, check_circular=False, separators=(",", ":")).encode

Format = Callable[[ExchangeRecord, RequestLine], bytes]


class AccessLog:
    """Writes a line an exchange; used by the intake thread but for `families`.

    Args:
        file: where lines go.
        line_of: makes one, with its newline.
    """

    def __init__(self, file: LogFile, line_of: Format) -> None:
        self._file = file
        self._line_of = line_of
        self.flush = file.flush
        self.close = file.close

    def add(self, record: ExchangeRecord, request: RequestLine) -> None:
        """Adds an exchange's line, to be written by `flush`.

        Args:
            record: the exchange's final record, not settled by a predecessor.
            request: its request's head.
        """
        self._file.add(self._line_of(record, request))

    def families(self) -> list[Family]:
        """Lines written, lost and waiting. Called by: any thread."""
        return self._file.families()


def make_access_log(config: AccessLogConfig, clock: Clock, log: Log) -> AccessLog | None:
    """The access log that the settings ask for, or None.

    Args:
        config: path and format.
        clock: for looking after the file.
        log: where a fault of the file is told.
    """
    if config.path is None:
        return None
    return AccessLog(LogFile(config.path, clock, log), json_line if config.format == "json" else text_line)


def json_line(record: ExchangeRecord, request: RequestLine) -> bytes:
    """An exchange as a JSON object in one line of ASCII; what is not known is null."""
    headers = request.headers
    forwarded_ns, first_byte_ns = record.forwarded_ns, record.first_byte_ns
    given_id = headers.get("x-request-id")
    request_id = None if given_id is None else read_request_id([given_id.encode("latin-1")])
    fields = {
        "time": _rfc3339(record.start_unix_ns),
        "method": _shown(request.method),
        "target": _shown(request.target),
        "protocol": _shown(request.protocol),
        "status": record.status or None,
        "outcome": record.outcome.name.lower(),
        "request_bytes": record.request_body_bytes,
        "response_bytes": record.response_body_bytes,
        "duration_s": _seconds(record.end_ns),
        "upstream_s": _seconds(record.end_ns - forwarded_ns) if forwarded_ns else None,
        "first_byte_s": _seconds(first_byte_ns) if first_byte_ns else None,
        "caller": _address(record.caller_address),
        "host": _shown(headers.get("host")),
        "user_agent": _shown(headers.get("user-agent")),
        "referer": _shown(headers.get("referer")),
        "request_id": record.own_request_id.hex() if request_id is None else request_id.decode("ascii"),
        "trace_id": record.trace_id.hex(),
        "span_id": record.span_id.hex(),
        "sampled": bool(record.trace_flags & 1),
    }
    return _ENCODE(fields).encode("ascii") + b"\n"


def text_line(record: ExchangeRecord, request: RequestLine) -> bytes:
    """An exchange in the combined format; the time is that of the request, in UTC, and no user is told."""
    caller = _address(record.caller_address) or "-"
    line = f"{request.method} {request.target} {request.protocol}"
    status, n_bytes = record.status, record.response_body_bytes
    referer, agent = (_escaped(request.headers.get(name, "-")) for name in ("referer", "user-agent"))
    return (
        f'{caller} - - [{_common_time(record.start_unix_ns // _SECOND_NS)}] "{_escaped(line)}" '
        f'{status:03d} {n_bytes} "{referer}" "{agent}"\n'
    ).encode("ascii")


def _seconds(ns: int) -> float:
    return round(ns * 1e-9, 6)


def _rfc3339(unix_ns: int) -> str:
    return f"{_iso_second(unix_ns // _SECOND_NS)}.{unix_ns // 1_000_000 % 1000:03d}Z"


@lru_cache(maxsize=64)
def _iso_second(unix_s: int) -> str:
    return datetime.fromtimestamp(unix_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")


@lru_cache(maxsize=64)
def _common_time(unix_s: int) -> str:
    when = datetime.fromtimestamp(unix_s, UTC)
    return f"{when.day:02d}/{_MONTHS[when.month - 1]}/{when:%Y:%H:%M:%S} +0000"  # months in no language


@lru_cache(maxsize=4096)
def _address(packed: bytes) -> str | None:
    if packed == NO_ADDRESS:
        return None
    if packed.startswith(_MAPPED):
        return socket.inet_ntop(socket.AF_INET, packed[12:])
    return socket.inet_ntop(socket.AF_INET6, packed)


def _shown(value: str | None) -> str | None:
    """Bytes of a head, which were read one character a byte, as the text that they most likely are."""
    if value is None or value.isascii():
        return value
    return value.encode("latin-1").decode("utf-8", "backslashreplace")


def _escaped(value: str) -> str:
    raw = value.encode("latin-1")
    return _UNSAFE.sub(lambda found: b"\\x%02X" % found[0][0], raw).decode("ascii")
