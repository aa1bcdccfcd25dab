"""The mirror's thread: an event loop that sends what the shadows take and hands back what they answer.

A loop of its own, apart from the admin server's: comparing answers is work, and a dashboard must not wait for
it. Nothing here is ever waited for by the thread that reads the ring.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

import uvloop

from sidecar.clock import Clock
from sidecar.config.model import Config
from sidecar.log import Log
from sidecar.mirror.answer import Answer
from sidecar.mirror.job import Job
from sidecar.mirror.request import copy_of
from sidecar.mirror.sender import Sender
from sidecar.mirror.shadow import Shadow

START_S = 10.0

Note = Callable[[str, Job, Answer, bool], None]


def _note_nothing(_shadow: str, _job: Job, _answer: Answer, _again: bool) -> None:
    """Nobody wants to know."""


class Mirror:
    """All shadows, and the thread that serves them.

    Args:
        config: the settings: shadows, where the model server is, the bodies' limit.
        clock: for rates, ramps and breakers.
        log: where faults are told.
        note: told of every answer that is compared, in the order of the comparisons: whose comparison, the
            job, the answer, whether it is the primary's second one. Called by: the mirror's thread.

    Attributes:
        shadows: in the order of the configuration.
        n_faults: faults of ours, contained.
    """

    def __init__(
        self,
        config: Config,
        clock: Clock,
        log: Log,
        note: Note = _note_nothing,
    ) -> None:
        self._clock = clock
        self._note = note
        self._log = log
        self._config = config
        self.shadows = tuple(
            Shadow(each, config.tap.body_limit_bytes, self._now_s()) for each in config.shadows
        )
        self.n_faults = 0
        self._senders: dict[str, tuple[Sender, Sender]] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended: asyncio.Event | None = None
        self._ready = threading.Event()
        self._lock = threading.Lock()  # what is offered before the loop is taken away is begun before it ends
        self._taken: list[tuple[Sequence[Shadow], Job]] = []  # not begun yet
        self._tasks: set[asyncio.Task[Answer]] = set()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()
        self._ready.wait(START_S)

    def stop(self, limit_s: float) -> bool:
        """Ends; what is on its way is given up.

        Returns:
            Whether it ended in time.
        """
        with self._lock:
            self._wake()
            loop, self._loop = self._loop, None
        ended = self._ended
        if loop is not None and ended is not None:
            loop.call_soon_threadsafe(ended.set)
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def offer(self, job: Job) -> None:
        """Offers a job to every shadow; skipped as `stopped` while the mirror does not run. What is taken is
        begun by `flush`.

        Called by: the thread that reads the ring.

        Args:
            job: an exchange that is over.
        """
        with self._lock:
            if self._loop is None:
                self.skip("stopped")
                return
            now_s = self._now_s()
            takers = [shadow for shadow in self.shadows if shadow.take(job, now_s)]
            if takers:
                self._taken.append((takers, job))

    def flush(self) -> None:
        """Has what was taken begun. Called by: the thread that reads the ring, once a batch: two threads that
        take turns at every record pay for each turn."""
        with self._lock:
            self._wake()

    def skip(self, reason: str) -> None:
        """Counts an exchange that no shadow can get. Called by: the thread that reads the ring.

        Args:
            reason: why.
        """
        for shadow in self.shadows:
            shadow.skip(reason)

    def tell_verdicts(self) -> None:
        """Logs every verdict that has changed since the last call; about once a second."""
        for shadow in self.shadows:
            before, now = shadow.told_verdict, shadow.comparison.verdict()
            if now != before:
                shadow.told_verdict = now
                self._log.info("shadow_verdict", shadow=shadow.config.name, before=before, verdict=now)

    def find(self, name: str) -> Shadow | None:
        """The shadow of a name."""
        return next((shadow for shadow in self.shadows if shadow.config.name == name), None)

    def _now_s(self) -> float:
        return self._clock.mono_ns() / 1e9

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(self._serve())

    async def _serve(self) -> None:
        self._ended = asyncio.Event()
        for shadow in self.shadows:
            config = shadow.config
            limits = (config.concurrency, config.timeout_s, config.answer_bytes)
            self._senders[config.name] = (
                Sender(config.url, *limits, config.tls, shadow.note_read),
                Sender(self._config.upstream, *limits, self._config.upstream_tls),
            )
        self._loop = asyncio.get_running_loop()
        self._ready.set()
        await self._ended.wait()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for pair in self._senders.values():
            for sender in pair:
                await sender.close()

    def _wake(self) -> None:
        if self._taken and self._loop is not None:
            self._loop.call_soon_threadsafe(self._begin_all)

    def _begin_all(self) -> None:
        with self._lock:
            taken, self._taken = self._taken, []
        for takers, job in taken:
            self._begin(takers, job)

    def _begin(self, takers: Sequence[Shadow], job: Job) -> None:
        for shadow in takers:
            mirror, primary = self._senders[shadow.config.name]
            self._keep(_ask(mirror, job, shadow, again=False), partial(self._end, shadow, job))
            if shadow.take_noise(job):  # a sender of the same kind: the two differ in nothing but the server
                self._keep(_ask(primary, job, shadow, again=True), partial(self._end_noise, shadow, job))

    def _keep(self, work: Coroutine[Any, Any, Answer], then: Callable[[asyncio.Task[Answer]], None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        task.add_done_callback(then)  # of a task that is cancelled before its first step, too

    def _end(self, shadow: Shadow, job: Job, task: asyncio.Task[Answer]) -> None:
        if _came_to_nothing(task):
            shadow.give_up(job)
        if not task.cancelled():
            self._contained(lambda: self._compare(shadow, job, task.result()))

    def _compare(self, shadow: Shadow, job: Job, answer: Answer) -> None:
        self._note(shadow.config.name, job, answer, False)
        shadow.end(job, answer, self._now_s())

    def _end_noise(self, shadow: Shadow, job: Job, task: asyncio.Task[Answer]) -> None:
        if _came_to_nothing(task):
            shadow.give_up_noise(job)
        if not task.cancelled():
            self._contained(lambda: self._compare_noise(shadow, job, task.result()))

    def _compare_noise(self, shadow: Shadow, job: Job, again: Answer) -> None:
        self._note(shadow.config.name, job, again, True)
        shadow.end_noise(job, again)

    def _contained(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception as exc:  # noqa: BLE001 - one pair's fault must not stop the mirror
            self.n_faults += 1
            self._log.limited("mirror_fault", fault=f"{type(exc).__name__}: {exc}")


async def _ask(sender: Sender, job: Job, shadow: Shadow, *, again: bool) -> Answer:
    """The copy is made within the task, so that a fault there ends the job like any other."""
    return await sender.send(copy_of(job, shadow.config, again=again))


def _came_to_nothing(task: asyncio.Task[Answer]) -> bool:
    return task.cancelled() or task.exception() is not None
