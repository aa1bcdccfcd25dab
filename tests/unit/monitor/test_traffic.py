from __future__ import annotations

from sidecar.config.address import TcpUpstream, UnixUpstream
from sidecar.monitor.traffic import Ended, TrafficMeters, overhead_ns, span_of
from sidecar.ring.record import Outcome
from sidecar.telemetry.points import Buckets

MS = 1_000_000
ENDED = Ended(
    method="POST",
    path="/v2/models/m/infer",
    status=200,
    outcome=Outcome.OK,
    start_unix_ns=1_000,
    forwarded_ns=1 * MS,
    first_byte_ns=9 * MS,
    end_ns=10 * MS,
    whole_answer=True,
    request_bytes=100,
    response_bytes=200,
)


def points(meters: TrafficMeters, name: str) -> dict[tuple[tuple[str, str], ...], object]:
    [family] = [family for family in meters.families() if family.instrument.name == name]
    return {point.attributes: point.value for point in family.points}


def test_an_exchange_is_counted_by_the_conventions() -> None:
    meters = TrafficMeters(TcpUpstream("model", 8080))
    meters.observe(ENDED)
    [(attributes, buckets)] = points(meters, "http.server.request.duration").items()
    assert attributes == (
        ("http.request.method", "POST"),
        ("url.scheme", "http"),
        ("http.response.status_code", "200"),
        ("http.route", "/v2/models/{model}/infer"),
        ("network.protocol.version", "1.1"),
    )
    assert isinstance(buckets, Buckets)
    assert (buckets.count, round(buckets.total_sum, 9)) == (1, 0.01)
    [client] = points(meters, "http.client.request.duration")
    assert ("server.address", "model") in client
    assert ("server.port", "8080") in client
    assert points(meters, "sidecar.exchanges") == {(("outcome", "ok"),): 1}


def test_a_failure_has_its_word_and_no_overhead() -> None:
    meters = TrafficMeters(UnixUpstream("/run/model.sock"))
    meters.observe(
        ENDED._replace(outcome=Outcome.UPSTREAM_CONNECT, status=502, forwarded_ns=0, first_byte_ns=0)
    )
    [attributes] = points(meters, "http.server.request.duration")
    assert ("error.type", "upstream_connect") in attributes
    assert points(meters, "sidecar.proxy.overhead") == {}
    assert points(meters, "http.client.request.duration") == {}


def test_overhead_is_our_own_time() -> None:
    assert overhead_ns(ENDED) == 2 * MS
    assert overhead_ns(ENDED._replace(whole_answer=False)) == 1 * MS  # a stream's tail is the model's


def test_a_span_has_the_callers_as_its_parent() -> None:
    span = span_of(ENDED, b"t" * 16, b"s" * 8, b"p" * 8, 1)
    assert (span.name, span.parent_span_id, span.parent_is_remote) == (
        "POST /v2/models/{model}/infer",
        b"p" * 8,
        True,
    )
    assert (span.start_unix_ns, span.end_unix_ns, span.status) == (1_000, 1_000 + 10 * MS, "unset")


def test_a_root_span_that_failed() -> None:
    span = span_of(ENDED._replace(status=503), b"t" * 16, b"s" * 8, bytes(8), 1)
    assert (span.parent_span_id, span.status) == (None, "error")


def test_a_websocket_is_a_request_with_status_101_and_no_body() -> None:
    meters = TrafficMeters(TcpUpstream("model", 8080))
    meters.observe(ENDED._replace(method="GET", status=101, tunnel=True, end_ns=3_600_000 * MS))
    [(attributes, buckets)] = points(meters, "http.server.request.duration").items()
    assert ("http.response.status_code", "101") in attributes
    assert isinstance(buckets, Buckets)
    assert round(buckets.total_sum, 9) == 3600.0
    assert points(meters, "http.server.request.body.size") == {}
    assert points(meters, "http.server.response.body.size") == {}
    assert points(meters, "sidecar.exchanges") == {(("outcome", "ok"),): 1}


def test_an_http2_connection_counts_by_its_outcome_only() -> None:
    meters = TrafficMeters(TcpUpstream("model", 8080))
    connection = ENDED._replace(method="PRI", path="*", status=0, tunnel=True)
    assert not connection.is_request
    meters.observe(connection)
    assert points(meters, "sidecar.exchanges") == {(("outcome", "ok"),): 1}
    for family in meters.families():
        if family.instrument.name != "sidecar.exchanges":
            assert family.points == []
