"""What a checkpoint holds of a shadow: MessagePack of `ShadowState`, one piece a shadow.

What is known of a shadow is worth something only while it says the same of the same two models. So it is kept
with the settings that decide what is compared with what, and how, and is gone on with under these alone. How
much is compared (ratio, ramp, bounds, breaker) and from where on a difference matters (margins, alpha) may
change: that is no part of what was counted.

Values that `redact` hides are in no state; and what was kept before a column was hidden is not taken over.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Final, Literal, TypedDict

import msgspec
from msgspec import Struct

from sidecar.compare.state import Cells, OutputsState, SegmentsState, Whole
from sidecar.compare.verdict import State
from sidecar.config.shadow import ShadowConfig
from sidecar.errors import SidecarError
from sidecar.payload.columns import Kind
from sidecar.profile.damage import DAMAGE

FORMAT: Final = 1


class BadShadowState(SidecarError):
    """A shadow cannot be gone on with; it begins anew."""


class Exemplar(TypedDict):
    """A pair that differs, as it is shown: values by column."""

    exchange_id: str
    inputs: dict[str, float | str | None]
    primary: dict[str, float | str | None]
    shadow: dict[str, float | str | None]


class AxesState(Struct, frozen=True):
    """Of `InputAxes`.

    Args:
        cuts: borders of the cells of each number.
        codes: categories of each text, most frequent first.
    """

    cuts: list[list[float]]
    codes: list[list[str]]


class ExplanationState(Struct, frozen=True):
    """Of an `Explanation`.

    Args:
        schema: names and kinds of the inputs' columns; None before the first ones.
        learning: rows from which cells are to be learnt: numbers, texts, disagreement.
        axes: how inputs are cut, once that is known.
        segments: disagreements by part.
        exemplars: priority and pair, redacted.
    """

    schema: tuple[list[str], list[Kind]] | None
    learning: list[tuple[list[float], list[str | None], float]]
    axes: AxesState | None
    segments: SegmentsState
    exemplars: list[tuple[Whole, Exemplar]]


class ComparisonState(Struct, frozen=True):
    """Of a `ShadowComparison`.

    Args:
        statuses: the primary's and the shadow's code, and how often.
        latencies: of the primary and of the shadow.
        disagreements, noise: sum, and pairs.
        compared: pairs.
        uncompared: pairs by reason.
        outputs: in which they differ.
        explanation: where the shadow differs.
    """

    statuses: list[tuple[Whole, Whole, Whole]]
    latencies: tuple[Cells, Cells]
    disagreements: tuple[float, float]
    noise: tuple[float, float]
    compared: Whole
    uncompared: dict[str, Whole]
    outputs: OutputsState
    explanation: ExplanationState


class ShadowState(Struct, frozen=True):
    """Of a `Shadow`.

    Args:
        format: `FORMAT`.
        name: the shadow's.
        definition: of its comparison, from `definition_of`.
        redaction: digest of what is hidden.
        age_s: time since it began, for its ramp.
        configured, enabled: the kill switch, as the settings have it and as it stands.
        verdict: the one that was told last.
        settled_before: exchanges settled by the monitor before the shadow began.
        skipped, ended, asked_again: counts by reason.
        in_flight, again_in_flight: copies on their way to the shadow, and to the primary.
        comparison: what is known.
    """

    format: Literal[1]
    name: str
    definition: dict[str, str]
    redaction: str
    age_s: float
    configured: bool
    enabled: bool
    verdict: State
    settled_before: int
    skipped: dict[str, Whole]
    ended: dict[str, Whole]
    asked_again: dict[str, Whole]
    in_flight: Whole
    again_in_flight: Whole
    comparison: ComparisonState


class _Head(Struct, frozen=True):
    format: int
    name: str


def encode(state: ShadowState) -> bytes:
    """A shadow for a checkpoint."""
    return msgspec.msgpack.encode(state)


def decode(packed: bytes) -> ShadowState:
    """The state of a shadow, its types and ranges checked.

    Args:
        packed: from `encode`, perhaps of another version.

    Raises:
        BadShadowState: "shadow 'a': expected format 1, got 2"; it is damaged. No value of the state is told.
    """
    try:
        head = msgspec.msgpack.decode(packed, type=_Head)
    except DAMAGE as exc:
        raise BadShadowState(f"shadow: expected a state, got {type(exc).__name__}") from exc
    if head.format != FORMAT:
        raise BadShadowState(f"shadow {head.name!r}: expected format {FORMAT}, got {head.format}")
    try:
        return msgspec.msgpack.decode(packed, type=ShadowState)
    except DAMAGE as exc:
        raise unusable(head.name, exc) from exc


def unusable(name: str, fault: Exception) -> BadShadowState:
    """What is said of a damaged state; the fault's own words may hold values.

    Args:
        name: of the shadow.
        fault: what using it ended in.
    """
    return BadShadowState(f"shadow {name!r}: expected a whole state, got {type(fault).__name__}")


def definition_of(config: ShadowConfig, upstream: str) -> dict[str, str]:
    """What must be the same for a shadow's state to be gone on with.

    Args:
        config: the shadow's.
        upstream: the primary's URL.

    Returns:
        By setting a digest: some may be secrets.
    """
    settings = {
        "upstream": upstream,
        "url": config.url,
        "host": config.host,
        "headers": config.headers,
        "routes": sorted(config.routes),
        "timeout_s": config.timeout_s,  # from when on no answer is an error
        "answer_bytes": config.answer_bytes,
        "noise_ratio": config.noise_ratio > 0.0,  # whose time counts as the primary's
        "fields": config.fields,
    }
    return {name: digest(value) for name, value in settings.items()}


def digest(value: object) -> str:
    """16 hexadecimal digits that are the same for the same setting.

    Args:
        value: what JSON can hold.
    """
    return blake2b(msgspec.json.encode(value, order="deterministic"), digest_size=8).hexdigest()


def changed(saved: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    """The settings in which two definitions differ, sorted."""
    return sorted(name for name in saved.keys() | now.keys() if saved.get(name) != now.get(name))
