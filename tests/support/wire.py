"""A worker without sockets: real connections, exchange, tap and ring over transports that only remember."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

from sidecar.config.load import load_config
from sidecar.http1.part import LONG_BYTES
from sidecar.log import Log
from sidecar.proxy.downstream import DownstreamConnection
from sidecar.proxy.identity import Identities
from sidecar.proxy.tally import Tally
from sidecar.proxy.tap import Tap
from sidecar.proxy.worker import Worker
from sidecar.ring.counters import read_counter
from sidecar.ring.entry import ExchangeRecord, PieceRecord
from sidecar.ring.reader import RingReader
from sidecar.ring.record import PieceKind
from sidecar.ring.segment import create_ring
from sidecar.ring.writer import RingWriter
from sidecar.upstream.connection import UpstreamConnection
from tests.support.ring_pair import read_all

LONG_SIZES = [LONG_BYTES - 1, LONG_BYTES, 60_000, 150_000]  # beyond tap.inline_limit_bytes: in pieces


def long_body(size: int) -> bytes:
    """A body of so many bytes in which no stretch looks like the next."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def put(body: bytes) -> bytes:
    """A request with this body."""
    return b"PUT /m HTTP/1.1\r\nHost: m\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


def answer(body: bytes) -> bytes:
    """A response with this body."""
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)


