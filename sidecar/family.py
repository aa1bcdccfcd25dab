"""The supervisor's children: started, looked after, asked to end, killed when they do not.

A child is forked with the configuration in force. It starts with SIGTERM and SIGHUP blocked and unblocks them
when its handlers stand, so neither kills a child that is still starting and neither is lost.

    died                comes back at once, then after 0.1, 0.2, 0.4 ... 5 s while it keeps dying young
    silent too long     is killed, and is then one that died
    asked to end        comes back at once, and is nobody's failure
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import msgspec
from setproctitle import setproctitle

from sidecar.config.model import Config
from sidecar.estate import Estate
from sidecar.log import Log

YOUNG_S = 10.0  # a child that lived longer starts with a clean slate
LONGEST_PAUSE_S = 5.0
SHORTEST_PAUSE_S = 0.001  # a timer set to nothing never rings
REFUSED_PAUSE_S = 1.0
LOOK_S = 1.0  # between two looks for children that hang
AWAY_S = 1.75  # looks further apart than this: it was us, and probably everybody, who did not run
START_GRACE_S = 120.0  # for a child that has not said anything yet: a monitor may have kernels to compile
NEVER = float("inf")

WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGALRM)
ENDING = (signal.SIGTERM, signal.SIGINT)

ChildMain = Callable[[Config, Estate, Log], int]


@dataclass(slots=True)
class Child:
    """One process to keep running.

    Attributes:
        patience: how many times `hang_s` its loop may be silent.
        pid: its process id, 0 while there is none.
        end_by_s: asked to end, and killed at this time; `NEVER` when not asked.
        killed: it has been sent SIGKILL.
        leaving: nobody follows it.
    """

    role: str
    main: ChildMain
    place: int  # on the board
    patience: float
    pid: int = 0
    started_s: float = 0.0
    n_young_deaths: int = 0
    restart_at_s: float = NEVER
    end_by_s: float = NEVER
    killed: bool = False
    leaving: bool = False
    n_restarts: int = 0


class Family:
    """All children.

    Args:
        config: the settings.
        estate: what they share.
        workers: one entry a worker.
        monitor: the monitor's.
        log: where to write.

    Attributes:
        config: what a child gets that is started now.
        quiet_until_s: while ending: until when a worker that is started still takes callers.
    """

    def __init__(
        self, config: Config, estate: Estate, workers: list[Child], monitor: Child, log: Log
    ) -> None:
        self.config = config
        self.workers = workers
        self.monitor = monitor
        self.quiet_until_s = NEVER
        self._estate = estate
        self._log = log
        self._by_pid: dict[int, Child] = {}
        self._looked_s = self._awake_s = time.monotonic()

    def all(self) -> list[Child]:
        """Every child, workers first."""
        return [*self.workers, self.monitor]

    # --- looking after

    def start(self, child: Child) -> None:
        """Forks a child; when the system refuses another process, it is tried again later."""
        child.restart_at_s = child.end_by_s = NEVER
        child.killed = False
        child.started_s = time.monotonic()
        ending = self.quiet_until_s != NEVER and child is not self.monitor
        config = self.config
        if ending:
            quiet_s = max(0.0, self.quiet_until_s - child.started_s)
            drain = msgspec.structs.replace(config.drain, quiet_s=quiet_s)
            config = msgspec.structs.replace(config, drain=drain)
        self._estate.board.clear_beat(child.place)
        try:
            pid = os.fork()
        except OSError as exc:
            child.restart_at_s = child.started_s + REFUSED_PAUSE_S
            self._log.error("child_not_started", child=child.role, reason=(exc.strerror or "").lower())
            return
        if pid == 0:
            _be_child(child, config, self._estate, self._log.for_role(child.role))
        child.pid = pid
        self._by_pid[pid] = child
        self._estate.board.note(child.place, pid, child.n_restarts)
        if ending:
            os.kill(pid, signal.SIGTERM)

    def wait(self, until_s: float = NEVER) -> signal.Signals | None:
        """Waits for a signal, the next thing that is due, or the next look, but not beyond a time.

        Args:
            until_s: on the monotonic clock.

        Returns:
            The signal; one that ends the sidecar goes before all others.
        """
        due = [
            child.end_by_s if child.pid else child.restart_at_s for child in self.all() if not child.killed
        ]
        pause_s = min(LOOK_S, min([until_s, *due]) - time.monotonic())
        caught = signal.sigtimedwait(ENDING, 0.0) or signal.sigtimedwait(WATCHED, 0.0)
        if caught is None and pause_s > 0.0:
            # A timer, since sigtimedwait gives a signal that never came when it is interrupted (SIGCONT, a
            # debugger) and finds its time over: CPython then reads memory that nobody has filled
            signal.setitimer(signal.ITIMER_REAL, max(SHORTEST_PAUSE_S, pause_s))
            caught = signal.sigwaitinfo(WATCHED)
        if caught is None or caught.si_signo == signal.SIGALRM:
            return None
        return signal.Signals(caught.si_signo)

    def tend(self, children: Sequence[Child]) -> None:
        """Kills those that hang or are late to end, and starts again those that are gone.

        Args:
            children: who may be started again; what happens to the others is only noted.
        """
        self.reap()
        now_s = time.monotonic()
        if now_s - self._looked_s > AWAY_S:
            self._awake_s = now_s
        self._looked_s = now_s
        for child in children:
            if child.pid and not child.killed:
                self._kill_if_late(child, now_s)
            elif child.restart_at_s <= now_s:
                self.start(child)

    def reap(self) -> None:
        """Notes who has ended, and when to start it again."""
        while self._by_pid:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._by_pid.pop(pid, None)
            if child is not None:
                self._note_end(child, status)

    def _note_end(self, child: Child, status: int) -> None:
        child.pid = 0
        child.killed = False
        now_s = time.monotonic()
        if child.leaving:
            if status:
                self._log.warning("child_died", child=child.role, how=_how(status))
            return
        if child.end_by_s != NEVER:
            child.restart_at_s = now_s
            self._log.info("child_ended", child=child.role, how=_how(status))
            return
        child.n_restarts += 1
        child.n_young_deaths = 0 if now_s - child.started_s > YOUNG_S else child.n_young_deaths + 1
        pause_s = (
            min(LONGEST_PAUSE_S, 0.1 * 2.0 ** (child.n_young_deaths - 2)) if child.n_young_deaths > 1 else 0.0
        )
        child.restart_at_s = now_s + pause_s
        self._log.warning("child_died", child=child.role, how=_how(status), restart_in_s=round(pause_s, 3))

    def _kill_if_late(self, child: Child, now_s: float) -> None:
        """A child that was asked to end has its limit; another must show that its loop turns.

        Time in which we did not run either (a frozen container, a suspended machine) is nobody's silence.
        """
        if child.end_by_s != NEVER:
            if child.end_by_s <= now_s:
                self.kill(child, "limit")
            return
        beat_s = self._estate.board.beat_ns(child.place) * 1e-9
        silent_s = now_s - max(beat_s or child.started_s + START_GRACE_S, self._awake_s)
        if silent_s > self.config.hang_s * child.patience:
            self._log.error("child_hung", child=child.role, silent_s=round(silent_s, 1))
            child.killed = True
            os.kill(child.pid, signal.SIGKILL)

    # --- ending

    def signal(self, children: Sequence[Child], number: signal.Signals) -> None:
        """Passes a signal to those that run."""
        for child in children:
            if child.pid:
                os.kill(child.pid, number)

    def retire(self, child: Child, limit_s: float) -> None:
        """Asks a child to end and to be followed by a new one; one that is asked already goes on ending.

        Args:
            child: any.
            limit_s: it is killed after this.
        """
        if child.pid and child.end_by_s == NEVER:
            child.end_by_s = time.monotonic() + limit_s
            os.kill(child.pid, signal.SIGTERM)

    def dismiss(self, children: Sequence[Child], until_s: float) -> None:
        """Lets children end for good: who ends from now on is not started again.

        Args:
            children: whether they run or not.
            until_s: when whoever asks gives up on them, on the monotonic clock.
        """
        for child in children:
            child.leaving = True
            child.restart_at_s = NEVER
            child.end_by_s = until_s

    def kill(self, child: Child, reason: str) -> None:
        """Kills a child that runs, and says why; one that was killed already is left alone."""
        if child.pid and not child.killed:
            self._log.warning("child_killed", child=child.role, reason=reason)
            child.killed = True
            os.kill(child.pid, signal.SIGKILL)

    def await_killed(self, children: Sequence[Child]) -> None:
        """Waits for children that were killed, which cannot take long, and forgets them."""
        for child in children:
            if child.pid:
                os.waitpid(child.pid, 0)
                self._by_pid.pop(child.pid, None)
                child.pid = 0


def _how(status: int) -> str:
    if os.WIFSIGNALED(status):
        return f"signal {os.WTERMSIG(status)}"
    return f"exit {os.waitstatus_to_exitcode(status)}"


def _be_child(child: Child, config: Config, estate: Estate, log: Log) -> None:
    """Never returns: a child must not fall back into the supervisor's code, whatever happens."""
    status = 1
    try:
        setproctitle(f"sidecar: {child.role}")
        estate.keep_for(child.place)
        # Ctrl-C reaches the whole group; the supervisor passes on what it means
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {*WATCHED} - {signal.SIGTERM, signal.SIGHUP})
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
