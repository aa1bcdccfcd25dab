"""A worker process, composed: ring and counters, the shared worker, listeners, the sweep; until SIGTERM or
the supervisor's end, then drain.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
from collections.abc import Callable

import uvloop

from sidecar.config.model import Config
from sidecar.log import Log
from sidecar.proxy.downstream import DownstreamConnection
from sidecar.proxy.health import HealthConnection
from sidecar.proxy.identity import Identities
from sidecar.proxy.tally import Tally
from sidecar.proxy.tap import Tap
from sidecar.proxy.worker import SWEEP_S, Worker
from sidecar.ring.segment import Segment
from sidecar.ring.writer import RingWriter


def run_worker(
    config: Config,
    *,
    listener: socket.socket,
    health_listener: socket.socket,
    ring: Segment,
    hand_off_fd: int,
    life_fd: int,
    trace_ratio: float,
    log: Log,
) -> int:
    """Serves callers until told to end.

    Args:
        config: the settings.
        listener: the bound traffic socket.
        health_listener: the bound health socket.
        ring: this worker's ring.
        hand_off_fd: writing end of the pipe that wakes the monitor.
        life_fd: reading end of the pipe that ends with the supervisor.
        trace_ratio: share of exchanges without a caller's trace that are sampled.
        log: where to write.

    Returns:
        Exit code 0.
    """
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        writer = RingWriter(ring, hand_off_fd)
        return runner.run(_serve(config, listener, health_listener, writer, life_fd, trace_ratio, log))


async def _serve(
    config: Config,
    listener: socket.socket,
    health_listener: socket.socket,
    writer: RingWriter,
    life_fd: int,
    trace_ratio: float,
    log: Log,
) -> int:
    loop = asyncio.get_running_loop()
    identities = Identities(trace_ratio)
    tap = Tap(writer, config.tap, identities, log)
    worker = Worker(config, tap, Tally(writer.segment), identities, log)
    stop = _stop_event(loop, life_fd)
    traffic = await loop.create_server(lambda: DownstreamConnection(worker), sock=listener)
    health = await loop.create_server(lambda: HealthConnection(worker), sock=health_listener)
    _repeat(loop, worker.sweep)
    log.info("serving")
    await stop.wait()
    log.info("draining")
    traffic.close()
    n_cut = await worker.drain()
    worker.tally.sweep()
    health.close()
    tap.close()
    log.info("drained", cut_off=n_cut)
    return 0


def _stop_event(loop: asyncio.AbstractEventLoop, life_fd: int) -> asyncio.Event:
    """Set by SIGTERM, or when the supervisor is gone."""
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    os.set_blocking(life_fd, False)

    def on_life() -> None:
        loop.remove_reader(life_fd)
        stop.set()

    loop.add_reader(life_fd, on_life)
    return stop


def _repeat(loop: asyncio.AbstractEventLoop, sweep: Callable[[], None]) -> None:
    def turn() -> None:
        loop.call_later(SWEEP_S, turn)
        sweep()

    turn()
