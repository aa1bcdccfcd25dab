"""Every instrument once: name, kind, unit, description, attributes. `docs/metrics.md` is generated from here.

Names follow OpenTelemetry's semantic conventions where one exists. A score has an annotation such as `{psi}`
as its unit, never `1`: the Collector and Prometheus's own OTLP receiver append `_ratio` to a gauge of unit
`1`, other paths do not, and a dashboard must find one name whichever way the number came.

Attributes of the conventions keep their dotted names; ours are single words, so that a Prometheus label reads
`feature="age"`.
"""

from __future__ import annotations

from sidecar.telemetry.instrument import Instrument
from sidecar.telemetry.recording_names import RECORDING_INSTRUMENTS
from sidecar.telemetry.shadow_names import SHADOW_INSTRUMENTS

# Advice of the HTTP conventions for durations, in seconds.
DURATION_BOUNDS_S = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
# The sidecar's own share is tens of microseconds: six bounds a decade from 10 us to 1 s.
OVERHEAD_BOUNDS_S = (
    *(1e-5, 1.5e-5, 2e-5, 3e-5, 5e-5, 7e-5),
    *(1e-4, 1.5e-4, 2e-4, 3e-4, 5e-4, 7e-4),
    *(1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 7e-3),
    *(0.01, 0.015, 0.02, 0.03, 0.05, 0.07),
    *(0.1, 0.15, 0.2, 0.3, 0.5, 0.7, 1.0),
)
# The conventions give no advice for body sizes: powers of four from 64 B to 64 MiB.
BODY_BOUNDS_BYTES = tuple(float(4**power) for power in range(3, 14))

METHOD = "http.request.method"
SCHEME = "url.scheme"
STATUS_CODE = "http.response.status_code"
ROUTE = "http.route"
ERROR_TYPE = "error.type"
PROTOCOL_VERSION = "network.protocol.version"
SERVER_ADDRESS = "server.address"
SERVER_PORT = "server.port"
INTEGER_ATTRIBUTES = frozenset({STATUS_CODE, SERVER_PORT})  # the conventions type these as int

_SERVER = (METHOD, SCHEME, STATUS_CODE, ROUTE, ERROR_TYPE, PROTOCOL_VERSION)
_FEATURE = ("model", "version", "role", "feature")

