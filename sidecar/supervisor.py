"""The supervisor: binds sockets and makes rings, then starts the workers and the monitor, and keeps them
running.

It forks, and runs nothing but this loop, so it has no threads and imports nothing heavy. What must survive a
child's death lives here: listening sockets (callers wait in the backlog), rings and counters (shared memory),
the checkpoint's folder. A child notices the supervisor's own death by the end of the life pipe and drains.

    start      bind -> rings -> workers -> monitor
    watch      a dead child comes back: at once, then after 0.1, 0.2, 0.4 ... 5 s while it keeps dying young
    SIGTERM    workers drain (at most drain.limit_s), the monitor analyses and exports what is left -> exit 0
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from setproctitle import setproctitle

from sidecar.board import MONITOR, Board
from sidecar.config.address import parse_listen
from sidecar.config.model import Config
from sidecar.listen import address_of, bind_listeners
from sidecar.log import Log
from sidecar.ring.counters import settle_dead_worker
from sidecar.ring.segment import Segment, create_ring

YOUNG_S = 10.0  # a child that lived longer starts with a clean slate
LONGEST_PAUSE_S = 5.0
GRACE_S = 2.0  # beyond its own limits, before a child is killed

_WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@dataclass(frozen=True, slots=True)
class Estate:
    """What the supervisor owns and its children share.

    Attributes:
        listeners, health_listeners: one a worker.
        admin_listener: the monitor's.
        rings: one shared segment a worker.
        hand_offs: one pipe a worker, (reading end, writing end).
        life: the pipe whose end means that the supervisor is gone.
        state_path: the checkpoint's folder, or None when none can be had.
        board: what is known of the children.
        started_unix_ns: when the sidecar began.
    """

    listeners: list[socket.socket]
    health_listeners: list[socket.socket]
    admin_listener: socket.socket
    rings: list[Segment]
    hand_offs: list[tuple[int, int]]
    life: tuple[int, int]
    state_path: Path | None
    board: Board
    started_unix_ns: int

    def keep_for(self, place: int) -> None:
        """Closes what a child of this place on the board does not serve: a socket that some process still
        holds takes callers who then wait for nobody, and the life pipe ends only when nobody else can write
        it.
        """
        os.close(self.life[1])
        if place != MONITOR:
            self.admin_listener.close()
        for worker, listener in enumerate(zip(self.listeners, self.health_listeners, strict=True), start=1):
            if worker != place:
                for other in listener:
                    other.close()

    def refuse_callers(self) -> None:
        """Closes the supervisor's own hold on the traffic sockets, so that the workers' closing is the end of
        them."""
        for listener in self.listeners:
            listener.close()


ChildMain = Callable[[Config, Estate, Log], int]


@dataclass(slots=True)
class Child:
    """One process to keep running."""

    role: str
    main: ChildMain
    place: int  # on the board
    pid: int = 0
    started_s: float = 0.0
    n_young_deaths: int = 0
    restart_at_s: float | None = None
    n_restarts: int = 0


@dataclass(slots=True)
class Family:
    """All children; workers first."""

    workers: list[Child]
    monitor: Child
    by_pid: dict[int, Child] = field(default_factory=dict)

    def all(self) -> list[Child]:
        """Every child, workers first."""
        return [*self.workers, self.monitor]


def supervise(
    config: Config, log: Log, worker_main: Callable[[int], ChildMain], monitor_main: ChildMain
) -> int:
    """Runs the sidecar until it is told to end.

    Args:
        config: the settings.
        log: where to write.
        worker_main: gives the entry point of the worker with this index.
        monitor_main: the monitor's entry point.

    Returns:
        Exit code 0.

    Raises:
        StartError: an address cannot be listened on.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
    estate = make_estate(config)
    setproctitle("sidecar: supervisor")
    family = Family(
        [Child(f"worker {index}", worker_main(index), 1 + index) for index in range(config.workers)],
        Child("monitor", monitor_main, MONITOR),
    )
    log.info(
        "listening",
        traffic=address_of(estate.listeners[0]),
        health=address_of(estate.health_listeners[0]),
        admin=address_of(estate.admin_listener),
        upstream=config.upstream,
    )
    for child in family.all():
        _start(child, family, config, estate, log)
    reason = _watch(family, config, estate, log)
    log.info("draining", reason=reason)
    estate.refuse_callers()
    _drain(family, config, estate, log)
    _clear(config, estate)
    log.info("ended")
    return 0


def make_estate(config: Config) -> Estate:
    """Binds sockets and makes rings.

    Raises:
        StartError: an address cannot be listened on.
    """
    admin = parse_listen(config.admin, "admin")
    return Estate(
        listeners=bind_listeners("listen", parse_listen(config.listen, "listen"), config.workers),
        health_listeners=bind_listeners("health", parse_listen(config.health, "health"), config.workers),
        admin_listener=bind_listeners("admin", admin, 1)[0],
        rings=[
            create_ring(f"sidecar-ring-{index}", config.tap.ring_bytes) for index in range(config.workers)
        ],
        hand_offs=[os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC) for _ in range(config.workers)],
        life=os.pipe2(os.O_CLOEXEC),
        state_path=_state_folder(config),
        board=Board(config.workers),
        started_unix_ns=time.time_ns(),
    )