class Clock(asyncio.SelectorEventLoop):
    """A loop whose time passes when a test says so, and never by itself."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        super().__init__()

    def time(self) -> float:
        return self.now_s


class FakeTransport:
    """Remembers what was written and what was asked of it."""

    def __init__(self) -> None:
        self.sent = b""
        self.reading = True
        self.closed = False
        self.aborted = False
        self.ended = False
        self.unsent_bytes = 0
        self.n_writes = 0
        self.on_write: Callable[[], None] = lambda: None

    def write(self, data: bytes) -> None:
        assert not self.closed, "written after close"
        self.on_write()
        self.sent += data
        self.n_writes += 1

    def writelines(self, parts: Iterable[bytes | memoryview[int]]) -> None:
        self.write(b"".join(parts))

    def take(self) -> bytes:
        """What was written since the last look."""
        sent, self.sent = self.sent, b""
        return sent

    def take_head(self) -> bytes:
        """What was written up to the end of a head."""
        head, gap, self.sent = self.sent.partition(b"\r\n\r\n")
        return head + gap

    def get_extra_info(self, name: str) -> tuple[str, int] | None:
        return ("10.0.0.9", 1) if name == "peername" else None

    def get_write_buffer_size(self) -> int:
        return self.unsent_bytes

    def set_protocol(self, protocol: Any) -> None:
        self.protocol = protocol

    def set_write_buffer_limits(self, high: int) -> None:
        self.high = high

    def is_closing(self) -> bool:
        return self.closed or self.aborted

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.ended = True

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.aborted = True


def taken_body(transport: FakeTransport) -> bytes:
    """The body of the one message that was written since the last look."""
    return transport.take().partition(b"\r\n\r\n")[2]


class Conversation:
    """One caller, and idle connections to the upstream that are ready from the start.

    Attributes:
        caller: the caller's transport.
        servers: the upstream connections' transports, the first one used first.
    """

    def __init__(self, n_upstreams: int = 1, **settings: Any) -> None:
        self._settings = settings
        self._n_upstreams = n_upstreams

    def __enter__(self) -> Conversation:
        self._loop = Clock()
        self._loop.run_until_complete(self._set_up())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.close()
        for fd in self._pipe:
            os.close(fd)

    async def _set_up(self) -> None:
        self.ring = create_ring("test", 1 << 20)
        self._pipe = os.pipe2(os.O_NONBLOCK)
        config = load_config(flags={"upstream": "http://127.0.0.1:1", **self._settings})
        identities, log = Identities(1.0), Log("test")
        self.writer = RingWriter(self.ring, self._pipe[1])
        self._reader = RingReader(self.ring, self._pipe[0])
        self._records: list[ExchangeRecord] = []
        tap = Tap(self.writer, config, identities, log)
        self.worker = Worker(config, tap, Tally(self.ring), identities, log)
        self.downstream: Any = DownstreamConnection(self.worker)
        self.caller = FakeTransport()
        self.downstream.connection_made(self.caller)
        self._connections: list[Any] = []
        for _ in range(self._n_upstreams):
            connection: Any = UpstreamConnection(self.worker.pool, self.worker.pool._heads, config.limits)
            connection.connection_made(FakeTransport())
            self.worker.pool._open.add(connection)
            self._connections.append(connection)
        for connection in reversed(self._connections):
            self.worker.pool.release(connection)
        self.servers = [connection.transport for connection in self._connections]

    def _do(self, *calls: Any) -> None:
        async def turn() -> None:
            for call, *arguments in calls:
                call(*arguments)
            for _ in range(2):  # lets timers fire, and what was put off to the next turn happen
                await asyncio.sleep(0)

        self._loop.run_until_complete(turn())

    def do(self, call: Any, *arguments: Any) -> None:
        """Calls something of the worker's, as the event loop would."""
        self._do((call, *arguments))

    def another_caller(self) -> FakeTransport:
        """The transport of a further caller that connects now."""
        transport: FakeTransport = self.another_downstream().transport
        return transport

    def another_downstream(self) -> Any:
        """The connection of a further caller that connects now."""
        downstream: Any = DownstreamConnection(self.worker)
        self._do((downstream.connection_made, FakeTransport()))
        return downstream

    def caller_sends(self, *pieces: bytes) -> None:
        self._do(*((self.downstream.data_received, piece) for piece in pieces))

    def caller_half_closes(self, *, later_s: float = 0.0) -> bool:
        """Ends the caller's side so long behind its request; whether ours stays open."""
        exchange = self.downstream._exchange
        if exchange is not None:
            exchange.asked_ns -= int(later_s * 1e9)
        open_still: list[bool] = []
        self._do((lambda: open_still.append(self.downstream.eof_received()),))
        return open_still[0]

    def caller_leaves(self) -> None:
        self._do((self.downstream.connection_lost, None))

    def caller_blocks(self, blocks: bool = True) -> None:
        self._do((self.downstream.pause_writing if blocks else self.downstream.resume_writing,))

    def server_sends(self, *pieces: bytes, place: int = 0) -> None:
        self._do(*((self._connections[place].data_received, piece) for piece in pieces))

    def server_leaves(self, place: int = 0) -> None:
        """The server closes its connection, and says so."""
        connection = self._connections[place]
        self._do((connection.eof_received,), (connection.connection_lost, None))

    def server_lost(self, fault: Exception | None = None, place: int = 0) -> None:
        """The connection is gone, without an end that was said."""
        self._do((self._connections[place].connection_lost, fault))

    def server_blocks(self, blocks: bool = True, place: int = 0) -> None:
        connection = self._connections[place]
        self._do((connection.pause_writing if blocks else connection.resume_writing,))

    def time_passes(self, seconds: float) -> None:
        """Moves the clock on, fires what is due, and sweeps."""
        self._loop.now_s += seconds
        self._do((self.worker.sweep,))

    def reload(self, **settings: Any) -> None:
        """Takes over these settings beside those of the start."""
        config = load_config(flags={"upstream": "http://127.0.0.1:1", **self._settings, **settings})
        self._do((self.worker.reload, config))

    def start_drain(self) -> asyncio.Task[int]:
        """Begins to drain; the task gives how many connections were cut off."""
        draining = self._loop.create_task(self.worker.drain())
        self._do()
        return draining

    def records(self) -> list[ExchangeRecord]:
        """The records of exchanges that ended, in order."""
        self.writer.publish()
        self._records += [record for record in read_all(self._reader) if isinstance(record, ExchangeRecord)]
        return self._records

    def bodies(self) -> list[tuple[bytes, bytes]]:
        """Request's and answer's body of each recorded exchange, put together from its pieces."""
        self.writer.publish()
        in_pieces: dict[tuple[int, PieceKind], bytes] = {}
        found = []
        for record in read_all(self._reader):
            if isinstance(record, PieceRecord):
                key = record.exchange_id, record.kind
                assert record.body_offset_bytes == len(in_pieces.get(key, b""))
                in_pieces[key] = in_pieces.get(key, b"") + bytes(record.piece)
            else:
                requested = in_pieces.get((record.exchange_id, PieceKind.REQUEST), b"")
                answered = in_pieces.get((record.exchange_id, PieceKind.RESPONSE), b"")
                found.append((requested + bytes(record.request_body), answered + bytes(record.response_body)))
        return found

    def counter(self, name: str) -> int:
        return read_counter(self.ring, name)

    def n_recorded(self) -> int:
        self.writer.publish()
        return self.ring.read_publication().n_recorded
