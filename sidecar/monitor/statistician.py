"""The statistics thread: takes rows out of the feature rings in blocks, keeps the reports fresh, writes the
checkpoint.

The kernels release the interpreter's lock, so it runs beside the intake thread. A fault in one subject is
contained
there: the others go on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from sidecar.clock import Clock
from sidecar.log import Log
from sidecar.monitor.state import save_state
from sidecar.monitor.subjects import Subject, Subjects
from sidecar.ring.feature_ring import F64, I64

TICK_S = 0.1
REPORT_NS = 250_000_000
IDLE_REPORT_NS = NS = 1_000_000_000
# So many times as long as a report took the next one is not made: 1,000 features take 40 ms
REST, IDLE_REST = 20, 100


class Statistician:
    """The thread and what it looks after.

    Args:
        subjects: what is watched.
        clock: wall time.
        state_path: the checkpoint's folder, or None.
        checkpoint_s: time between two checkpoints.
        extra_state: gives what else belongs into the checkpoint.
        log: where faults are told.
        caught_up_unix_ns: gives the time up to which all that was recorded has been pushed; the clock by
            default. Panes close by it while no rows come, so that what waits in the rings is not late.
    """

    def __init__(
        self,
        subjects: Subjects,
        clock: Clock,
        state_path: Path | None,
        checkpoint_s: float,
        extra_state: Callable[[], dict[str, Any]],
        log: Log,
        caught_up_unix_ns: Callable[[], int] | None = None,
    ) -> None:
        self._subjects = subjects
        self._clock = clock
        self._state_path = state_path
        self._checkpoint_ns = round(checkpoint_s * NS)
        self._extra_state = extra_state
        self._log = log
        self._caught_up_unix_ns = caught_up_unix_ns or clock.unix_ns
        self._wake = threading.Event()
        self._stopping = False
        self._saved_ns = clock.mono_ns()
        self._thread = threading.Thread(target=self._run, name="statistics", daemon=True)
        self.n_faults = 0

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def wake(self) -> None:
        """There are rows; any thread."""
        self._wake.set()

    def stop(self, limit_s: float) -> bool:
        """Takes what is left, reports, writes the last checkpoint and ends.

        Args:
            limit_s: longest wait.

        Returns:
            Whether it ended in time.
        """
        self._stopping = True
        self._wake.set()
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while not self._stopping:
            self._wake.wait(TICK_S)
            self._wake.clear()
            self._turn()
        self._turn()
        self._report()
        self._save()

    def _turn(self) -> None:
        now_ns = self._clock.mono_ns()
        for subject in self._subjects.all():
            self._contained(partial(self._take_rows, subject), subject)
        for subject in self._subjects.all():
            if now_ns >= (subject.due_with_news_mono_ns if subject.has_news else subject.due_mono_ns):
                self._report_on(subject)
        if now_ns - self._saved_ns >= self._checkpoint_ns:
            self._save()
            self._saved_ns = now_ns

    def _take_rows(self, subject: Subject) -> None:
        caught_up_unix_ns = self._caught_up_unix_ns()  # before the ring is looked into

        def take(block: F64, stamps: I64) -> None:
            # A faulty block is lost, not repeated
            self._contained(lambda: subject.add(block, stamps, self._clock.unix_ns()), subject)

        if subject.ring.drain(take):
            self._subjects.room.set()
        else:
            subject.analysis.advance(caught_up_unix_ns)

    def _report(self) -> None:
        for subject in self._subjects.all():
            self._report_on(subject)

    def _report_on(self, subject: Subject) -> None:
        began_ns = self._clock.mono_ns()
        self._contained(lambda: subject.judge(subject.analysis.now_unix_ns), subject)
        took_ns = self._clock.mono_ns() - began_ns
        subject.due_with_news_mono_ns = began_ns + max(REPORT_NS, REST * took_ns)
        subject.due_mono_ns = began_ns + max(IDLE_REPORT_NS, IDLE_REST * took_ns)

    def _contained(self, work: Callable[[], None], subject: Subject) -> None:
        try:
            work()
        except Exception as exc:  # noqa: BLE001 - one model's fault must not stop the others
            self.n_faults += 1
            self._log.limited(
                "statistics_fault", model=subject.analysis.model, fault=f"{type(exc).__name__}: {exc}"
            )

    def _save(self) -> None:
        if self._state_path is None:
            return
        try:
            save_state(self._state_path, {"subjects": self._subjects.to_state(), **self._extra_state()})
        except Exception as exc:  # noqa: BLE001 - a full disk must not stop the statistics
            self.n_faults += 1
            self._log.limited("checkpoint_failed", fault=f"{type(exc).__name__}: {exc}")
