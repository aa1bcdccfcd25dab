"""What an exchange that is over says: both sides as columns, or why there are none."""

from __future__ import annotations

from typing import NamedTuple

from sidecar.errors import Malformed, PayloadError, TooManyColumns, UnknownProtocol
from sidecar.log import Log
from sidecar.monitor.heads import HeadReader, RequestLine
from sidecar.payload.columns import Columns
from sidecar.payload.message import Message
from sidecar.payload.registry import decode
from sidecar.ring.counters import Fate
from sidecar.ring.entry import ExchangeRecord
from sidecar.ring.record import ExchangeFlag, Outcome

_TAKEN = int(ExchangeFlag.PAYLOAD_TAKEN)
_CUT = int(ExchangeFlag.REQUEST_CUT | ExchangeFlag.RESPONSE_CUT)
_EXCLUDED = int(ExchangeFlag.EXCLUDED)
_TUNNEL = int(ExchangeFlag.TUNNEL)
_UNFINISHED = (Outcome.CALLER_GONE, Outcome.UPSTREAM_BROKE, Outcome.REJECTED)


class Decoded(NamedTuple):
    """Both sides of an exchange.

    Attributes:
        fate: of the exchange when nothing of it is analysed; `analysed` when its rows are yet to be.
        inputs: the request's rows, None when nothing is to be analysed.
        outputs: the answer's rows, None when they cannot be read.
    """

    fate: Fate
    inputs: Columns | None = None
    outputs: Columns | None = None


class Decoding:
    """Reads exchanges.

    Args:
        heads: reads the response's head.
        body_limit_bytes: longest body once its content coding is undone.
        log: where payloads that are broken are told.
    """

    def __init__(self, heads: HeadReader, body_limit_bytes: int, log: Log) -> None:
        self._heads = heads
        self._body_limit_bytes = body_limit_bytes
        self._log = log

    def read(
        self, record: ExchangeRecord, request: RequestLine, bodies: tuple[bytes, bytes] | None
    ) -> Decoded:
        """Both sides; the request's rows alone are worth having, so its fate is the exchange's.

        Args:
            record: the exchange's; one that a predecessor has settled is not read again.
            request: its head.
            bodies: both sides' bodies, None when pieces are missing.
        """
        fate = _fate(record)
        if fate is not None:
            return Decoded(fate)
        if bodies is None:
            return Decoded("incomplete")
        if record.already_settled:
            return Decoded("analysed")
        try:
            inputs = decode(
                Message("request", request.method, request.path, request.headers, bodies[0]),
                body_limit_bytes=self._body_limit_bytes,
            )
        except UnknownProtocol:
            return Decoded("undecoded")
        except (Malformed, TooManyColumns) as exc:
            self._log.limited("payload_malformed", side="request", reason=str(exc))
            return Decoded("decode_error")
        return Decoded("analysed", inputs, self._read_response(record, request, bodies[1]))

    def _read_response(self, record: ExchangeRecord, request: RequestLine, body: bytes) -> Columns | None:
        headers = self._heads.response(bytes(record.response_head))
        try:
            return decode(
                Message("response", request.method, request.path, headers, body),
                body_limit_bytes=self._body_limit_bytes,
            )
        except PayloadError as exc:
            self._log.limited("payload_malformed", side="response", reason=str(exc))
            return None


def _fate(record: ExchangeRecord) -> Fate | None:
    """Why an exchange is of no use, by its record alone."""
    if record.has(_EXCLUDED):
        return "excluded"
    if record.has(_TUNNEL):
        return "tunnel"
    if not record.has(_TAKEN):
        return "sampled_out"
    if record.outcome in _UNFINISHED:
        return "incomplete"
    if record.outcome != Outcome.OK or not 200 <= record.status < 300:
        return "failed"
    return "too_large" if record.has(_CUT) else None
