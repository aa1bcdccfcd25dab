"""One shadow: what it takes, what it refuses and why, and what is known of it.

Every job offered ends in exactly one counter: skipped by reason before anything is sent, ended by reason, or
on its way. Jobs are offered by the thread that reads the ring and sent by the mirror's own loop; what lies
between is bounded, so a shadow that hangs holds what its budget allows and not a byte more. What is told is
told as it was between two pairs: a pair and its end are counted under the comparison's lock, which the thread
that reads the ring never waits for.
"""

from __future__ import annotations

import threading
from collections import Counter
from functools import partial
from typing import Any, Literal

from sidecar.compare.verdict import State
from sidecar.config.routes import compile_path
from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.answer import Answer
from sidecar.mirror.bounds import Budget, TokenBucket
from sidecar.mirror.choice import asks_again, is_chosen, key_hash, ratio_at
from sidecar.mirror.comparison import ShadowComparison
from sidecar.mirror.job import Job
from sidecar.mirror.state import FORMAT, ShadowState, definition_of, digest, unusable
from sidecar.profile.damage import DAMAGE
from sidecar.upstream.breaker import Breaker

SkipReason = Literal[
    "disabled",
    "route",
    "not_inference",
    "shared_memory",
    "sampled_out",
    "breaker_open",
    "answer_bytes",
    "rate",
    "busy",
]


LOST = "restart"  # as a reason: it is not known, for the monitor was killed


