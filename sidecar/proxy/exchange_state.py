"""What an exchange holds while it lives: its identity, its two heads, what the tap needs for the record, and
how far its request and answer have come. `sidecar.proxy.exchange` says what becomes of it.
"""

from __future__ import annotations

from binascii import hexlify
from typing import TYPE_CHECKING

from sidecar.http1.part import Part
from sidecar.http1.request import RequestHead
from sidecar.http1.response import ResponseHead
from sidecar.proxy.answer import Chunker
from sidecar.proxy.caller import Caller
from sidecar.proxy.request_body import RequestBody
from sidecar.upstream.connection import UpstreamConnection

if TYPE_CHECKING:  # the worker composes exchanges
    from sidecar.proxy.worker import Worker


class ExchangeState:
    """One request with its response.

    Attributes:
        number: 64 bits, this exchange's own; `low` are its 8 bytes and `hexed` its 16 hex digits.
        request_pieces, response_pieces: what the tap holds of the bodies until the record is written.
        tapped: whether the payload is taken, by `ratio`; `tap_flags` is what the record will say of it.
        start_ns, asked_ns, forwarded_ns, first_byte_ns: when the head was there, the request was complete, it
            went upstream, the answer began; CLOCK_MONOTONIC, 0 for not yet.
        waiting: for a connection; `probe` is the breaker's turn that it has, 0 for none.
    """

    __slots__ = (
        "_body",
        "_chunker",
        "_closing",
        "_held",
        "_held_bytes",
        "_pool",
        "_resendable",
        "_retried",
        "_worker",
        "asked_ns",
        "bytes_in",
        "bytes_out",
        "caller",
        "first_byte_ns",
        "forwarded_ns",
        "head",
        "hexed",
        "low",
        "number",
        "probe",
        "ratio",
        "request_done",
        "request_pieces",
        "response",
        "response_pieces",
        "start_ns",
        "tap_flags",
        "tapped",
        "upstream",
        "waiting",
    )

    def __init__(self, worker: Worker, caller: Caller, head: RequestHead, start_ns: int) -> None:
        self._worker = worker
        self._pool = worker.pool
        self.caller = caller
        self.head = head
        self.start_ns = self.asked_ns = start_ns
        self.forwarded_ns = self.first_byte_ns = self.bytes_in = self.bytes_out = self.probe = 0
        self.number = number = worker.identities.next()
        self.low = low = number.to_bytes(8, "big")
        self.hexed = hexlify(low)
        limit, self.ratio, self.tap_flags = worker.tap.shares[head.policy.place]
        self.tapped = number < limit
        self.request_pieces: list[Part] = []
        self.response_pieces: list[Part] = []
        self.response: ResponseHead | None = None
        self.upstream: UpstreamConnection | None = None
        self._body: RequestBody | None = None  # for a body that did not come whole with its head
        self._held: list[Part] = []  # framed body that waits for a connection
        self._chunker: Chunker | None = None  # for an answer whose length only its end tells
        self.waiting = self.request_done = False
        self._closing = self._retried = False
        self._resendable = False  # whole, still held, and idempotent
