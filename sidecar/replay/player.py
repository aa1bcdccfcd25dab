"""Sends recorded requests to a candidate, at the pace at which they came or another one.

Answers are compared in the order of the recording, whatever the order in which they come, so the same answers
make the same report. Requests of one session or sequence are sent one behind the other.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Final

from sidecar.config.shadow import ShadowConfig
from sidecar.config.traffic import UpstreamTlsConfig
from sidecar.errors import SidecarError
from sidecar.mirror.answer import Answer
from sidecar.mirror.choice import asks_again
from sidecar.mirror.job import Job
from sidecar.mirror.recorded import answer_of, job_of
from sidecar.mirror.request import copy_of
from sidecar.mirror.sender import Sender
from sidecar.recording.records import Compared, Exchange, Record
from sidecar.replay.outcome import Outcome

WINDOW: Final = 4  # times the concurrency: answers that may wait for an earlier one
HOPELESS: Final = 20  # first requests that all found nobody


class CandidateGone(SidecarError):
    """Nobody answers at the candidate's URL."""


def asked_again(recording: Iterable[Record]) -> frozenset[int]:
    """The exchanges whose second answer of the primary was recorded: the noise floor when it cannot be asked.

    Args:
        recording: gone through once.

    Returns:
        Their numbers.
    """
    return frozenset(record.number for record in recording if isinstance(record, Compared) and record.again)


@dataclass(slots=True)
class _Sent:
    job: Job
    answer: asyncio.Task[Answer]
    again: asyncio.Task[Answer] | None


class Player:
    """Used on one event loop, once.

    Args:
        config: the candidate: URL, concurrency, time-out, what stays whole, how to compare.
        outcome: filled.
        noisy: exchanges whose recorded second answers are the noise floor, of `asked_again`.
        speed: times the recorded pace; None sends as fast as the concurrency allows.
        primary: URL of who gets a share `config.noise_ratio` of the requests again; None for nobody.
        primary_tls: for it.
    """

    def __init__(
        self,
        config: ShadowConfig,
        outcome: Outcome,
        noisy: AbstractSet[int],
        speed: float | None,
        primary: str | None = None,
        primary_tls: UpstreamTlsConfig | None = None,
    ) -> None:
        limits = (config.concurrency, config.timeout_s, config.answer_bytes)
        self._config = config
        self._outcome = outcome
        self._noisy = set(noisy)
        self._held: dict[int, Job] = {}  # until the primary's second answer comes by
        self._speed = speed
        self._candidate = Sender(config.url, *limits, config.tls)
        tls = primary_tls or UpstreamTlsConfig()
        self._primary = None if primary is None else Sender(primary, *limits, tls)
        self._room = asyncio.Semaphore(config.concurrency)
        self._sent: deque[_Sent] = deque()
        self._last: dict[str, asyncio.Task[Answer]] = {}

    async def play(self, recording: Iterable[Record]) -> None:
        """Sends every exchange of a recording, and waits for all answers.

        Args:
            recording: gone through once.

        Raises:
            CandidateGone: none of the first requests could be delivered.
        """
        begin_s = asyncio.get_running_loop().time()
        try:
            for record in recording:
                if isinstance(record, Exchange):
                    self._outcome.note(record)
                    await self._take(job_of(record), begin_s)
                elif isinstance(record, Compared) and record.again:
                    self._take_noise(record)
            await self._take_answers(0)
        finally:
            await self._close()
        self._check_reached(at_end=True)

    async def _take(self, job: Job, begin_s: float) -> None:
        if job.uses_shared_memory:
            self._outcome.skipped["shared_memory"] += 1
            return
        if job.number in self._noisy:
            self._held[job.number] = job
        await self._until_due(job, begin_s)
        await self._room.acquire()
        self._send(job)
        await self._take_answers(self._config.concurrency * WINDOW)

    def _take_noise(self, record: Compared) -> None:
        """The first one counts, where several shadows had the primary asked again."""
        self._noisy.discard(record.number)
        job = self._held.pop(record.number, None)
        if job is not None:
            self._outcome.comparison.add_noise(job, answer_of(record.reply))

    async def _until_due(self, job: Job, begin_s: float) -> None:
        if self._speed is None or self._outcome.first_unix_ns is None:
            return
        due_s = (job.start_unix_ns - self._outcome.first_unix_ns) / 1e9 / self._speed
        early_s = begin_s + due_s - asyncio.get_running_loop().time()
        if early_s > 0.0:
            await asyncio.sleep(early_s)

    def _send(self, job: Job) -> None:
        loop = asyncio.get_running_loop()
        key = None if self._config.by == "request" else job.key(self._config)
        before = None if key is None else self._last.get(key)
        task = loop.create_task(self._ask(job, before))
        if key is not None:
            self._last[key] = task
            task.add_done_callback(lambda done: self._forget(key, done))
        again = None
        if self._primary is not None and asks_again(job.number, self._config.noise_ratio):
            copy = copy_of(job, self._config, again=True)
            again = loop.create_task(self._primary.send(copy))
        self._sent.append(_Sent(job, task, again))

    async def _ask(self, job: Job, before: asyncio.Task[Answer] | None) -> Answer:
        try:
            if before is not None:
                await asyncio.wait((before,))
            return await self._candidate.send(copy_of(job, self._config, again=False))
        finally:
            self._room.release()

    def _forget(self, key: str, done: asyncio.Task[Answer]) -> None:
        if self._last.get(key) is done:
            del self._last[key]

    async def _take_answers(self, most_waiting: int) -> None:
        """Compares the answers that are there, in order, and waits until no more than so many are missing."""
        while self._sent and (self._sent[0].answer.done() or len(self._sent) > most_waiting):
            sent = self._sent.popleft()
            self._outcome.compare(sent.job, await sent.answer)
            if sent.again is not None:
                self._outcome.comparison.add_noise(sent.job, await sent.again)
            self._check_reached(at_end=False)

    def _check_reached(self, *, at_end: bool) -> None:
        n_tried, n_refused = self._outcome.ended.total(), self._outcome.ended["connect"]
        if n_refused == n_tried > 0 and (at_end or n_tried == HOPELESS):
            raise CandidateGone(
                f"{self._config.url}: expected a server, got none ({n_tried} requests could not connect)"
            )

    async def _close(self) -> None:
        tasks = [task for sent in self._sent for task in (sent.answer, sent.again) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._candidate.close()
        if self._primary is not None:
            await self._primary.close()
