"""The report of a replay, as canonical JSON: the same recording and the same answers make the same bytes."""

from __future__ import annotations

import json
from typing import Any, Literal

from sidecar.recording.reader import Recording
from sidecar.replay.outcome import Outcome

FORMAT = "sidecar.replay/1"


def make_report(
    recording: Recording, outcome: Outcome, name: str, mode: Literal["recorded", "sent"]
) -> dict[str, Any]:
    """All that is known.

    Args:
        recording: that was gone through.
        outcome: what came of it.
        name: the shadow's or candidate's.
        mode: whether answers were recorded, or made by the candidate now.

    Returns:
        Numbers, texts, lists and None only; the keys of the comparison are those of `GET /api/v1/shadow`.
    """
    return {
        "format": FORMAT,
        "name": name,
        "mode": mode,
        "recording": {
            "segments": len(recording.segments),
            "exchanges": outcome.exchanges,
            "first_unix_ns": outcome.first_unix_ns,
            "last_unix_ns": outcome.last_unix_ns,
            "damages": [
                {"segment": damage.segment, "records": damage.records, "reason": damage.reason}
                for damage in recording.damages
            ],
        },
        "skipped": dict(outcome.skipped),
        "ended": dict(outcome.ended),
        "unmatched": outcome.unmatched,
        **outcome.comparison.to_json(),
    }


def to_text(report: dict[str, Any]) -> str:
    """Canonical JSON: keys sorted, ends with a newline.

    Args:
        report: of `make_report`.
    """
    return json.dumps(report, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"