HTTP_SERVER_REQUEST_DURATION = Instrument(
    "http.server.request.duration",
    "histogram",
    "s",
    "Duration of requests from their first byte to the last byte of the response.",
    _SERVER,
    DURATION_BOUNDS_S,
)
HTTP_CLIENT_REQUEST_DURATION = Instrument(
    "http.client.request.duration",
    "histogram",
    "s",
    "Duration of requests to the model server.",
    (METHOD, SERVER_ADDRESS, SERVER_PORT, SCHEME, STATUS_CODE, ERROR_TYPE, PROTOCOL_VERSION),
    DURATION_BOUNDS_S,
)
HTTP_SERVER_ACTIVE_REQUESTS = Instrument(
    "http.server.active_requests",
    "updowncounter",
    "{request}",
    "Requests being answered now.",
)
HTTP_SERVER_REQUEST_BODY_SIZE = Instrument(
    "http.server.request.body.size",
    "histogram",
    "By",
    "Size of request bodies as they were on the wire.",
    _SERVER,
    BODY_BOUNDS_BYTES,
)
HTTP_SERVER_RESPONSE_BODY_SIZE = Instrument(
    "http.server.response.body.size",
    "histogram",
    "By",
    "Size of response bodies as they were on the wire.",
    _SERVER,
    BODY_BOUNDS_BYTES,
)
PROXY_OVERHEAD = Instrument(
    "sidecar.proxy.overhead",
    "histogram",
    "s",
    "Time that a request spent inside the sidecar, the model server's time taken off.",
    (),
    OVERHEAD_BOUNDS_S,
)
EXCHANGES = Instrument(
    "sidecar.exchanges", "counter", "{exchange}", "Exchanges that ended, by how they ended.", ("outcome",)
)
EXCHANGES_SEEN = Instrument(
    "sidecar.exchanges.seen",
    "counter",
    "{exchange}",
    "Exchanges that monitoring accounts for: analysed + sampled_out + in_flight + dropped, always.",
)
EXCHANGES_ANALYSED = Instrument(
    "sidecar.exchanges.analysed", "counter", "{exchange}", "Exchanges whose payload reached the statistics."
)
EXCHANGES_SAMPLED_OUT = Instrument(
    "sidecar.exchanges.sampled_out",
    "counter",
    "{exchange}",
    "Exchanges whose payload was left out on purpose by the sampling ratio; no loss.",
)
EXCHANGES_IN_FLIGHT = Instrument(
    "sidecar.exchanges.in_flight",
    "updowncounter",
    "{exchange}",
    "Exchanges between the worker's tap and the statistics now.",
)
RECORDS_DROPPED = Instrument(
    "sidecar.records.dropped",
    "counter",
    "{exchange}",
    "Exchanges that were forwarded but that monitoring lost, by reason.",
    ("reason",),
)
RECORDS_READ = Instrument(
    "sidecar.records.read", "counter", "{record}", "Records of all kinds that the monitor read."
)
RECORDS_MISSING = Instrument(
    "sidecar.records.missing",
    "counter",
    "{record}",
    "Numbers missing in the sequence of records that the monitor read.",
)
PIECES_DROPPED = Instrument(
    "sidecar.pieces.dropped",
    "counter",
    "{piece}",
    "Pieces of large bodies that found no room in the ring; their exchanges are dropped as incomplete.",
)
HAND_OFFS = Instrument(
    "sidecar.ring.hand_offs", "counter", "{hand_off}", "Times that a worker woke the monitor."
)
RING_FAULTS = Instrument(
    "sidecar.ring.faults", "counter", "{fault}", "Times that the monitor had to skip to the next hand-off."
)
REQUESTS_REJECTED = Instrument(
    "sidecar.requests.rejected",
    "counter",
    "{request}",
    "Malformed or oversized heads that the sidecar answered with 4xx; not among the exchanges seen.",
)
REQUESTS_RETRIED = Instrument(
    "sidecar.requests.retried",
    "counter",
    "{request}",
    "Requests sent a second time, on a fresh upstream connection.",
)
UPSTREAM_ERRORS = Instrument(
    "sidecar.upstream.errors", "counter", "{exchange}", "Exchanges that the model server failed."
)
REQUESTS_OVERLOADED = Instrument(
    "sidecar.requests.overloaded",
    "counter",
    "{request}",
    "Requests answered 503: too many waited for a connection, one waited too long, or the breaker was open.",
)
CONNECTIONS_LATE = Instrument(
    "sidecar.connections.late", "counter", "{connection}", "Connections that a time-out ended."
)
CONNECT_RETRIES = Instrument(
    "sidecar.upstream.connect.retries",
    "counter",
    "{attempt}",
    "Attempts to connect to the model server that were repeated.",
)
UPSTREAM_CONNECTIONS = Instrument(
    "sidecar.upstream.connections", "updowncounter", "{connection}", "Open connections to the model server."
)
UPSTREAM_WAITING = Instrument(
    "sidecar.upstream.waiting",
    "updowncounter",
    "{request}",
    "Requests waiting for a connection to the model server.",
)
BREAKER_OPENED = Instrument(
    "sidecar.upstream.breaker.opened",
    "counter",
    "{time}",
    "Times that a worker left a failing model server alone.",
)
BREAKER_OPEN = Instrument(
    "sidecar.upstream.breaker.open",
    "gauge",
    "{state}",
    "1 while the worker leaves a failing model server alone, else 0.",
    ("worker",),
)
UPSTREAM_HEALTHY = Instrument(
    "sidecar.upstream.healthy",
    "gauge",
    "{state}",
    "1 while the worker's health check finds the model server ready, or when there is no check, else 0.",
    ("worker",),
)
TUNNELS = Instrument(
    "sidecar.tunnels", "updowncounter", "{tunnel}", "Open tunnels: WebSocket and HTTP/2 connections."
)
TUNNEL_BYTES = Instrument(
    "sidecar.tunnel.bytes",
    "counter",
    "By",
    "Bytes of tunnels that reached the monitor: up is from the caller, down from the model server.",
    ("direction",),
)
TUNNEL_GAPS = Instrument(
    "sidecar.tunnel.gaps",
    "counter",
    "{gap}",
    "Places in a tunnel where bytes are missing: they found no room in the ring.",
    ("direction",),
)
ACCESS_LOG_LINES = Instrument(
    "sidecar.access_log.lines", "counter", "{line}", "Lines that the access log's file took."
)
ACCESS_LOG_LOST = Instrument(
    "sidecar.access_log.lost",
    "counter",
    "{line}",
    "Lines that the access log could not write, by reason.",
    ("reason",),
)
ACCESS_LOG_WAITING = Instrument(
    "sidecar.access_log.waiting",
    "gauge",
    "{line}",
    "Lines that wait for the access log's file to take them.",
)
CONNECTIONS = Instrument(
    "sidecar.connections", "updowncounter", "{connection}", "Open connections of callers."
)
REQUEST_BYTES = Instrument("sidecar.request.bytes", "counter", "By", "Bytes of request bodies.")
RESPONSE_BYTES = Instrument("sidecar.response.bytes", "counter", "By", "Bytes of response bodies.")
RING_USED = Instrument(
    "sidecar.ring.used_bytes",
    "gauge",
    "By",
    "Bytes in a worker's ring that the monitor has not read.",
    ("worker",),
)
RING_SIZE = Instrument("sidecar.ring.size_bytes", "gauge", "By", "Size of a worker's ring.", ("worker",))
MONITOR_LAG = Instrument(
    "sidecar.monitor.lag", "gauge", "s", "Age of the oldest record that the monitor has not analysed."
)
LEVEL = Instrument(
    "sidecar.level",
    "gauge",
    "{level}",
    "How much monitoring does: 0 full, 1 reduced (fewer payloads), 2 counters only.",
)
TAP_SHARE = Instrument(
    "sidecar.tap.share", "gauge", "{share}", "Share of exchanges whose payload is taken now, 0 to 1."
)
EXPORT_SUCCESSES = Instrument(
    "sidecar.export.successes",
    "counter",
    "{export}",
    "OTLP exports that the receiver took, by signal.",
    ("signal",),
)
EXPORT_FAILURES = Instrument(
    "sidecar.export.failures",
    "counter",
    "{export}",
    "OTLP exports that failed after the exporter's own retries, by signal.",
    ("signal",),
)
EXPORT_DROPPED = Instrument(
    "sidecar.export.dropped",
    "counter",
    "{item}",
    "Spans that never reached the receiver (full queue, failed export, end of process), by signal.",
    ("signal",),
)
ATTRIBUTES_FOLDED = Instrument(
    "sidecar.attributes.folded",
    "counter",
    "{measurement}",
    "Measurements whose attributes were folded into __other__ because an instrument had too many.",
    ("instrument",),
)
ADMIN_FAULTS = Instrument(
    "sidecar.admin.faults",
    "counter",
    "{fault}",
    "Requests to the admin server that ended in a fault of ours.",
)
MONITOR_FAULTS = Instrument(
    "sidecar.monitor.faults",
    "counter",
    "{fault}",
    "Faults that the monitor contained, by the place that contained them.",
    ("place",),
)
PROCESS_RESTARTS = Instrument(
    "sidecar.process.restarts",
    "counter",
    "{restart}",
    "Processes that died and were started again.",
    ("role",),
)
FEATURE_DRIFT = Instrument(
    "model.feature.drift",
    "gauge",
    "{score}",
    "Distance between reference and current window, by statistic.",
    (*_FEATURE, "statistic"),
)
FEATURE_DRIFT_THRESHOLD = Instrument(
    "model.feature.drift.threshold",
    "gauge",
    "{score}",
    "What model.feature.drift must pass to count as drift, for the statistics that have a limit.",
    (*_FEATURE, "statistic"),
)
FEATURE_DRIFTED = Instrument(
    "model.feature.drifted",
    "gauge",
    "{state}",
    "1 while the feature is in the state drift, else 0.",
    _FEATURE,
)
FEATURE_OBSERVATIONS = Instrument(
    "model.feature.observations", "counter", "{value}", "Values analysed, missing ones included.", _FEATURE
)
FEATURE_MISSING = Instrument(
    "model.feature.missing",
    "counter",
    "{value}",
    "Values that were missing (null, NaN or absent); those of a wrong type are violations.",
    _FEATURE,
)
QUALITY_VIOLATIONS = Instrument(
    "model.quality.violations",
    "counter",
    "{violation}",
    "Values, rows (duplicate_rows), blocks of rows (constant) and messages (shape) with such a fault.",
    (*_FEATURE, "kind"),
)
QUALITY_VIOLATED = Instrument(
    "model.quality.violated",
    "gauge",
    "{state}",
    "1 while the alarm for this kind of fault holds, else 0.",
    (*_FEATURE, "kind"),
)
ROWS_LATE = Instrument(
    "model.rows.late",
    "counter",
    "{row}",
    "Rows whose time is not that of the pane that they count in, by reason.",
    ("model", "version", "role", "reason"),
)
WINDOW_ROWS = Instrument(
    "model.window.rows", "gauge", "{row}", "Rows in the window that is judged.", ("model", "version", "role")
)
REFERENCE_ROWS = Instrument(
    "model.reference.rows",
    "gauge",
    "{row}",
    "Rows that the reference was made of.",
    ("model", "version", "role"),
)

