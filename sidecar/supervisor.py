"""The supervisor: binds sockets and makes rings, then starts the workers and the monitor, and keeps them
running.

It forks, and runs nothing but this loop, so it has no threads and imports nothing heavy. What must survive a
child's death lives here: listening sockets (callers wait in the backlog), rings and counters (shared memory),
the configuration in force, the checkpoint's folder. A child notices the supervisor's own death by the end of
the life pipe and drains.

    start      bind -> rings -> workers -> monitor
    watch      who died or hangs comes back (`sidecar.family`)
    SIGHUP     configuration read and checked anew -> shared -> workers take it over, the monitor is restarted
    SIGTERM    quiet time: workers are not ready and take callers all the same, at most drain.quiet_s
               -> they stop accepting and finish what is in flight, at most drain.limit_s
               -> the monitor analyses and exports what is left -> exit 0

The sockets are held here until just before the quiet time ends, so that a worker that dies within it comes
back to its callers, and no longer than that, for callers would then wait for nobody.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from setproctitle import setproctitle

from sidecar.board import MONITOR
from sidecar.config.change import changed_keys, check_change
from sidecar.config.model import Config
from sidecar.errors import SidecarError
from sidecar.estate import Estate, clear_estate, make_estate
from sidecar.family import ENDING, NEVER, WATCHED, Child, ChildMain, Family
from sidecar.listen import address_of, lift_descriptor_limit
from sidecar.log import Log
from sidecar.ring.counters import settle_dead_worker

GRACE_S = 2.0  # beyond its own limits, before a child is killed
LET_GO_S = 0.1  # before the quiet time ends
MONITOR_PATIENCE = 4.0  # times hang_s; its loop shares the interpreter with threads that compute


@dataclass(frozen=True, slots=True)
class Mains:
    """What the children are.

    Attributes:
        worker: gives the entry point of the worker with this index.
        monitor: the monitor's entry point.
    """

    worker: Callable[[int], ChildMain]
    monitor: ChildMain


def _make_room(config: Config, log: Log) -> None:
    """Descriptors for as many callers and upstream connections as a worker may have, and for rings, files and
    pipes."""
    wanted = config.limits.connections + config.pool.connections + 256
    allowed = lift_descriptor_limit(wanted)
    if 0 <= allowed < wanted:
        log.warning("few_descriptors", wanted=wanted, allowed=allowed)


def supervise(config: Config, log: Log, mains: Mains, read_config: Callable[[], Config]) -> int:
    """Runs the sidecar until it is told to end.

    Args:
        config: the settings.
        log: where to write.
        mains: the children's entry points.
        read_config: reads and checks the settings again, for a reload; raises what it raised at start.

    Returns:
        Exit code 0.

    Raises:
        StartError: an address cannot be listened on.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    estate = make_estate(config)
    _make_room(config, log)
    setproctitle("sidecar: supervisor")
    workers = [
        Child(f"worker {index}", mains.worker(index), 1 + index, 1.0) for index in range(config.workers)
    ]
    monitor = Child("monitor", mains.monitor, MONITOR, MONITOR_PATIENCE)
    family = Family(config, estate, workers, monitor, log)
    log.info(
        "listening",
        traffic=address_of(estate.listeners[0]),
        health=address_of(estate.health_listeners[0]),
        admin=address_of(estate.admin_listener),
        upstream=config.upstream,
    )
    for child in family.all():
        family.start(child)
    reason = _watch(family, estate, log, read_config)
    log.info("draining", reason=reason)
    n_lost = _drain(family, estate)
    clear_estate(family.config, estate)
    log.info("ended", worker_died=n_lost)
    return 0


def _watch(family: Family, estate: Estate, log: Log, read_config: Callable[[], Config]) -> str:
    """Looks after the children until a signal says to end; returns that signal's name."""
    while True:
        caught = family.wait()
        if caught in ENDING:
            return signal.Signals(caught).name
        if caught == signal.SIGHUP:
            _reload(family, estate, log, read_config)
        family.tend(family.all())


# --- reload


def _reload(family: Family, estate: Estate, log: Log, read_config: Callable[[], Config]) -> None:
    """Reads the configuration again; a wrong one changes nothing."""
    running = family.config
    try:
        wanted = read_config()
        check_change(running, wanted)
        estate.settings.store(wanted)
    except SidecarError as exc:
        log.error("reload_refused", reason=str(exc))
        return
    except Exception as exc:  # noqa: BLE001 - whatever is in the file, what runs goes on
        log.error("reload_refused", reason=f"{type(exc).__name__}: {exc}")
        return
    family.config = wanted
    family.signal(family.workers, signal.SIGHUP)
    family.retire(family.monitor, running.drain.monitor_s + GRACE_S)
    log.info("reloaded", changed=changed_keys(running, wanted))


# --- the end


def _drain(family: Family, estate: Estate) -> int:
    """Workers first, since what they still serve must reach the monitor. A second signal cuts it short.

    Returns how many exchanges a killed worker had begun: there will be no next one to count them.
    """
    hurry = _drain_workers(family, estate)
    n_lost = sum(settle_dead_worker(ring) for ring in estate.rings)
    monitor = family.monitor
    until_s = time.monotonic() + (GRACE_S if hurry else family.config.drain.monitor_s + GRACE_S)
    if not hurry:  # one that ends for a reload does not take what came since; the next one does
        hurry = _await(family, lambda: monitor.end_by_s == NEVER, until_s, tended=[monitor])
    family.dismiss([monitor], until_s)
    family.signal([monitor], signal.SIGTERM)
    hurry = _await(family, lambda: not monitor.pid, until_s) or hurry
    _kill_left(family, [monitor], hurry)
    return n_lost


def _drain_workers(family: Family, estate: Estate) -> bool:
    """Returns whether a second signal came."""
    drain, workers = family.config.drain, family.workers
    quiet_until_s = family.quiet_until_s = time.monotonic() + drain.quiet_s
    if drain.quiet_s <= LET_GO_S:
        estate.let_go_of_callers()
    family.signal(workers, signal.SIGTERM)
    let_go_s = quiet_until_s - LET_GO_S
    hurry = _await(family, lambda: False, let_go_s, tended=family.all())
    estate.let_go_of_callers()
    until_s = quiet_until_s + drain.limit_s + GRACE_S
    family.dismiss(workers, until_s)
    if not hurry:
        hurry = _await(
            family, lambda: not any(worker.pid for worker in workers), until_s, tended=[family.monitor]
        )
    _kill_left(family, workers, hurry)
    return hurry


def _await(family: Family, done: Callable[[], bool], until_s: float, *, tended: Sequence[Child] = ()) -> bool:
    """Waits until something is done, or a time, and looks after some children meanwhile.

    Returns:
        Whether a second signal came.
    """
    while not done() and time.monotonic() < until_s:
        if family.wait(until_s) in ENDING:
            return True
        if time.monotonic() < until_s:
            family.tend(tended)
    family.reap()
    return False


def _kill_left(family: Family, children: Sequence[Child], hurry: bool) -> None:
    for child in children:
        family.kill(child, "second signal" if hurry else "drain limit")
    family.await_killed(children)
