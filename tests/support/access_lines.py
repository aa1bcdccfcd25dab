"""Lines of the access log for one exchange, made through a ring."""

from __future__ import annotations

from typing import Any

from sidecar.monitor.access_log import json_line, text_line
from sidecar.monitor.heads import HeadReader
from sidecar.ring.entry import ExchangeRecord
from sidecar.ring.record import NO_SPAN, Outcome
from tests.support.ring_pair import read_all, ring_pair

HEAD = (
    b"POST /v2/models/m/infer?x=1 HTTP/1.1\r\nHost: model:80\r\nUser-Agent: curl/8\r\n"
    b"Referer: http://a/b\r\nX-Request-Id: abc-1\r\n\r\n"
)
V4 = b"\0" * 10 + b"\xff\xff\x7f\x00\x00\x01"
START_NS = 1_700_000_000_123_999_999  # 2023-11-14T22:13:20.123999999Z


def lines(head: bytes = HEAD, **changes: Any) -> tuple[bytes, bytes]:
    """The JSON and the text line of one exchange, made through a ring."""
    fields: dict[str, Any] = {
        "exchange_id": 1,
        "mono_ns": 2,
        "start_unix_ns": START_NS,
        "forwarded_ns": 1_000_000,
        "first_byte_ns": 4_000_000,
        "end_ns": 5_500_000,
        "status": 200,
        "outcome": Outcome.OK,
        "flags": 1,
        "ratio": 1.0,
        "trace_id": bytes(range(16)),
        "span_id": b"spanspan",
        "parent_span_id": NO_SPAN,
        "caller_address": V4,
        "id_high": b"highhigh",
        "trace_flags": 1,
        "request_body_bytes": 10,
        "response_body_bytes": 20,
        "request_head": head,
        "request_body": b"secret",
        "response_head": b"",
        "response_body": b"",
    }
    with ring_pair() as pair:
        writer, reader = pair.writer(), pair.reader()
        writer.count_seen()
        assert writer.try_exchange(**(fields | changes))
        writer.publish()
        (record,) = read_all(reader)
        assert isinstance(record, ExchangeRecord)
        request = HeadReader().request(bytes(record.request_head))
        return json_line(record, request), text_line(record, request)
