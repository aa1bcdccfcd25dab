"""Settings of shadows: candidates that get copies of requests, and whose answers are only compared."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from sidecar.config.traffic import BreakerConfig, UpstreamTlsConfig
from sidecar.config.units import Bytes, Count, Ratio, Seconds


class RampConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One step of a ramp."""

    after_s: Annotated[float, Meta(ge=0.0, description="Time since the shadow began, in seconds.")]
    ratio: Annotated[Ratio, Meta(description="Share of requests mirrored from then on.")]


class FieldConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How one output is compared."""

    name: Annotated[
        str, Meta(description="Output column or tensor as the payload names it; `*` for all others.")
    ]
    kind: Annotated[
        Literal["class", "score", "value", "ranking", "embedding", "text", "json", "ignored"] | None,
        Meta(description="What it means; by its type if left out: numbers are values, texts are classes."),
    ] = None
    absolute: Annotated[
        float, Meta(ge=0.0, description="Numbers this far apart are the same, whatever their size.")
    ] = 0.0
    relative: Annotated[
        float, Meta(ge=0.0, description="Numbers this far apart, as a share of the primary's, are the same.")
    ] = 1e-6
    threshold: Annotated[
        float | None, Meta(description="Of a decision: scores disagree when they lie on different sides.")
    ] = None
    least: Annotated[
        Ratio | None,
        Meta(
            description="Likeness from which rankings (0.9) and embeddings (0.99) are the same, by default."
        ),
    ] = None
    top_k: Annotated[Count, Meta(description="First places of rankings that are compared as sets.")] = 5


class MarginConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Differences that do not matter."""

    disagreement: Annotated[
        Ratio, Meta(description="Excess of disagreement over the primary's own noise.")
    ] = 0.01
    errors: Annotated[Ratio, Meta(description="Difference of the shares of failed requests.")] = 0.001
    latency: Annotated[
        float, Meta(gt=0.0, description="Relative difference of the latency's median and 99th percentile.")
    ] = 0.1


class ShadowConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One shadow. It never answers a caller, and nothing it does slows one down."""

    name: Annotated[
        str,
        Meta(pattern="^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$", description="In metrics, API and `x-shadow`."),
    ]
    url: Annotated[str, Meta(description="`http://host:port` or `https://host:port`, perhaps with a path.")]
    enabled: Annotated[bool, Meta(description="The kill switch; also in the admin API, at once.")] = True
    ratio: Annotated[Ratio, Meta(description="Share of requests mirrored.")] = 1.0
    by: Annotated[
        Literal["request", "session", "sequence"],
        Meta(
            description=(
                "What is mirrored as a whole: single requests, all that share `session_header`, or all of a "
                "V2 sequence (`parameters.sequence_id`)."
            )
        ),
    ] = "request"
    session_header: Annotated[str, Meta(description="Header that names a session.")] = "x-session-id"
    ramp: Annotated[
        tuple[RampConfig, ...], Meta(description="Steps up to `ratio`; before the first one nothing.")
    ] = ()
    routes: Annotated[
        tuple[str, ...],
        Meta(description="Allow-list of paths; empty allows every one that is decoded as an inference."),
    ] = ()
    most_per_s: Annotated[
        float, Meta(gt=0.0, description="Requests a second at most, with a burst of one second.")
    ] = 100.0
    concurrency: Annotated[Count, Meta(description="Requests on their way at once.")] = 8
    waiting_bytes: Annotated[
        Bytes, Meta(description="Bodies held for this shadow; what does not fit is skipped.")
    ] = 33_554_432
    timeout_s: Annotated[Seconds, Meta(description="Longest time for one answer.")] = 10.0
    answer_bytes: Annotated[Bytes, Meta(description="Longest answer read; a longer one is not compared.")] = (
        4_194_304
    )
    answer_bytes_per_s: Annotated[
        Bytes,
        Meta(
            description=(
                "Bytes of answers read a second, after a burst of as many; beyond it requests are skipped."
            )
        ),
    ] = 33_554_432
    breaker: BreakerConfig = BreakerConfig()
    host: Annotated[str | None, Meta(description="Host header; that of the URL if left out.")] = None
    tls: UpstreamTlsConfig = UpstreamTlsConfig()
    headers: Annotated[dict[str, str], Meta(description="Headers set in every copy.")] = {}
    noise_ratio: Annotated[
        Ratio,
        Meta(
            description=(
                "Share of requests sent to the primary a second time, to learn how much it differs from "
                "itself. Only for models whose answers have no effect elsewhere."
            )
        ),
    ] = 0.0
    fields: Annotated[tuple[FieldConfig, ...], Meta(description="How outputs are compared.")] = ()
    margins: MarginConfig = MarginConfig()
    exemplars: Annotated[
        int, Meta(ge=0, le=100, description="Pairs of answers that differ, kept to be looked at.")
    ] = 10
    redact: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Columns whose values are neither shown (exemplars, segments) nor kept on a disk; `*` any "
                "step, `**` any number."
            )
        ),
    ] = ()
    alpha: Annotated[
        float, Meta(gt=0.0, lt=0.5, description="Probability that the verdict is ever wrong.")
    ] = 0.05
