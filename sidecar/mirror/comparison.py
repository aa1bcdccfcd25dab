"""All that is known of one shadow: pairs of answers in, a verdict out."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any, Literal, NamedTuple, get_args

import numpy as np

from sidecar.compare.cells import fill_cells, pack_cells
from sidecar.compare.documents import Difference
from sidecar.compare.histogram import SizeHistogram, json_number
from sidecar.compare.outputs import OutputComparison
from sidecar.compare.redaction import Redaction
from sidecar.compare.state import hide_values
from sidecar.compare.statuses import StatusMatrix
from sidecar.compare.verdict import (
    Finding,
    Interval,
    State,
    judge_agreement,
    judge_errors,
    judge_latency,
    overall,
    share_sequence,
)
from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.answer import Answer
from sidecar.mirror.choice import key_hash
from sidecar.mirror.explanation import Explanation
from sidecar.mirror.job import Job
from sidecar.mirror.reading import NO_DOCUMENT, Reading
from sidecar.mirror.state import ComparisonState
from sidecar.payload.columns import Columns

LATENCY_PARTS = 64  # cells an octave: 1.6 %
QUANTILES = (0.5, 0.99)

Uncompared = Literal["failed", "undecoded", "fault"]


class _Pair(NamedTuple):
    """Two good answers to one request, read.

    Args:
        ours: the primary's.
        theirs: the other one's.
        inputs: what was asked, where anybody wants to know.
        differences: of two documents.
    """

    ours: Reading
    theirs: Reading
    inputs: Columns | None
    differences: list[Difference] | None


def _note_nothing() -> None:
    """Nobody counts beside the comparison."""


class ShadowComparison:
    """Sums over the pairs of one shadow.

    The primary's latency is that of its second asking where there is one, measured in the same place and way
    as the shadow's; else that of the caller's own request, which the proxy measured.

    Every pair ends as compared or in one counter of `uncompared`. Pairs come from one thread; what is known
    may be asked for by any, and is told as it was between two pairs. Answers are read, and documents
    compared, before the lock is taken, so that nobody waits for that.

    Args:
        config: the shadow's.
        body_limit_bytes: longest body once its content coding is undone.
        judge_latency: False where the two sides' times were not taken side by side.

    Attributes:
        compared: pairs whose outputs were compared.
        uncompared: other pairs: one of the two `failed`, good answers that nobody can read (`undecoded`), a
            `fault` of ours.
        lock: held while a pair is counted; may be taken again by who holds it.
    """

    def __init__(self, config: ShadowConfig, body_limit_bytes: int, *, judge_latency: bool = True) -> None:
        self._config = config
        self._quantiles = QUANTILES if judge_latency else ()
        self._alpha = config.alpha / (2 + len(self._quantiles))  # agreement, errors, and a latency each
        self._body_limit_bytes = body_limit_bytes
        self._statuses = StatusMatrix()
        self._outputs = OutputComparison(config.fields, Redaction(config.redact))
        self._own = OutputComparison(config.fields)  # the primary beside itself: its sum alone is told
        self._latencies = SizeHistogram(LATENCY_PARTS), SizeHistogram(LATENCY_PARTS)
        self._explanation = Explanation(config)
        self._disagreements = (0.0, 0.0)
        self._noise = (0.0, 0.0)
        self.compared = 0
        self.uncompared: Counter[str] = Counter(dict.fromkeys(get_args(Uncompared), 0))
        self.lock = threading.RLock()

    def add(self, job: Job, shadow: Answer, note: Callable[[], None] = _note_nothing) -> None:
        """Takes the shadow's answer.

        Args:
            job: the request with the primary's answer.
            shadow: the shadow's.
            note: called as the pair is counted, so that nobody sees the one without the other.
        """
        reason: Uncompared | None = "fault"  # unless it is known better by the end
        with ExitStack() as held:
            try:
                pair = self._read(self._outputs, job, shadow)
                held.enter_context(self.lock)
                reason = self._add(job, shadow, pair)
            finally:
                held.enter_context(self.lock)  # where reading failed
                note()
                self._statuses.add(job.primary.status, 0 if shadow.failure else shadow.status)
                if reason is None:
                    self.compared += 1
                else:
                    self.uncompared[reason] += 1

    def _add(self, job: Job, shadow: Answer, pair: _Pair | None) -> Uncompared | None:
        """Why the two were not compared, None when they were."""
        if pair is None:
            return "failed"
        if self._config.noise_ratio == 0.0:
            self._latencies[0].add_one(job.primary.latency_s)
        self._latencies[1].add_one(shadow.latency_s)
        found = self._compare(self._outputs, job, pair)
        if found is None:
            return "undecoded"
        self._disagreements = self._disagreements[0] + found, self._disagreements[1] + 1.0
        return None

    def add_noise(self, job: Job, again: Answer, note: Callable[[], None] = _note_nothing) -> None:
        """Takes the primary's answer to the same request, asked a second time.

        Args:
            job: the request with the primary's first answer.
            again: its second one.
            note: as of `add`.
        """
        with ExitStack() as held:
            try:
                pair = self._read(self._own, job, again)
            finally:
                held.enter_context(self.lock)
                note()
            if pair is None:
                return
            self._latencies[0].add_one(again.latency_s)
            found = self._compare(self._own, job, pair)
            if found is not None:
                self._noise = self._noise[0] + found, self._noise[1] + 1.0

    def findings(self) -> tuple[Finding, ...]:
        """What is known at this moment; valid however often it is asked for."""
        margins, alpha = self._config.margins, self._alpha
        with self.lock:
            return (
                judge_agreement(self._disagreements, self._noise, margins.disagreement, alpha),
                judge_errors(*self._statuses.discordant(), self._statuses.pairs, margins.errors, alpha),
                *(
                    judge_latency(*self._latencies, share, margins.latency, alpha)
                    for share in self._quantiles
                ),
            )

    def verdict(self) -> State:
        """The verdict at this moment."""
        return overall(self.findings())

    def to_json(self) -> dict[str, Any]:
        """The entry of `GET /api/v1/shadow`, without the mirror's own counters.

        Returns:
            Numbers, texts, lists and None only.
        """
        with self.lock:
            return {**self.summary(), "fields": self._outputs.to_json(), **self._explanation.to_json()}

    def summary(self) -> dict[str, Any]:
        """The figures of `to_json` that cost little: all but outputs and examples."""
        with self.lock:
            return self._summary()

    def _summary(self) -> dict[str, Any]:
        raw, noise = (share_sequence(*sums, self._alpha / 2.0) for sums in (self._disagreements, self._noise))
        primary_errors, shadow_errors = self._statuses.errors()
        findings = self.findings()
        return {
            "compared": self.compared,
            "undecoded": self.uncompared["undecoded"],
            "uncompared": dict(self.uncompared),
            "verdict": overall(findings),
            "findings": [_finding(finding) for finding in findings],
            "disagreement": {
                **_share(self._disagreements, raw),
                "noise": _mean(self._noise),
                "noise_low": noise.low,
                "noise_high": noise.high,
                "noise_pairs": int(self._noise[1]),
            },
            "errors": {"primary": primary_errors, "shadow": shadow_errors},
            "statuses": self._statuses.to_json(),
            "latency": self._latency_json(),
        }

    def _latency_json(self) -> dict[str, float | None]:
        named = zip(("primary", "shadow"), self._latencies, strict=True)
        return {
            f"{name}_p{round(share * 100)}_s": json_number(side.quantile(share)) if self._quantiles else None
            for name, side in named
            for share in QUANTILES
        }

    def to_state(self) -> ComparisonState:
        """The comparison for a checkpoint, hidden values left out."""
        with self.lock:
            ours, theirs = (pack_cells(side.counts) for side in self._latencies)
            return ComparisonState(
                statuses=self._statuses.entries(),
                latencies=(ours, theirs),
                disagreements=self._disagreements,
                noise=self._noise,
                compared=self.compared,
                uncompared=dict(self.uncompared),
                outputs=self._outputs.to_state(),
                explanation=self._explanation.to_state(),
            )

    def restore(self, state: ComparisonState, *, values: bool = True) -> None:
        """Goes on from a checkpoint; called before the first pair.

        Args:
            state: from `to_state`, under settings of one definition (`sidecar.mirror.state`).
            values: whether its values may be taken over; False when other ones are hidden now.

        Raises:
            LookupError, ValueError: it is damaged; the comparison is then of no use.
        """
        for primary, shadow, count in state.statuses:
            self._statuses.counts[primary, shadow] += count
        for side, packed in zip(self._latencies, state.latencies, strict=True):
            fill_cells(packed, side.counts)
        if not all(0.0 <= total <= pairs for total, pairs in (state.disagreements, state.noise)):
            raise ValueError("shares that are none")
        self._disagreements, self._noise = state.disagreements, state.noise
        self.compared = state.compared
        self.uncompared.update(state.uncompared)
        self._outputs.restore(state.outputs if values else hide_values(state.outputs))
        if values:
            self._explanation.restore(state.explanation)

    def _read(self, outputs: OutputComparison, job: Job, other: Answer) -> _Pair | None:
        """Reads two answers, None unless both are good."""
        if not (job.primary.is_good and other.is_good):
            return None
        ours, theirs = job.outputs(self._body_limit_bytes), job.read(other, self._body_limit_bytes)
        if not (ours.is_known and theirs.is_known):
            return _Pair(ours, theirs, None, None)
        if ours.columns is None and theirs.columns is None:
            both = NO_DOCUMENT not in (ours.document, theirs.document)
            found = outputs.differences(ours.document, theirs.document) if both else None
            return _Pair(ours, theirs, None, found)
        wanted = outputs is self._outputs and ours.columns is not None and theirs.columns is not None
        return _Pair(ours, theirs, job.inputs(self._body_limit_bytes).columns if wanted else None, None)

    def _compare(self, outputs: OutputComparison, job: Job, pair: _Pair) -> float | None:
        """Disagreement, None when nobody can tell."""
        if not (pair.ours.is_known and pair.theirs.is_known):
            return None
        if pair.differences is not None:
            return float(outputs.count_differences(pair.differences))
        ours, theirs = pair.ours.columns, pair.theirs.columns
        if ours is None and theirs is None and pair.ours.document is pair.theirs.document is NO_DOCUMENT:
            return None
        if ours is None or theirs is None:
            return 1.0  # one of them answers in another form
        priority = key_hash(f"{job.number:016x}")
        apart = outputs.compare(ours, theirs, priority)
        if outputs is self._outputs:
            self._explanation.add(job.number, priority, pair.inputs, ours, theirs, apart)
        return float(np.count_nonzero(apart) / apart.size) if apart.size else 0.0


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "state": finding.state,
        "estimate": json_number(finding.estimate),
        "low": json_number(finding.interval.low),
        "high": json_number(finding.interval.high),
        "margin": finding.margin,
    }


def _share(sums: tuple[float, float], interval: Interval) -> dict[str, Any]:
    return {"rate": _mean(sums), "low": interval.low, "high": interval.high}


def _mean(sums: tuple[float, float]) -> float | None:
    return sums[0] / sums[1] if sums[1] else None
