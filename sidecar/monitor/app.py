"""The monitor's process, composed: threads for intake and statistics, exports, the admin server on the event
loop, and one beat a second that keeps the CPU budget.

It runs behind the workers (`sidecar.scheduling`). Importing the kernels takes a second or two, which costs
nothing but monitoring: the rings hold what comes meanwhile.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import signal
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import uvloop
from aiohttp import web

from sidecar import __version__
from sidecar.admin.app import make_app
from sidecar.admin.guard import FaultCount
from sidecar.board import MONITOR, Board
from sidecar.clock import Clock, SystemClock
from sidecar.config.address import parse_upstream
from sidecar.config.model import Config
from sidecar.config.routes import longest_pause_s
from sidecar.errors import BadReference
from sidecar.log import Log
from sidecar.mirror.resuming import Resuming
from sidecar.mirror.thread import Mirror
from sidecar.monitor.access_log import make_access_log
from sidecar.monitor.intake import Intake
from sidecar.monitor.level import LEVELS, LevelControl
from sidecar.monitor.origin import take_identity
from sidecar.monitor.readings import model_families, process_families
from sidecar.monitor.recording import Recorder
from sidecar.monitor.shadow_readings import shadow_families
from sidecar.monitor.state import BadState, load_state, remove_drafts
from sidecar.monitor.statistician import Statistician
from sidecar.monitor.subjects import Subjects
from sidecar.monitor.traffic import TrafficMeters
from sidecar.monitor.views import Views
from sidecar.profile import codec
from sidecar.profile.reference import Reference
from sidecar.ring.counters import settled_by_monitor
from sidecar.ring.reader import RingReader
from sidecar.ring.segment import Segment
from sidecar.telemetry.exports import Exports, make_exports
from sidecar.telemetry.names import ADMIN_FAULTS, ATTRIBUTES_FOLDED
from sidecar.telemetry.points import Family, single
from sidecar.telemetry.rings import ring_families

BEAT_S = 1.0
SILENCE_SLACK_S = 10.0  # beyond the longest pause that a worker allows
WARM_UP_BEATS = 3  # the CPU that starting took is no reason to analyse less


class Monitor:
    """Everything that the monitor's process holds.

    Args:
        config: the settings.
        rings: one a worker.
        hand_off_fds: reading ends of the pipes from the workers.
        state_path: the checkpoint's folder, or None.
        board: what the supervisor knows.
        started_unix_ns: when the sidecar began.
        environ: for the standard OTEL_ variables.
        log: where to write.
    """

    def __init__(
        self,
        config: Config,
        rings: Sequence[Segment],
        hand_off_fds: Sequence[int],
        state_path: Path | None,
        board: Board,
        started_unix_ns: int,
        environ: Mapping[str, str],
        log: Log,
    ) -> None:
        clock: Clock = SystemClock()
        saved = _load_checkpoint(state_path, log)
        self.identity = take_identity(environ, clock.unix_ns(), saved)
        self._config = config
        self._rings = rings
        self._board = board
        self._log = log
        self._n_beats = 0
        self._cpu_s = 0.0
        self._beat_s = 0.0
        self.admin_faults = FaultCount()
        self.control = LevelControl(config.tap.ratio, config.tap.cpu_budget_cores)
        self.subjects = Subjects(config, _load_reference(config, log), self._wake, self.identity.epoch)
        self.statistician = self._make_statistician(clock, state_path)
        self._restore(saved)
        self.meters = TrafficMeters(parse_upstream(config.upstream))
        self.exports: Exports = make_exports(
            environ,
            self.families,
            version=__version__,
            instance_id=f"{socket.gethostname()}:{os.getppid()}",
            start_unix_ns=started_unix_ns,
            clock=clock,
            log=log,
        )
        self.access_log = make_access_log(config.access_log, clock, log)
        self.recorder = (
            Recorder(config.recording, __version__, clock, log) if config.recording.path is not None else None
        )
        self.mirror = self._make_mirror(clock) if config.shadows else None
        shadows = self.mirror.shadows if self.mirror is not None else ()
        self._resuming = Resuming(shadows, config.upstream, started_unix_ns)
        self.intake = self._make_intake(clock, hand_off_fds)
        self._restore_shadows(saved, clock)
        self.views = Views(
            rings=rings,
            subjects=self.subjects,
            control=self.control,
            board=board,
            collect=self.exports.collect,
            lag_ns=lambda: self.intake.lag_ns,
            clock=clock,
            started_unix_ns=started_unix_ns,
            origin=self.identity.origin,
            mirror=self.mirror,
        )

    def _make_intake(self, clock: Clock, hand_off_fds: Sequence[int]) -> Intake:
        return Intake(
            [RingReader(ring, fd) for ring, fd in zip(self._rings, hand_off_fds, strict=True)],
            self.subjects,
            self.meters,
            self.exports.offer,
            clock,
            self._log,
            self._config.tap.body_limit_bytes,
            self.access_log,
            longest_pause_s(self._config) + SILENCE_SLACK_S,
            [taker for taker in (self.recorder, self.mirror) if taker is not None],
        )

    def _make_mirror(self, clock: Clock) -> Mirror:
        if self.recorder is None:
            return Mirror(self._config, clock, self._log)
        return Mirror(self._config, clock, self._log, self.recorder.note)

    def families(self) -> list[Family]:
        """All metric families but the exports' own."""
        faults = {
            "intake": self.intake.n_faults,
            "statistics": self.statistician.n_faults,
            "mirror": self.mirror.n_faults if self.mirror is not None else 0,
        }
        return [
            *self.meters.families(),
            *self.intake.tunnels.families(),
            *(self.access_log.families() if self.access_log is not None else ()),
            *(self.recorder.families() if self.recorder is not None else ()),
            Family(ATTRIBUTES_FOLDED, self.meters.folded()),
            single(ADMIN_FAULTS, self.admin_faults.count),
            *ring_families(self._rings),
            *process_families(self._board, faults, self.intake.lag_ns, self.control),
            *model_families(self.subjects.all()),
            *shadow_families(self.mirror.shadows if self.mirror is not None else ()),
        ]

    def start(self) -> None:
        """Starts the threads."""
        self.statistician.start()
        if self.recorder is not None:
            self.recorder.start()
        if self.mirror is not None:
            self.mirror.start()
        self.intake.start()
        self.exports.start()
        self._cpu_s, self._beat_s = _cpu_s(), time.monotonic()

    def beat(self) -> None:
        """Measures what monitoring costs and sets the share of payloads to take; once a second."""
        self._board.beat(MONITOR, time.monotonic_ns())
        cpu_s, now_s = _cpu_s(), time.monotonic()
        used_cores = (cpu_s - self._cpu_s) / max(1e-3, now_s - self._beat_s)
        self._cpu_s, self._beat_s = cpu_s, now_s
        self._n_beats += 1
        if self.mirror is not None:
            self.mirror.tell_verdicts()
        if self._n_beats <= WARM_UP_BEATS:
            return
        before = self.control.level
        fill = max(ring.used_bytes / ring.data_bytes for ring in self._rings)
        ratio = self.control.step(used_cores, fill)
        for ring in self._rings:
            ring.payload_ratio = ratio
            ring.level = LEVELS.index(self.control.level)
        if self.control.level != before:
            self._log.limited(
                "level", level=self.control.level, ratio=round(ratio, 4), used_cores=round(used_cores, 2)
            )

    def stop(self, limit_s: float) -> None:
        """Takes what is left in the rings, reports, saves and exports it."""
        end_s = time.monotonic() + limit_s
        in_time = self.intake.stop(limit_s / 2)
        if self.mirror is not None:
            in_time = self.mirror.stop(max(0.1, end_s - time.monotonic())) and in_time
        if self.recorder is not None:  # behind who gives it records
            in_time = self.recorder.stop(max(0.1, end_s - time.monotonic())) and in_time
        in_time = self.statistician.stop(max(0.1, end_s - time.monotonic())) and in_time
        in_time = self.exports.shutdown(max(0.1, end_s - time.monotonic())) and in_time
        if not in_time:
            self._log.warning("monitor_cut_short", limit_s=limit_s)

    def _make_statistician(self, clock: Clock, state_path: Path | None) -> Statistician:
        return Statistician(
            self.subjects,
            clock,
            state_path,
            self._config.state.every_s,
            lambda: {**self.identity.to_state(), "shadows": self._resuming.to_state(clock.mono_ns() / 1e9)},
            self._log,
            lambda: self.intake.caught_up_unix_ns,
        )

    def _wake(self) -> None:
        self.statistician.wake()

    def _restore(self, saved: dict[str, Any]) -> None:
        if saved:
            for fault in self.subjects.restore(saved.get("subjects", [])):
                self._log.warning("checkpoint_ignored", reason=fault)
            self._log.info("resumed", subjects=len(self.subjects.all()))

    def _restore_shadows(self, saved: dict[str, Any], clock: Clock) -> None:
        """Behind the making of the readers, which settle what a dead monitor had not."""
        n_settled = sum(settled_by_monitor(ring) for ring in self._rings)
        n_faults = self._resuming.restore(saved.get("shadows"), n_settled, clock.mono_ns() / 1e9, self._log)
        if self.mirror is not None:
            self.mirror.n_faults += n_faults


