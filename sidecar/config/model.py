"""The settings, one frozen struct a room. The descriptions here are what `sidecar config-schema` and
docs/configuration.md print, so each says what the setting does, its unit and why its default is what it is.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from sidecar.config.outlets import AccessLogConfig, AdminConfig, StateConfig
from sidecar.config.recording import RecordingConfig
from sidecar.config.river import RiverConfig
from sidecar.config.shadow import ShadowConfig
from sidecar.config.traffic import (
    BreakerConfig,
    DrainConfig,
    HealthCheckConfig,
    LimitsConfig,
    PoolConfig,
    RetriesConfig,
    RouteConfig,
    TimeoutsConfig,
    TlsConfig,
    UpstreamTlsConfig,
)
from sidecar.config.units import Bytes, Count, Ratio, Seconds


class TapConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is copied for monitoring."""

    ratio: Annotated[
        Ratio, Meta(description="Share of exchanges whose payload is analysed; metadata is always taken.")
    ] = 1.0
    paths: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "Allow-list of paths whose payload is analysed (`*` stands for one segment, `**` for any "
                "number); others are forwarded and counted (dropped: excluded). Empty allows all."
            )
        ),
    ] = ()
    redact_headers: Annotated[
        tuple[str, ...],
        Meta(
            description=(
                "More headers that never enter the ring; authorization, proxy-authorization, cookie, "
                "set-cookie and x-api-key never do."
            )
        ),
    ] = ()
    tunnels: Annotated[
        bool,
        Meta(description="Whether the bytes of tunnels (WebSocket, HTTP/2) enter the ring, piece by piece."),
    ] = True
    body_limit_bytes: Annotated[
        Bytes, Meta(description="A longer body is forwarded whole but not analysed (dropped: too_large).")
    ] = 4_194_304
    ring_bytes: Annotated[
        int,
        Meta(
            ge=65_536,
            le=1_073_741_824,
            description=(
                "Size of each worker's record ring, a power of two. 32 MiB hold about 4 "
                "s of 2,000 exchanges/s of 4 KiB."
            ),
        ),
    ] = 33_554_432
    inline_limit_bytes: Annotated[
        Bytes,
        Meta(
            description=(
                "An exchange whose bodies are together longer than this goes into the ring piece by piece."
            )
        ),
    ] = 65_536
    flush_ms: Annotated[
        float,
        Meta(
            ge=1.0,
            le=1000.0,
            description="Longest time a record waits before the monitor is woken, in milliseconds.",
        ),
    ] = 20.0
    cpu_budget_cores: Annotated[
        float,
        Meta(
            gt=0.0,
            description=(
                "CPU the monitor may use; above it the share of analysed payloads is lowered until it fits."
            ),
        ),
    ] = 0.5


class ReferenceConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What current traffic is compared with."""

    path: Annotated[str | None, Meta(description="Reference file made by `sidecar reference build`.")] = None
    auto_rows: Annotated[
        Annotated[int, Meta(ge=100)],
        Meta(
            description=(
                "Without a file (or for columns that it lacks), the reference is learnt "
                "from this many first rows."
            )
        ),
    ] = 2000


class WindowConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How traffic is cut into panes and windows."""

    kind: Annotated[
        Literal["sliding", "tumbling"],
        Meta(
            description=(
                "Whether windows reach back from now, or are cut at multiples of their length in unix time; "
                "of tumbling ones the last complete one is judged."
            )
        ),
    ] = "sliding"

    pane_s: Annotated[
        Seconds, Meta(description="Length of a pane, the smallest summary kept, in seconds.")
    ] = 60.0
    pane_rows: Annotated[
        Annotated[int, Meta(ge=10)] | None,
        Meta(
            description=(
                "Rows after which a pane ends, instead of a time; window.pane_s must then say how long that "
                "takes at most traffic, since alarm.false_alarm_days is turned into panes by it."
            )
        ),
    ] = None
    lateness_s: Annotated[
        float,
        Meta(
            ge=0.0,
            description=(
                "How much later than a newer one a row may come and still count in the pane of its own time; "
                "panes stay open for so long. A row that comes later counts in the oldest open pane."
            ),
        ),
    ] = 10.0
    horizons_s: Annotated[
        tuple[Seconds, ...],
        Meta(
            min_length=1,
            description="Lengths of the windows, in seconds; the first is the one judged.",
        ),
    ] = (300.0, 3600.0, 86400.0)
    half_lives_s: Annotated[
        tuple[Seconds, ...],
        Meta(
            description=(
                "Half-lives of decayed sums beside the windows, in seconds; each holds one float a count, "
                "however long it is."
            )
        ),
    ] = ()
    min_rows: Annotated[
        Count,
        Meta(
            description="A window with fewer rows is `not_enough_data`, unless the alarm has already fired."
        ),
    ] = 200
    memory_bytes: Annotated[
        Bytes,
        Meta(
            description=(
                "Memory that the statistics of all models together may take, about 0.12 MB a numeric feature "
                "(docs/statistics.md); a model or version beyond it is not analysed (dropped: undecoded)."
            )
        ),
    ] = 536_870_912


class AlarmConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How sure an alarm must be."""

    false_alarm_days: Annotated[
        float,
        Meta(gt=0.0, description="At most one false alarm in this many days on average, for a whole model."),
    ] = 90.0
    tolerance: Annotated[
        float,
        Meta(
            ge=0.0,
            le=0.5,
            description=(
                "Change of a share (at the median, 0.01 = one percentage point) that is never an alarm."
            ),
        ),
    ] = 0.01
    unit: Annotated[
        Literal["request", "row"],
        Meta(
            description=(
                "What the alarm takes for independent of each other: requests, of which it then counts one "
                "row each, or rows. Effect sizes take all rows."
            )
        ),
    ] = "request"
    design_effect: Annotated[
        Literal["reference", "auto", "none"],
        Meta(
            description=(
                "By how much the alarm discounts rows that resemble their neighbours: as measured when the "
                "reference was built, if its rows had times; `auto` measures the first 30 panes of traffic "
                "where the reference does not tell; or not at all."
            )
        ),
    ] = "reference"
    river: Annotated[
        tuple[RiverConfig, ...],
        Meta(
            description=(
                "Detectors of the library `river` (extra `river`) beside the alarm, shown in "
                "`/api/v1/drift`: without any guarantee, not merged over workers, anew with every start."
            )
        ),
    ] = ()
    season: Annotated[
        Literal["hour_of_week", "learn", "none"],
        Meta(
            description=(
                "Whether the alarm compares with the same hour of the week (UTC), where the reference was "
                "built with hours of the week; `learn` takes the hours from the first four weeks of traffic "
                "where the reference does not tell them (48 KB a numeric feature), what drifts in them too."
            )
        ),
    ] = "hour_of_week"


class MultivariateConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How features are watched together."""

    enabled: Annotated[
        bool,
        Meta(
            description=(
                "Whether correlations and reconstruction errors are computed; costs about 5 ns a value, "
                "0.1 us a row of 20 features and 0.8 us a row of 100."
            )
        ),
    ] = True
    max_features: Annotated[
        int,
        Meta(
            ge=2,
            le=512,
            description=(
                "Most numeric features of a role that are joined, the first ones; memory and cost grow "
                "with the square, 128 take 2 MB, 7 MB with missing values."
            ),
        ),
    ] = 128
    embedding_columns: Annotated[
        int,
        Meta(
            ge=0,
            description=(
                "A tensor of so many numeric columns or more, none of them named in `models` or in the "
                "reference, is watched as one vector: norm, 16 projections and a mean discrepancy instead "
                "of a feature a column. 0 takes only what `models` declares as an embedding."
            ),
        ),
    ] = 64


class FeatureConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One column of a model's input."""

    name: Annotated[str, Meta(description="The feature's name, as in the reference.")]
    column: Annotated[
        str | None,
        Meta(description="The payload's name for it, such as `x[0]`; the same as `name` if left out."),
    ] = None
    kind: Annotated[
        Literal["numeric", "categorical", "embedding"] | None,
        Meta(
            description=(
                "Forces the kind; otherwise the payload's type decides. `embedding` takes all columns of "
                "a tensor (`column` is the tensor's name) as one vector."
            )
        ),
    ] = None


class ModelConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is known of a model beyond its traffic."""

    name: Annotated[str, Meta(description="The model's name, as in the request path.")]
    features: Annotated[
        tuple[str | FeatureConfig, ...],
        Meta(
            description="Names of a tensor's columns in order, or objects that map payload columns to names."
        ),
    ] = ()
    prediction: Annotated[
        str | None, Meta(description="The reference's column that holds the prediction (first output).")
    ] = None
    false_alarm_days: Annotated[
        Annotated[float, Meta(gt=0.0)] | None,
        Meta(description="alarm.false_alarm_days for this model."),
    ] = None


class Config(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that `sidecar run` can be told."""

    upstream: Annotated[
        str, Meta(description="The model server: `http://host:port`, `https://host:port` or `unix:/path`.")
    ] = "http://127.0.0.1:8080"
    listen: Annotated[str, Meta(description="Address for callers.")] = "0.0.0.0:9000"
    health: Annotated[str, Meta(description="Address of `/livez` and `/readyz`.")] = "0.0.0.0:9001"
    admin: Annotated[str, Meta(description="Address of the admin server (metrics, status, dashboard).")] = (
        "127.0.0.1:9002"
    )
    workers: Annotated[
        Count, Meta(description="Proxy workers; each is one process with a ring of its own.")
    ] = 1
    hang_s: Annotated[
        float,
        Meta(ge=2.0, description="A worker whose loop has not turned for this long is killed and replaced."),
    ] = 15.0
    trust_forwarded: Annotated[
        bool,
        Meta(
            description=(
                "Whether X-Forwarded-* of callers are believed and appended to; false replaces them, for "
                "callers that no proxy stands in front of."
            )
        ),
    ] = True
    cancel_on_disconnect: Annotated[
        bool,
        Meta(
            description=(
                "Whether the upstream's work is cancelled at once when the caller goes away; false lets it "
                "finish and be analysed."
            )
        ),
    ] = True
    log_format: Annotated[
        Literal["auto", "text", "json"], Meta(description="`auto` is text on a terminal and JSON elsewhere.")
    ] = "auto"
    tap: TapConfig = TapConfig()
    reference: ReferenceConfig = ReferenceConfig()
    window: WindowConfig = WindowConfig()
    alarm: AlarmConfig = AlarmConfig()
    multivariate: MultivariateConfig = MultivariateConfig()
    limits: LimitsConfig = LimitsConfig()
    timeouts: TimeoutsConfig = TimeoutsConfig()
    pool: PoolConfig = PoolConfig()
    retries: RetriesConfig = RetriesConfig()
    breaker: BreakerConfig = BreakerConfig()
    health_check: HealthCheckConfig = HealthCheckConfig()
    tls: TlsConfig = TlsConfig()
    upstream_tls: UpstreamTlsConfig = UpstreamTlsConfig()
    routes: tuple[RouteConfig, ...] = ()
    access_log: AccessLogConfig = AccessLogConfig()
    drain: DrainConfig = DrainConfig()
    state: StateConfig = StateConfig()
    admin_server: AdminConfig = AdminConfig()
    models: tuple[ModelConfig, ...] = ()
    shadows: tuple[ShadowConfig, ...] = ()
    recording: RecordingConfig = RecordingConfig()
