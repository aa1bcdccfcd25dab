"""Settings of the data plane, one frozen struct a part; see `sidecar.config.model` for what holds for all."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from sidecar.config.units import Bytes, Count, Ratio, Seconds


class LimitsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a caller may send."""

    head_bytes: Annotated[
        Bytes, Meta(description="Longest head of a request or response (431, or 502 for the upstream's).")
    ] = 65_536
    headers: Annotated[Count, Meta(description="Most header lines in a head.")] = 128
    target_bytes: Annotated[Bytes, Meta(description="Longest request target (414).")] = 16_384
    body_bytes: Annotated[Bytes, Meta(description="Longest request body (413).")] = 1_073_741_824
    body_bytes_per_s: Annotated[
        float,
        Meta(
            ge=0.0,
            description=(
                "A request body that comes slower than this on average, body_idle_s of grace apart, is "
                "refused (408), so that nobody holds an upstream connection by trickling; 0 allows any."
            ),
        ),
    ] = 240.0
    connections: Annotated[
        Count, Meta(description="Most caller connections a worker holds; a further one is answered 503.")
    ] = 10_000
    buffer_bytes: Annotated[
        Bytes, Meta(description="Bytes a connection may hold for a slow peer before the fast one is paused.")
    ] = 262_144


class TimeoutsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a peer may take; kept by a sweep, so a limit is exact to about 0.25 s."""

    head_s: Annotated[
        Seconds, Meta(description="A caller's head must be complete this long after its first byte (408).")
    ] = 10.0
    body_idle_s: Annotated[Seconds, Meta(description="Longest pause within a request body (408).")] = 30.0
    keep_alive_s: Annotated[Seconds, Meta(description="An idle caller connection is closed after this.")] = (
        75.0
    )
    connect_s: Annotated[Seconds, Meta(description="Longest time to connect to the upstream (504).")] = 2.0
    queue_s: Annotated[
        Seconds, Meta(description="Longest wait for a free connection to the upstream (503).")
    ] = 5.0
    first_byte_s: Annotated[
        Seconds, Meta(description="Longest wait for the upstream's response to begin (504).")
    ] = 60.0
    response_idle_s: Annotated[Seconds, Meta(description="Longest pause within a response.")] = 60.0
    caller_idle_s: Annotated[
        Seconds,
        Meta(description="Longest time a caller may take to read more of an answer that waits for it."),
    ] = 60.0
    half_close_s: Annotated[
        float,
        Meta(
            ge=0.0,
            description=(
                "A caller that ends its side of the connection this soon behind its request still waits for "
                "the answer; one that does so later has gone, see cancel_on_disconnect."
            ),
        ),
    ] = 0.02
    tunnel_idle_s: Annotated[
        Seconds,
        Meta(description="A tunnel (WebSocket, HTTP/2) without a byte either way is closed after this."),
    ] = 3600.0
    upstream_idle_s: Annotated[
        Seconds,
        Meta(
            description=(
                "An idle upstream connection is closed after this; shorter than the 5 s "
                "at which uvicorn closes its side."
            )
        ),
    ] = 4.0


class PoolConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Connections to the upstream, for each worker."""

    connections: Annotated[Count, Meta(description="Most open connections to the upstream.")] = 512
    waiting: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description="Most requests that wait for one of them; the next is answered 503 with Retry-After."
        ),
    ] = 1024


class RetriesConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When a request is tried again: no connection could be made, or an idle one turned out to be closed."""

    attempts: Annotated[Count, Meta(description="Most attempts to connect for one request.")] = 3
    budget_ratio: Annotated[
        Ratio,
        Meta(
            description="Retries may be this share of requests, so that retrying never doubles an overload."
        ),
    ] = 0.2
    least_per_s: Annotated[
        float, Meta(ge=0.0, description="Retries a second that are allowed however few requests there are.")
    ] = 5.0


class BreakerConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """When an upstream that fails is left alone: requests are answered 503 at once, then one probes it."""

    failures: Annotated[
        Annotated[int, Meta(ge=0)],
        Meta(
            description=(
                "Failures in a row (no connection, no answer in time, broken answers; never a status of the "
                "model server's own) that open the breaker; 0 never opens it."
            )
        ),
    ] = 10
    open_s: Annotated[
        Seconds, Meta(description="Time it stays open before one request probes; doubled up to longest_s.")
    ] = 0.5
    longest_s: Annotated[Seconds, Meta(description="Longest time between two probes.")] = 10.0


class HealthCheckConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Asking the model server whether it is ready; without it, an upstream that takes connections is."""

    path: Annotated[
        str | None, Meta(description="What is asked for, such as /v2/health/ready; 2xx is ready.")
    ] = None
    interval_s: Annotated[Seconds, Meta(description="Time between two checks.")] = 1.0
    timeout_s: Annotated[Seconds, Meta(description="Longest wait for an answer.")] = 1.0
    healthy: Annotated[Count, Meta(description="Good answers in a row until /readyz says ready.")] = 1
    unhealthy: Annotated[Count, Meta(description="Bad ones in a row until it says that it is not.")] = 3


class TlsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS for callers; files are read again when they change."""

    certificate: Annotated[
        str | None, Meta(description="PEM file with the certificate chain; turns TLS on.")
    ] = None
    key: Annotated[str | None, Meta(description="PEM file with its key; the same file if left out.")] = None
    client_ca: Annotated[
        str | None, Meta(description="PEM file; callers must show a certificate signed by one of these.")
    ] = None
    alpn: Annotated[
        tuple[str, ...],
        Meta(description="Protocols offered; add `h2` in front when the upstream speaks HTTP/2 (gRPC)."),
    ] = ("http/1.1",)


class UpstreamTlsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """TLS to an `https://` upstream; files are read again when they change."""

    ca: Annotated[
        str | None, Meta(description="PEM file with the authorities to trust; the system's if left out.")
    ] = None
    certificate: Annotated[
        str | None, Meta(description="PEM file with our certificate, when the upstream asks for one.")
    ] = None
    key: Annotated[str | None, Meta(description="PEM file with its key; the same file if left out.")] = None
    server_name: Annotated[
        str | None, Meta(description="Name to ask for (SNI) and to verify; the URL's host if left out.")
    ] = None
    verify: Annotated[
        bool, Meta(description="Whether the upstream's certificate must be valid; only tests turn it off.")
    ] = True


class RouteTimeoutsConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Time-outs of one route; what is left out is as in `timeouts`."""

    body_idle_s: Annotated[Seconds | None, Meta(description="As timeouts.body_idle_s.")] = None
    queue_s: Annotated[Seconds | None, Meta(description="As timeouts.queue_s.")] = None
    first_byte_s: Annotated[Seconds | None, Meta(description="As timeouts.first_byte_s.")] = None
    response_idle_s: Annotated[Seconds | None, Meta(description="As timeouts.response_idle_s.")] = None
    caller_idle_s: Annotated[Seconds | None, Meta(description="As timeouts.caller_idle_s.")] = None
    tunnel_idle_s: Annotated[Seconds | None, Meta(description="As timeouts.tunnel_idle_s.")] = None


class RouteConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What holds for some paths; the first route whose path matches decides."""

    path: Annotated[
        str, Meta(description="`/v2/models/*/infer`: `*` stands for one segment, `**` for any number.")
    ]
    tap: Annotated[
        bool | None, Meta(description="Whether the payload is analysed; as `tap.paths` says if left out.")
    ] = None
    mirror: Annotated[bool, Meta(description="Whether copies may go to shadows.")] = True
    ratio: Annotated[Ratio | None, Meta(description="Share of exchanges analysed; as tap.ratio.")] = None
    body_bytes: Annotated[Bytes | None, Meta(description="Longest request body; as limits.body_bytes.")] = (
        None
    )
    cancel_on_disconnect: Annotated[
        bool | None, Meta(description="As the setting of this name outside of routes.")
    ] = None
    timeouts: RouteTimeoutsConfig = RouteTimeoutsConfig()


class DrainConfig(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What happens between SIGTERM and the end; with the defaults it fits into Kubernetes' 30 s."""

    quiet_s: Annotated[
        Annotated[float, Meta(ge=0.0)],
        Meta(
            description=(
                "Time for which new callers are still taken after SIGTERM, not ready already, while load "
                "balancers look elsewhere."
            )
        ),
    ] = 4.0
    limit_s: Annotated[
        Seconds, Meta(description="Longest wait after that for exchanges, streams and tunnels in flight.")
    ] = 20.0
    monitor_s: Annotated[
        Seconds, Meta(description="Longest time the monitor takes to analyse and export what is left.")
    ] = 5.0