INSTRUMENTS: tuple[Instrument, ...] = (
    *(value for value in list(globals().values()) if isinstance(value, Instrument)),
    *SHADOW_INSTRUMENTS,
    *RECORDING_INSTRUMENTS,
)

# The ring's other counters, by their name there.
RING_COUNTERS = {
    "active": HTTP_SERVER_ACTIVE_REQUESTS,
    "connections": CONNECTIONS,
    "pieces_lost": PIECES_DROPPED,
    "rejected": REQUESTS_REJECTED,
    "retried": REQUESTS_RETRIED,
    "upstream_errors": UPSTREAM_ERRORS,
    "request_bytes": REQUEST_BYTES,
    "response_bytes": RESPONSE_BYTES,
    "late": CONNECTIONS_LATE,
    "overloaded": REQUESTS_OVERLOADED,
    "connect_retries": CONNECT_RETRIES,
    "breaker_opened": BREAKER_OPENED,
    "upstream_connections": UPSTREAM_CONNECTIONS,
    "upstream_waiting": UPSTREAM_WAITING,
    "tunnels": TUNNELS,
    "hand_offs": HAND_OFFS,
    "records_read": RECORDS_READ,
    "records_missing": RECORDS_MISSING,
    "faults": RING_FAULTS,
}

# States that differ from worker to worker, so that their sum would say nothing.
WORKER_STATES = {"breaker_open": BREAKER_OPEN, "upstream_healthy": UPSTREAM_HEALTHY}
