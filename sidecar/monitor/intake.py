"""The intake thread: records out of the rings, bodies decoded into rows, each exchange settled by what became
of it.

    hand-off -> batch -> pieces assembled -> meters, span, access log
             -> payload decoded -> rows pushed -> settled

A batch is settled record by record and released as a whole, so whatever this thread has counted is counted
once even if the process is killed at any moment (sidecar.ring.reader says why).
"""

from __future__ import annotations

import select
import threading
from collections.abc import Callable, Sequence

from sidecar.clock import Clock
from sidecar.log import Log
from sidecar.monitor.access_log import AccessLog
from sidecar.monitor.assembly import LONGEST_SILENCE_S, Assembly
from sidecar.monitor.decoding import Decoded, Decoding
from sidecar.monitor.heads import HeadReader, RequestLine
from sidecar.monitor.mirroring import JobTaker, offer_exchange
from sidecar.monitor.subjects import Subjects
from sidecar.monitor.traffic import Ended, TrafficMeters, span_of
from sidecar.monitor.tunnels import TunnelMeters, Tunnels
from sidecar.ring.counters import Fate
from sidecar.ring.entry import ExchangeRecord, PieceRecord
from sidecar.ring.reader import RingReader
from sidecar.ring.record import ExchangeFlag, Outcome, PieceKind
from sidecar.telemetry.span import SpanRecord

BATCH = 128
POLL_MS = 100

_TAKEN = int(ExchangeFlag.PAYLOAD_TAKEN)
_CUT = int(ExchangeFlag.REQUEST_CUT | ExchangeFlag.RESPONSE_CUT)
_IN_PIECES = int(ExchangeFlag.IN_PIECES)
_WHOLE_ANSWER = int(ExchangeFlag.WHOLE_ANSWER)
_EXCLUDED = int(ExchangeFlag.EXCLUDED)
_TUNNEL = int(ExchangeFlag.TUNNEL)
_UNFINISHED = (Outcome.CALLER_GONE, Outcome.UPSTREAM_BROKE, Outcome.REJECTED)


class Lane:
    """One worker's ring, and what is unfinished of it."""

    __slots__ = ("assembly", "reader", "tunnels")

    def __init__(self, reader: RingReader, tunnels: TunnelMeters, longest_silence_s: float) -> None:
        self.reader = reader
        self.assembly = Assembly(longest_silence_s=longest_silence_s)
        self.tunnels = Tunnels(tunnels)

    def take_piece(self, record: PieceRecord) -> None:
        """A piece of a body waits for its exchange; one of a tunnel does not."""
        if record.kind in (PieceKind.REQUEST, PieceKind.RESPONSE):
            self.assembly.add_piece(
                record.exchange_id,
                record.mono_ns,
                is_request=record.kind is PieceKind.REQUEST,
                place=record.body_offset_bytes,
                piece=record.piece,
            )
        else:
            self.tunnels.take(record.exchange_id, record.kind, record.body_offset_bytes, record.piece)