def run_monitor(
    config: Config,
    *,
    rings: Sequence[Segment],
    hand_off_fds: Sequence[int],
    admin_listener: socket.socket,
    life_fd: int,
    state_path: Path | None,
    board: Board,
    started_unix_ns: int,
    environ: Mapping[str, str],
    log: Log,
) -> int:
    """Monitors until told to end.

    Returns:
        Exit code 0.
    """
    monitor = Monitor(config, rings, hand_off_fds, state_path, board, started_unix_ns, environ, log)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(monitor, config, admin_listener, life_fd, log))
    return 0


async def _serve(
    monitor: Monitor, config: Config, admin_listener: socket.socket, life_fd: int, log: Log
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})  # blocked while nobody listened to it
    loop.add_reader(life_fd, stop.set)
    app = make_app(monitor.views, config.admin_server.token, log=log, faults=monitor.admin_faults)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    await web.SockSite(runner, admin_listener).start()
    monitor.start()
    gc.freeze()  # what is there by now stays: the collector need not look at modules again and again
    log.info("monitoring")
    while not stop.is_set():
        try:
            async with asyncio.timeout(BEAT_S):
                await stop.wait()
        except TimeoutError:
            monitor.beat()
    loop.remove_reader(life_fd)
    await loop.run_in_executor(None, monitor.stop, config.drain.monitor_s)
    await runner.cleanup()
    log.info("ended")


def _load_checkpoint(state_path: Path | None, log: Log) -> dict[str, Any]:
    """What the monitor before this one has left; empty when there is nothing to go on with."""
    if state_path is None:
        log.warning("no_checkpoint", reason="no folder can be written; set state.path")
        return {}
    remove_drafts(state_path)
    try:
        return load_state(state_path) or {}
    except BadState as exc:
        log.warning("checkpoint_ignored", reason=str(exc))
        return {}


def _load_reference(config: Config, log: Log) -> Reference | None:
    """The reference file; a bad one was refused at start, so one that went bad since must not stop
    monitoring."""
    if config.reference.path is None:
        return None
    try:
        return codec.load(Path(config.reference.path))
    except BadReference as exc:
        log.error("reference_ignored", reason=str(exc))
        return None


def _cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime
