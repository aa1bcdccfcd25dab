"""From an exchange's record to the job that the recorder and the shadows are offered, or why it is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol

from sidecar.mirror.answer import Answer
from sidecar.mirror.job import KEPT_BYTES, Job
from sidecar.monitor.decoding import Decoded
from sidecar.monitor.heads import HeadReader, RequestLine
from sidecar.ring.entry import ExchangeRecord
from sidecar.ring.record import ExchangeFlag, Outcome

Unfit = Literal["route", "tunnel", "not_taken", "cut", "incomplete"]

_OWN = int(ExchangeFlag.OWN_ANSWER)
_TAKEN = int(ExchangeFlag.PAYLOAD_TAKEN)
_CUT = int(ExchangeFlag.REQUEST_CUT | ExchangeFlag.RESPONSE_CUT)
_EXCLUDED = int(ExchangeFlag.NO_MIRROR | ExchangeFlag.EXCLUDED)
_TUNNEL = int(ExchangeFlag.TUNNEL)
_NS = 1e-9


class JobTaker(Protocol):
    """Who wants exchanges that are over; never waits. What was offered is begun by `flush`, once a batch."""

    def offer(self, job: Job) -> None: ...

    def skip(self, reason: str) -> None: ...

    def flush(self) -> None: ...


def offer_exchange(
    takers: Sequence[JobTaker],
    record: ExchangeRecord,
    request: RequestLine,
    bodies: tuple[bytes, bytes] | None,
    heads: HeadReader,
    decoded: Decoded,
) -> None:
    """Offers an exchange that is over to all who want one, or has them count why it is of no use.

    Args:
        takers: at least one; asked in this order.
        record: the exchange's.
        request: its head.
        bodies: both sides' bodies, None when pieces are missing.
        heads: reads the response's head.
        decoded: what both say, so that nobody need read it again.
    """
    reason = unfit(record, bodies is not None)
    if reason is not None or bodies is None:
        for taker in takers:
            taker.skip(reason or "incomplete")
        return
    job = _job(record, request, bodies, heads, decoded)
    for taker in takers:
        taker.offer(job)


def unfit(record: ExchangeRecord, is_whole: bool) -> Unfit | None:
    """Why an exchange cannot be mirrored.

    Args:
        record: the exchange's.
        is_whole: whether both bodies are there.

    Returns:
        The reason, None when it can be.
    """
    if record.has(_TUNNEL):
        return "tunnel"
    if record.has(_EXCLUDED):
        return "route"
    if not record.has(_TAKEN):
        return "not_taken"
    if record.has(_CUT):
        return "cut"
    if not is_whole or record.outcome in (Outcome.CALLER_GONE, Outcome.REJECTED):
        return "incomplete"
    return None


def _job(
    record: ExchangeRecord,
    request: RequestLine,
    bodies: tuple[bytes, bytes],
    heads: HeadReader,
    decoded: Decoded,
) -> Job:
    failed = record.outcome != Outcome.OK or record.has(_OWN)
    primary = Answer(
        status=0 if failed else record.status,
        headers=heads.response(bytes(record.response_head)),
        body=bodies[1],
        latency_s=max(0, record.end_ns - record.forwarded_ns) * _NS,
        failure="broken" if failed else None,
    )
    span_id = record.span_id
    return Job(
        number=int.from_bytes(span_id, "big"),
        span_id=span_id,
        method=request.method,
        target=request.target,
        path=request.path,
        headers=request.headers,
        body=bodies[0],
        primary=primary,
        start_unix_ns=record.start_unix_ns,
        decoded=(decoded.inputs, decoded.outputs) if _is_short(bodies) else (None, None),
    )


def _is_short(bodies: tuple[bytes, bytes]) -> bool:
    """Rows of long ones are read again, if need be, rather than held on the way."""
    return len(bodies[0]) + len(bodies[1]) <= KEPT_BYTES
