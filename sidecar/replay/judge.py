"""Judges the answers that were recorded, in the order in which they were compared: the same numbers again, or
other ones under other settings. Nothing is sent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from sidecar.config.shadow import ShadowConfig
from sidecar.errors import BadRecording
from sidecar.mirror.comparison import ShadowComparison
from sidecar.mirror.job import Job
from sidecar.mirror.recorded import answer_of, job_of
from sidecar.recording.records import Compared, Exchange, Record
from sidecar.replay.outcome import Outcome


def recorded_shadows(recording: Iterable[Record]) -> tuple[str, ...]:
    """Whose answers were recorded.

    Args:
        recording: is gone through once.

    Returns:
        Their names, sorted.
    """
    return tuple(sorted({record.shadow for record in recording if isinstance(record, Compared)}))


def judge_recorded(recording: Iterable[Record], config: ShadowConfig, body_limit_bytes: int) -> Outcome:
    """Compares a shadow's recorded answers.

    Args:
        recording: is gone through twice; exchanges whose answers are still to come are held meanwhile.
        config: the shadow's name, and how to compare.
        body_limit_bytes: longest body once its content coding is undone.

    Returns:
        What came of it; the comparison is that of the sidecar that recorded them, if the settings are.

    Raises:
        BadRecording: no answer of this shadow was recorded.
    """
    awaited = _awaited(recording, config.name)
    if not awaited:
        known = ", ".join(recorded_shadows(recording)) or "none"
        raise BadRecording(
            f"{config.name}: expected a shadow whose answers were recorded ({known}), got another"
        )
    outcome = Outcome(ShadowComparison(config, body_limit_bytes))
    held: dict[int, Job] = {}
    for record in recording:
        if isinstance(record, Exchange):
            outcome.note(record)
            if awaited[record.number]:
                held[record.number] = job_of(record)
            else:
                outcome.skipped["not_mirrored"] += 1
        elif isinstance(record, Compared) and record.shadow == config.name:
            _compare(outcome, held.get(record.number), record)
            awaited[record.number] -= 1
            if not awaited[record.number]:
                held.pop(record.number, None)
    return outcome


def _awaited(recording: Iterable[Record], shadow: str) -> Counter[int]:
    """How many answers are to come, by the exchange's number."""
    return Counter(
        record.number for record in recording if isinstance(record, Compared) and record.shadow == shadow
    )


def _compare(outcome: Outcome, job: Job | None, record: Compared) -> None:
    answer = answer_of(record.reply)
    if job is None:
        outcome.unmatched += 1
    elif record.again:
        outcome.comparison.add_noise(job, answer)
    else:
        outcome.compare(job, answer)
