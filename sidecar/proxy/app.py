"""A worker process, composed: ring and counters, the shared worker, listeners, the sweep; until SIGTERM or
the supervisor's end, then drain. SIGHUP takes over another configuration.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns
from typing import Any, cast

import uvloop

from sidecar.config.model import Config
from sidecar.listen import BACKLOG
from sidecar.log import Log
from sidecar.proxy.downstream import DownstreamConnection
from sidecar.proxy.health import HealthConnection
from sidecar.proxy.identity import Identities
from sidecar.proxy.tally import Tally
from sidecar.proxy.tap import Tap
from sidecar.proxy.worker import SWEEP_S, Worker
from sidecar.ring.segment import Segment
from sidecar.ring.writer import RingWriter

LAST_LOOK_S = 0.05  # for the request of a caller who connected just before the door was shut


def run_worker(
    config: Config,
    *,
    listener: socket.socket,
    health_listener: socket.socket,
    ring: Segment,
    hand_off_fd: int,
    life_fd: int,
    trace_ratio: float,
    load_config: Callable[[], Config],
    beat: Callable[[int], None],
    log: Log,
) -> int:
    """Serves callers until told to end.

    Called with SIGTERM and SIGHUP blocked; they are unblocked when somebody listens to them.

    Args:
        config: the settings.
        listener: the bound traffic socket.
        health_listener: the bound health socket.
        ring: this worker's ring.
        hand_off_fd: writing end of the pipe that wakes the monitor.
        life_fd: reading end of the pipe that ends with the supervisor.
        trace_ratio: share of exchanges without a caller's trace that are sampled.
        load_config: gives the configuration in force after SIGHUP.
        beat: told the time (CLOCK_MONOTONIC, ns) whenever the loop has turned.
        log: where to write.

    Returns:
        Exit code 0.
    """

    async def serve() -> int:
        identities = Identities(trace_ratio)
        tap = Tap(writer, config, identities, log)
        worker = Worker(config, tap, Tally(writer.segment), identities, log)
        ending = _Ending(worker, life_fd)
        _reload_on_hangup(worker, load_config)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM, signal.SIGHUP})
        gc.freeze()  # what is there by now stays: the collector need not look at modules while callers wait
        return await _serve(worker, ending, listener, health_listener, beat, log)

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        writer = RingWriter(ring, hand_off_fd)
        return runner.run(serve())


async def _serve(
    worker: Worker,
    ending: _Ending,
    listener: socket.socket,
    health_listener: socket.socket,
    beat: Callable[[int], None],
    log: Log,
) -> int:
    loop = asyncio.get_running_loop()

    def welcome() -> asyncio.BaseProtocol:
        return cast(asyncio.BaseProtocol, DownstreamConnection(worker))

    tls: dict[str, Any] = {}
    if worker.tls is not None:  # a caller is ours only once its handshake is done
        head_s, idle_s = worker.config.timeouts.head_s, worker.config.timeouts.caller_idle_s
        tls = {"ssl": worker.tls, "ssl_handshake_timeout": head_s, "ssl_shutdown_timeout": idle_s}

    traffic = await loop.create_server(welcome, sock=listener, **tls)
    health = await loop.create_server(lambda: HealthConnection(worker), sock=health_listener)
    _repeat(loop, worker.sweep, beat)
    log.info("serving")
    await ending.begun.wait()
    log.info("draining", quiet_s=worker.config.drain.quiet_s)
    await ending.keep_quiet(worker.config.drain.quiet_s)
    late = _take_waiting(listener)
    traffic.close()
    log.info("not_accepting")
    for caller in late:
        with suppress(OSError):  # gone again
            await loop.connect_accepted_socket(welcome, caller, **tls)
    await asyncio.sleep(LAST_LOOK_S)
    n_cut = await worker.drain()
    worker.sweep()
    health.close()
    worker.tap.close()
    log.info("drained", cut_off=n_cut)
    return 0


class _Ending:
    """When a worker must end: at SIGTERM, or when the supervisor is gone, and then without quiet time.

    Attributes:
        begun: set by the first of both.
    """

    def __init__(self, worker: Worker, life_fd: int) -> None:
        loop = asyncio.get_running_loop()
        self.begun = asyncio.Event()
        self._alone = asyncio.Event()

        def begin() -> None:
            worker.draining = True  # not ready from this moment on
            self.begun.set()

        def on_life() -> None:
            loop.remove_reader(life_fd)
            self._alone.set()
            begin()

        loop.add_signal_handler(signal.SIGTERM, begin)
        os.set_blocking(life_fd, False)
        loop.add_reader(life_fd, on_life)

    async def keep_quiet(self, seconds: float) -> None:
        """Waits so long, or until there is no supervisor: nobody then restarts what fails."""
        try:
            async with asyncio.timeout(seconds):
                await self._alone.wait()
        except TimeoutError:
            return


def _reload_on_hangup(worker: Worker, load_config: Callable[[], Config]) -> None:
    def on_hangup() -> None:
        if not worker.draining:
            worker.reload(load_config())

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, on_hangup)


def _take_waiting(listener: socket.socket) -> list[socket.socket]:
    """Callers whose connection stands but was not accepted yet: closing the listener would reset them."""
    callers: list[socket.socket] = []
    while len(callers) < BACKLOG:
        try:
            caller, _ = listener.accept()
        except OSError:  # nobody else waits, or no descriptor is left for them
            break
        caller.setblocking(False)
        callers.append(caller)
    return callers


def _repeat(loop: asyncio.AbstractEventLoop, sweep: Callable[[], None], beat: Callable[[int], None]) -> None:
    def turn() -> None:
        loop.call_later(SWEEP_S, turn)
        beat(monotonic_ns())
        sweep()

    turn()
