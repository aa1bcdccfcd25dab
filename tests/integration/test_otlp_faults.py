"""Receivers that are away, refuse, dawdle or hang: counted, bounded, and never in anybody's way."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from sidecar.clock import SystemClock
from sidecar.log import Log
from sidecar.telemetry.exports import Exports, make_exports
from sidecar.telemetry.names import LEVEL
from sidecar.telemetry.points import Family, single
from sidecar.telemetry.span import SpanRecord
from tests.support.otlp_receiver import OtlpReceiver, receiving
from tests.support.running import PATIENCE_S, eventually

PROTOCOLS = ("http/protobuf", "grpc")
SPAN = SpanRecord(bytes(range(16)), bytes(range(8)), None, False, 1, 10, 20, "POST __other__", "server")
DEADLINE_S = 0.5
SLACK_S = 30.0  # for a busy machine; who waits for the receiver waits much longer
LONG_S = "600"


class Collected:
    """Families that count how often they were asked for."""

    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> list[Family]:
        self.times += 1
        return [single(LEVEL, 0)]


@pytest.fixture(scope="module")
def receiver() -> Iterator[OtlpReceiver]:
    with receiving(with_grpc=True) as made:
        yield made


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "10")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
    return monkeypatch


@pytest.fixture
def log_file(tmp_path: Path) -> Iterator[TextIO]:
    with (tmp_path / "log").open("w+") as stream:
        yield stream


def lines_of(stream: TextIO) -> list[str]:
    return Path(stream.name).read_text().splitlines()


def make(log_file: TextIO, collected: Collected) -> Exports:
    return make_exports(
        os.environ,
        collected,
        version="1",
        instance_id="i",
        start_unix_ns=1,
        clock=SystemClock(),
        log=Log("test", "text", log_file),
    )


def endpoint_of(receiver: OtlpReceiver, protocol: str) -> str:
    return receiver.grpc_endpoint if protocol == "grpc" else receiver.http_endpoint


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_refused_port_is_counted_and_logged_once(
    settings: pytest.MonkeyPatch, log_file: TextIO, protocol: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: connections are refused
        settings.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{taken.getsockname()[1]}")
        settings.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        settings.setenv(
            "OTEL_EXPORTER_OTLP_TIMEOUT", "0.05"
        )  # seconds here, and shorter than the first back-off
        collected = Collected()
        exports = make(log_file, collected)
        assert exports.metrics is not None
        assert exports.spans is not None
        exports.start()
        assert exports.offer(SPAN)
        eventually(lambda: exports.metrics.counts.failures >= 3 and exports.spans.counts.lost == 1)
        exports.shutdown(DEADLINE_S)
    assert collected.times >= 3
    assert exports.metrics.counts.successes == 0
    lines = lines_of(log_file)
    assert len(lines) == 1
    assert "telemetry_export_trouble" in lines[0]


@pytest.mark.parametrize("status", ["503", "429"])
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_busy_receiver_is_counted_and_gets_the_next_export(
    settings: pytest.MonkeyPatch, log_file: TextIO, receiver: OtlpReceiver, protocol: str, status: str
) -> None:
    receiver.answer, receiver.retry_after_s = status, 0
    settings.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint_of(receiver, protocol))
    settings.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    settings.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
    exports = make(log_file, Collected())
    assert exports.metrics is not None
    exports.start()
    eventually(lambda: exports.metrics.counts.failures >= 1)
    assert exports.metrics.counts.successes == 0
    receiver.answer, receiver.retry_after_s = "ok", None
    eventually(lambda: exports.metrics.counts.successes >= 1)
    assert exports.shutdown(PATIENCE_S)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_hanging_receiver_holds_only_its_thread(
    settings: pytest.MonkeyPatch, log_file: TextIO, protocol: str
) -> None:
    settings.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
    settings.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "100")
    settings.setenv("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "10")
    settings.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", LONG_S)
    with receiving(with_grpc=True) as hanging:
        hanging.answer = "never"
        settings.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint_of(hanging, protocol))
        collected = Collected()
        exports = make(log_file, collected)
        assert exports.metrics is not None
        assert exports.spans is not None
        exports.start()
        exports.offer(SPAN)
        hanging.wait_until(lambda receiver: receiver.attempts >= 2)  # one of each signal

        begin_s = time.monotonic()
        taken = sum(exports.offer(SPAN) for _ in range(10_000))
        assert time.monotonic() - begin_s < SLACK_S  # offering never waits
        assert taken == 100  # the queue holds its limit and no more
        assert exports.spans.counts.refused == 9_900
        assert len(exports.collect()) == 4  # the level and three counters of ours, still there for /metrics
        assert collected.times == 2  # one export at a time: the thread is still in its first

        begin_s = time.monotonic()
        assert not exports.shutdown(DEADLINE_S)
        assert time.monotonic() - begin_s < DEADLINE_S + SLACK_S
        assert exports.spans.counts.lost >= 100


def test_a_slow_receiver_is_waited_for(
    settings: pytest.MonkeyPatch, log_file: TextIO, receiver: OtlpReceiver
) -> None:
    receiver.answer, receiver.slow_s = "slow", 0.1
    settings.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_endpoint)
    exports = make(log_file, Collected())
    assert exports.metrics is not None
    exports.start()
    eventually(lambda: exports.metrics.counts.successes >= 2)
    assert exports.shutdown(PATIENCE_S)
    assert exports.metrics.counts.failures == 0
    receiver.answer = "ok"


def test_a_collect_that_fails_is_counted_and_the_next_export_goes_on(
    settings: pytest.MonkeyPatch, log_file: TextIO, receiver: OtlpReceiver
) -> None:
    class Faulty(Collected):
        def __call__(self) -> list[Family]:
            families = super().__call__()
            if self.times == 1:
                raise ValueError("once")
            return families

    receiver.answer = "ok"
    settings.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.http_endpoint)
    exports = make(log_file, Faulty())
    assert exports.metrics is not None
    exports.start()
    eventually(lambda: exports.metrics.counts.successes >= 1)
    assert exports.shutdown(PATIENCE_S)
    assert exports.metrics.counts.failures == 1
    assert any("metric_export_failed fault=ValueError" in line for line in lines_of(log_file))