class Shadow:
    """What one shadow takes, and how it fares.

    Args:
        config: its settings.
        body_limit_bytes: longest body once its content coding is undone.
        now_s: monotonic time now.

    Attributes:
        enabled: the kill switch.
        skipped: jobs not sent, by reason.
        ended: jobs sent, by how they ended.
        asked_again: what became of the requests that the primary was to get a second time.
        told_verdict: the verdict that was told last.
        settled_before: exchanges that the monitor had settled before this shadow began: whatever it settles
            is offered once.
    """

    def __init__(self, config: ShadowConfig, body_limit_bytes: int, now_s: float) -> None:
        self.config = config
        self._body_limit_bytes = body_limit_bytes
        self.enabled = config.enabled
        self.skipped: Counter[str] = Counter()
        self.ended: Counter[str] = Counter()
        self.asked_again: Counter[str] = Counter()
        self.comparison = ShadowComparison(config, body_limit_bytes)
        self.told_verdict: State = "undecided"
        self.settled_before = 0
        self._counted_before: dict[str, Any] = {}
        self._patterns = [compile_path(path, "shadows.routes") for path in config.routes]
        self._began_s = now_s
        self._bucket = TokenBucket(config.most_per_s)
        self._answer_bytes = TokenBucket(config.answer_bytes_per_s)
        self._budget = Budget(config.concurrency, config.waiting_bytes)
        self._noise_budget = Budget(config.concurrency, config.waiting_bytes)
        self._breaker = Breaker(config.breaker)
        self._probes: dict[int, int] = {}  # exchange number to the breaker's
        self._lock = threading.Lock()

    @property
    def in_flight(self) -> int:
        """Jobs on their way."""
        return self._budget.requests

    @property
    def mirrored(self) -> int:
        """Jobs sent, those on their way among them."""
        with self._lock:
            return sum(self.ended.values()) + self.in_flight

    @property
    def offered(self) -> int:
        """Exchanges offered, whatever became of them."""
        with self._lock:
            return sum(self.skipped.values()) + sum(self.ended.values()) + self.in_flight

    def take(self, job: Job, now_s: float) -> bool:
        """Decides on a job; one that is taken must be ended.

        Args:
            job: an exchange that is over.
            now_s: monotonic time.

        Returns:
            Whether it is to be sent; otherwise the reason is counted.
        """
        reason = self._reason_against(job, now_s)
        with self._lock:
            if reason is None:
                reason = self._reserve(job, now_s)
            if reason is not None:
                self.skipped[reason] += 1
        return reason is None

    def skip(self, reason: str) -> None:
        """Counts an exchange that cannot be mirrored.

        Args:
            reason: why.
        """
        with self._lock:
            self.skipped[reason] += 1

    def note_read(self, n_bytes: int) -> None:
        """Takes note of a piece of an answer, whole or not. Called by: the mirror's thread.

        Args:
            n_bytes: its size.
        """
        with self._lock:
            self._answer_bytes.owe(n_bytes)

    def end(self, job: Job, answer: Answer, now_s: float) -> None:
        """Takes what came of a job.

        Args:
            job: one that was taken.
            answer: the shadow's, or why there is none.
            now_s: monotonic time.
        """
        self.comparison.add(job, answer, partial(self._note_end, job, answer, now_s))

    def _note_end(self, job: Job, answer: Answer, now_s: float) -> None:
        with self._lock:
            self._budget.release(job.size_bytes)
            self.ended[answer.failure or "answered"] += 1
            probe = self._probes.pop(job.number, 0)
            if answer.failure is not None:
                self._breaker.note_failure(now_s, probe)
            else:
                self._breaker.note_success()

    def give_up(self, job: Job) -> None:
        """Ends a job of which nothing came to be known: the mirror ends, or a fault of ours.

        Args:
            job: one that was taken.
        """
        with self._lock:
            self._budget.release(job.size_bytes)
            self.ended["given_up"] += 1
            self._breaker.release_probe(self._probes.pop(job.number, 0))

    def take_noise(self, job: Job) -> bool:
        """Decides whether the primary gets a job a second time; one that is taken must be ended.

        Args:
            job: one that was taken.

        Returns:
            Whether it is to be sent; that there was no room for it is counted.
        """
        if not self.wants_noise(job):
            return False
        with self._lock:
            if self._noise_budget.reserve(job.size_bytes):
                return True
            self.asked_again["busy"] += 1
            return False

    def end_noise(self, job: Job, again: Answer) -> None:
        """Takes the primary's second answer; as `end`."""
        self.comparison.add_noise(job, again, partial(self._note_noise_end, job, again))

    def _note_noise_end(self, job: Job, again: Answer) -> None:
        with self._lock:
            self._noise_budget.release(job.size_bytes)
            self.asked_again[again.failure or "answered"] += 1

    def give_up_noise(self, job: Job) -> None:
        """As `give_up`."""
        with self._lock:
            self._noise_budget.release(job.size_bytes)
            self.asked_again["given_up"] += 1

    def wants_noise(self, job: Job) -> bool:
        """Whether the primary is to be asked a second time: an evenly spread share of the jobs taken."""
        return asks_again(job.number, self.config.noise_ratio)

    def to_state(self, upstream: str, now_s: float) -> ShadowState:
        """The shadow for a checkpoint, as it is between two pairs.

        Args:
            upstream: the primary's URL.
            now_s: monotonic time.
        """
        with self.comparison.lock:
            with self._lock:  # let go before the comparison is gone through
                counts = dict(self.skipped), dict(self.ended), dict(self.asked_again)
                in_flight, again = self._budget.requests, self._noise_budget.requests
            return ShadowState(
                format=FORMAT,
                name=self.config.name,
                definition=definition_of(self.config, upstream),
                redaction=self._redaction(),
                age_s=now_s - self._began_s,
                configured=self.config.enabled,
                enabled=self.enabled,
                verdict=self.told_verdict,
                settled_before=self.settled_before,
                skipped=counts[0],
                ended=counts[1],
                asked_again=counts[2],
                in_flight=in_flight,
                again_in_flight=again,
                comparison=self.comparison.to_state(),
            )

    def restore(self, state: ShadowState, now_s: float) -> None:
        """Goes on from a checkpoint; called before the first job.

        What was on its way then has ended, nobody knows how.

        Args:
            state: from `to_state`, of the same definition.
            now_s: monotonic time.

        Raises:
            BadShadowState: it is damaged; the shadow is as before.
        """
        comparison = ShadowComparison(self.config, self._body_limit_bytes)
        try:
            comparison.restore(state.comparison, values=state.redaction == self._redaction())
        except DAMAGE as exc:
            raise unusable(state.name, exc) from exc
        self.comparison = comparison
        if state.configured == self.config.enabled:  # else the settings were changed since, and count
            self.enabled = state.enabled
        self.told_verdict = state.verdict
        self.settled_before = state.settled_before
        self._began_s = now_s - state.age_s
        self.skipped = Counter(state.skipped)
        self.ended = Counter(state.ended) + Counter({LOST: state.in_flight})
        self.asked_again = Counter(state.asked_again) + Counter({LOST: state.again_in_flight})
        told = comparison.summary()
        self._counted_before = {
            "skipped": state.skipped,
            "ended": state.ended,
            "asked_again": state.asked_again,
            **{name: told[name] for name in ("compared", "uncompared", "errors")},
        }

    def lose(self, n_exchanges: int) -> None:
        """Counts exchanges of which nobody knows what became of them.

        Args:
            n_exchanges: >= 0.
        """
        if n_exchanges > 0:
            with self._lock:
                self.skipped[LOST] += n_exchanges

    def _redaction(self) -> str:
        return digest(sorted(self.config.redact))

    def to_json(self) -> dict[str, Any]:
        """The entry of `GET /api/v1/shadow`."""
        with self.comparison.lock:  # always before our own
            return {**self._counts(), **self.comparison.to_json()}

    def summary(self) -> dict[str, Any]:
        """What of `to_json` costs little: no outputs, segments and exemplars."""
        with self.comparison.lock:
            return {**self._counts(), **self.comparison.summary()}

    def since_start(self) -> dict[str, Any]:
        """`summary`, its counts without what monitors before this one have counted.

        So that a counter begins at 0 with the process: one that a kill had set back by what it forgot would
        be taken by `rate()` for one that had begun anew and come as far at once.
        """
        told = self.summary()
        return {**told, **{name: _less(told[name], before) for name, before in self._counted_before.items()}}

    def _counts(self) -> dict[str, Any]:
        with self._lock:
            skipped, ended, again = dict(self.skipped), dict(self.ended), dict(self.asked_again)
            mirrored = sum(ended.values()) + self.in_flight
            state = self._breaker.state
        return {
            "name": self.config.name,
            "url": self.config.url,
            "enabled": self.enabled,
            "breaker": state,
            "mirrored": mirrored,
            "in_flight": mirrored - sum(ended.values()),
            "skipped": skipped,
            "ended": ended,
            "asked_again": again,
        }

    def _reason_against(self, job: Job, now_s: float) -> SkipReason | None:
        """Cheapest first; the last one reads the whole body."""
        if not self.enabled:
            return "disabled"
        if not self._may_mirror(job.path):
            return "route"
        if not self._patterns and not job.is_inference:
            return "not_inference"
        if not self._is_chosen(job, now_s):
            return "sampled_out"
        return "shared_memory" if job.uses_shared_memory else None

    def _may_mirror(self, path: str) -> bool:
        raw = path.encode("latin-1", "replace")
        return not self._patterns or any(pattern.fullmatch(raw) for pattern in self._patterns)

    def _is_chosen(self, job: Job, now_s: float) -> bool:
        ratio = ratio_at(self.config.ratio, self.config.ramp, now_s - self._began_s)
        return ratio == 1.0 or is_chosen(key_hash(job.key(self.config)), ratio)

    def _reserve(self, job: Job, now_s: float) -> SkipReason | None:
        """Takes room for a job, the breaker's leave last: a probe that is given must be ended."""
        if not self._breaker.closed and self._breaker.retry_after_s(now_s) > 0.0:
            return "breaker_open"
        if not self._answer_bytes.has_one(now_s):
            return "answer_bytes"
        if not self._bucket.take(now_s):
            return "rate"
        if not self._budget.reserve(job.size_bytes):
            return "busy"
        if not self._breaker.closed:
            probe = self._breaker.try_probe(now_s)
            if not probe:
                self._budget.release(job.size_bytes)
                return "breaker_open"
            self._probes[job.number] = probe
        return None


def _less(now: Any, before: Any) -> Any:
    """What has been added to a count, or to counts by name."""
    if isinstance(now, dict):
        return {name: count - before.get(name, 0) for name, count in now.items()}
    return now - before