def _state_folder(config: Config) -> Path | None:
    try:
        if config.state.path is None:
            return Path(tempfile.mkdtemp(prefix="sidecar-state-"))
        path = Path(config.state.path)
        path.mkdir(parents=True, exist_ok=True)
    except OSError:
        # A read-only file system: monitoring then starts anew when the monitor dies; the monitor says so
        return None
    return path


def _clear(config: Config, estate: Estate) -> None:
    if config.state.path is None and estate.state_path is not None:
        shutil.rmtree(estate.state_path, ignore_errors=True)


# --- children


def _start(child: Child, family: Family, config: Config, estate: Estate, log: Log) -> None:
    child.restart_at_s = None
    child.started_s = time.monotonic()
    pid = os.fork()
    if pid == 0:
        _be_child(child, config, estate, log.for_role(child.role))
    child.pid = pid
    family.by_pid[pid] = child
    estate.board.note(child.place, pid, child.n_restarts)


def _be_child(child: Child, config: Config, estate: Estate, log: Log) -> None:
    """Never returns: a child must not fall back into the supervisor's code, whatever happens."""
    status = 1
    try:
        setproctitle(f"sidecar: {child.role}")
        estate.keep_for(child.place)
        signal.signal(
            signal.SIGINT, signal.SIG_IGN
        )  # Ctrl-C reaches the whole group; the supervisor passes on what it means
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
        status = child.main(config, estate, log)
    except BaseException as exc:  # noqa: BLE001 - the last line of a process
        log.error("crashed", fault=f"{type(exc).__name__}: {exc}", at=_where(exc))
    finally:
        os._exit(status)


def _where(exc: BaseException) -> str:
    trace = exc.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def _watch(family: Family, config: Config, estate: Estate, log: Log) -> str:
    """Restarts what dies, until a signal says to end; returns that signal's name."""
    while True:
        pauses = [
            child.restart_at_s - time.monotonic() for child in family.all() if child.restart_at_s is not None
        ]
        caught = signal.sigtimedwait(_WATCHED, max(0.0, min(pauses)) if pauses else 3600.0)
        if caught is not None and caught.si_signo in (signal.SIGTERM, signal.SIGINT):
            return signal.Signals(caught.si_signo).name
        for child, status in _reap(family):
            _plan_restart(child, status, log)
        now_s = time.monotonic()
        for child in family.all():
            if child.restart_at_s is not None and child.restart_at_s <= now_s:
                child.n_restarts += 1
                _start(child, family, config, estate, log)


def _reap(family: Family) -> list[tuple[Child, int]]:
    ended = []
    while family.by_pid:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            break
        if pid == 0:
            break
        child = family.by_pid.pop(pid, None)
        if child is not None:
            child.pid = 0
            ended.append((child, status))
    return ended


def _plan_restart(child: Child, status: int, log: Log) -> None:
    now_s = time.monotonic()
    child.n_young_deaths = 0 if now_s - child.started_s > YOUNG_S else child.n_young_deaths + 1
    pause_s = (
        0.0 if child.n_young_deaths <= 1 else min(LONGEST_PAUSE_S, 0.1 * 2.0 ** (child.n_young_deaths - 2))
    )
    child.restart_at_s = now_s + pause_s
    how = (
        f"signal {os.WTERMSIG(status)}"
        if os.WIFSIGNALED(status)
        else f"exit {os.waitstatus_to_exitcode(status)}"
    )
    log.warning("child_died", child=child.role, how=how, restart_in_s=round(pause_s, 3))


# --- the end


def _drain(family: Family, config: Config, estate: Estate, log: Log) -> None:
    """Workers first, since what they still serve must reach the monitor. A second signal cuts it short."""
    hurry = _end(family, family.workers, config.drain.limit_s + GRACE_S, log)
    for ring in estate.rings:
        settle_dead_worker(ring)  # what a killed worker had begun; there will be no next one to count it
    limit_s = GRACE_S if hurry else config.drain.monitor_s + GRACE_S
    _end(family, [family.monitor], limit_s, log)


def _end(family: Family, children: list[Child], limit_s: float, log: Log) -> bool:
    """Asks children to end, and kills those that do not; returns whether a second signal came."""
    for child in children:
        if child.pid:
            os.kill(child.pid, signal.SIGTERM)
    until_s = time.monotonic() + limit_s
    hurry = False
    while any(child.pid for child in children):
        caught = signal.sigtimedwait(_WATCHED, max(0.0, until_s - time.monotonic()))
        hurry = hurry or (caught is not None and caught.si_signo in (signal.SIGTERM, signal.SIGINT))
        _reap(family)
        if hurry or time.monotonic() >= until_s:
            break
    for child in children:
        if child.pid:
            log.warning("child_killed", child=child.role, reason="second signal" if hurry else "drain limit")
            os.kill(child.pid, signal.SIGKILL)
            os.waitpid(child.pid, 0)
            family.by_pid.pop(child.pid, None)
            child.pid = 0
    return hurry