class Intake:
    """The thread, and what it passes an exchange to.

    Args:
        readers: one a worker.
        subjects: where rows go.
        meters: HTTP metrics.
        offer_span: takes a sampled exchange's span, never waits.
        clock: for the lag.
        log: where faults are told.
        body_limit_bytes: longest body once its content coding is undone.
        access_log: gets a line an exchange, if there is one.
        longest_silence_s: an exchange in pieces that is silent for longer has ended without its record.
        takers: get every exchange that is over: the recorder, the mirror.

    Attributes:
        lag_ns: age of the oldest record of the last batch.
        caught_up_unix_ns: when all rings were last seen empty: what was published before has been pushed.
        n_faults: faults contained here.
        tunnels: what tunnels have carried.
    """

    def __init__(
        self,
        readers: Sequence[RingReader],
        subjects: Subjects,
        meters: TrafficMeters,
        offer_span: Callable[[SpanRecord], bool],
        clock: Clock,
        log: Log,
        body_limit_bytes: int,
        access_log: AccessLog | None = None,
        longest_silence_s: float = LONGEST_SILENCE_S,
        takers: Sequence[JobTaker] = (),
    ) -> None:
        self._takers = takers
        self.tunnels = TunnelMeters()
        self._access_log = access_log
        self._lanes = [Lane(reader, self.tunnels, longest_silence_s) for reader in readers]
        self._subjects = subjects
        self._meters = meters
        self._offer_span = offer_span
        self._clock = clock
        self._log = log
        self._heads = HeadReader()
        self._decoding = Decoding(self._heads, body_limit_bytes, log)
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="intake", daemon=True)
        self.lag_ns = 0
        self.caught_up_unix_ns = 0
        self.n_faults = 0

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self, limit_s: float) -> bool:
        """Takes what has been handed off and ends.

        Returns:
            Whether it ended in time.
        """
        self._stopping = True
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        poller = select.poll()
        for lane in self._lanes:
            poller.register(lane.reader.fileno(), select.POLLIN)
        while not self._stopping:
            poller.poll(POLL_MS)
            self._turn()
        self._turn()
        if self._access_log is not None:
            self._access_log.close()

    def _turn(self) -> None:
        """Reads until every ring is empty, a batch of each in turn."""
        busy, begun_unix_ns = True, 0
        while busy:
            busy = False
            begun_unix_ns = self._clock.unix_ns()
            for lane in self._lanes:
                try:
                    busy = self._take_batch(lane) or busy
                except Exception as exc:  # noqa: BLE001 - a ring's fault must not stop the others
                    self._note_fault("intake_fault", exc)
        self.lag_ns = 0
        self.caught_up_unix_ns = begun_unix_ns
        if self._access_log is not None:
            self._access_log.flush()  # what an earlier fault of the file has left

    def _take_batch(self, lane: Lane) -> bool:
        reader = lane.reader
        if not reader.drain():
            return False
        records = reader.read_batch(BATCH)
        if records:
            self.lag_ns = self._clock.mono_ns() - records[0].mono_ns
        for record in records:
            if isinstance(record, PieceRecord):
                lane.take_piece(record)
            else:
                reader.settle(record, self._take_exchange(record, lane))
        self._subjects.flush()
        for taker in self._takers:
            taker.flush()
        if self._access_log is not None:
            self._access_log.flush()
        reader.release()
        if reader.last_fault:
            self._log.limited("ring_fault", fault=reader.last_fault)
            reader.last_fault = ""
        return bool(records)

    def _take_exchange(self, record: ExchangeRecord, lane: Lane) -> Fate:
        """What became of one exchange; a fault of ours counts as its own."""
        try:
            request = self._heads.request(bytes(record.request_head))
            if not record.already_settled:
                self._measure(record, request)
            bodies = self._bodies(record, lane)
            decoded = self._decoding.read(record, request, bodies)
            if self._takers and not record.already_settled:
                offer_exchange(self._takers, record, request, bodies, self._heads, decoded)
            return self._push(record, decoded)
        except Exception as exc:  # noqa: BLE001 - one record's fault must not stop the monitor
            self._note_fault("record_fault", exc)
            return "decode_error"

    def _measure(self, record: ExchangeRecord, request: RequestLine) -> None:
        ended = Ended(
            method=request.method,
            path=request.path,
            status=record.status,
            outcome=record.outcome,
            start_unix_ns=record.start_unix_ns,
            forwarded_ns=record.forwarded_ns,
            first_byte_ns=record.first_byte_ns,
            end_ns=record.end_ns,
            whole_answer=record.has(_WHOLE_ANSWER),
            request_bytes=record.request_body_bytes,
            response_bytes=record.response_body_bytes,
            tunnel=record.has(_TUNNEL),
        )
        self._meters.observe(ended)
        if self._access_log is not None:
            self._access_log.add(record, request)
        if record.trace_flags & 1 and ended.is_request:
            self._offer_span(
                span_of(ended, record.trace_id, record.span_id, record.parent_span_id, record.trace_flags)
            )

    def _bodies(self, record: ExchangeRecord, lane: Lane) -> tuple[bytes, bytes] | None:
        if record.has(_TUNNEL):
            lane.tunnels.finish(record.exchange_id)
        if record.has(_IN_PIECES):
            return lane.assembly.finish(
                record.exchange_id, record.request_body_bytes, record.response_body_bytes
            )
        return bytes(record.request_body), bytes(record.response_body)

    def _push(self, record: ExchangeRecord, decoded: Decoded) -> Fate:
        """Hands the rows on; what finds no room there is as good as not read."""
        inputs, outputs = decoded.inputs, decoded.outputs
        if inputs is None:
            return decoded.fate
        model = inputs.model or (outputs.model if outputs is not None else None)
        version = (outputs.version if outputs is not None else None) or inputs.version
        ended_unix_ns = record.start_unix_ns + record.end_ns
        kept = self._subjects.stage(inputs, "input", model, version, ended_unix_ns, record.exchange_id)
        if outputs is not None:
            self._subjects.stage(outputs, "output", model, version, ended_unix_ns, record.exchange_id)
        return "analysed" if kept else "undecoded"

    def _note_fault(self, event: str, exc: Exception) -> None:
        self.n_faults += 1
        self._log.limited(event, fault=f"{type(exc).__name__}: {exc}")
