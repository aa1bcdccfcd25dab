"""Which exchanges are recorded, and what is told of the recording."""

from __future__ import annotations

from sidecar.clock import Clock
from sidecar.config.recording import RecordingConfig
from sidecar.config.routes import compile_path
from sidecar.log import Log
from sidecar.mirror.answer import Answer
from sidecar.mirror.choice import is_chosen, key_hash
from sidecar.mirror.job import Job
from sidecar.mirror.recorded import HELD_BYTES, compared_of, exchange_of
from sidecar.recording.writer import SegmentWriter
from sidecar.telemetry.points import CounterSet, Family, Point, single
from sidecar.telemetry.recording_names import (
    RECORDING_BYTES,
    RECORDING_LOST,
    RECORDING_RECORDS,
    RECORDING_SEGMENTS,
    RECORDING_SKIPPED,
)


class Recorder:
    """Takes exchanges from the thread that reads the ring, and answers of shadows from the mirror's.

    Args:
        config: the settings; `path` is set.
        version: of the software.
        clock: for the segments.
        log: where faults are told.
    """

    def __init__(self, config: RecordingConfig, version: str, clock: Clock, log: Log) -> None:
        self._config = config
        self._patterns = [compile_path(path, "recording.routes") for path in config.routes]
        self._writer = SegmentWriter(config, version, clock, log)
        self._skipped = CounterSet(RECORDING_SKIPPED)

    def start(self) -> None:
        """Starts the thread that writes."""
        self._writer.start()

    def stop(self, limit_s: float) -> bool:
        """Writes what waits and ends.

        Returns:
            Whether it ended in time.
        """
        return self._writer.stop(limit_s)

    def offer(self, job: Job) -> None:
        """Records an exchange, if it is one of those.

        Args:
            job: an exchange that is over.
        """
        if not self._may_record(job):
            self.skip("route")
        elif not self._is_chosen(job):
            self.skip("sampled_out")
        else:
            self._writer.offer(exchange_of(job), job.size_bytes + HELD_BYTES)

    def skip(self, reason: str) -> None:
        """Counts an exchange that cannot be recorded.

        Args:
            reason: why.
        """
        self._skipped.add((("reason", reason),), 1)

    def flush(self) -> None:
        """The writer takes what it is offered by itself."""

    def note(self, shadow: str, job: Job, answer: Answer, again: bool) -> None:
        """Records an answer that was compared, if its exchange is recorded.

        Args:
            shadow: whose comparison.
            job: the exchange.
            answer: the shadow's, or the primary's second one.
            again: whether it is the latter.
        """
        if self._may_record(job) and self._is_chosen(job):
            self._writer.offer(compared_of(shadow, job, answer, again), len(answer.body) + HELD_BYTES)

    def families(self) -> list[Family]:
        """What was recorded, lost and left out, and what lies there. Called by: any thread."""
        return [
            single(RECORDING_RECORDS, self._writer.written),
            Family(
                RECORDING_LOST,
                [Point((("reason", reason),), n) for reason, n in tuple(self._writer.lost.items())],
            ),
            self._skipped.family(),
            single(RECORDING_BYTES, self._writer.kept_bytes),
            single(RECORDING_SEGMENTS, self._writer.segments),
        ]

    def _may_record(self, job: Job) -> bool:
        if not self._patterns:
            return job.is_inference
        raw = job.path.encode("latin-1", "replace")
        return any(pattern.fullmatch(raw) for pattern in self._patterns)

    def _is_chosen(self, job: Job) -> bool:
        return self._config.ratio == 1.0 or is_chosen(key_hash(job.key(self._config)), self._config.ratio)
