"""A real sidecar's metrics and spans arrive by OTLP, and a receiver that misbehaves harms nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.listening import free_port
from tests.support.otlp_receiver import OtlpReceiver, receiving
from tests.support.running import Sidecar, eventually, request
from tests.support.traffic import Load, infer_body, post_all
from tests.support.upstream import FakeUpstream

BODY = infer_body([[1.0, 2.0]])
FAST = {
    "OTEL_METRIC_EXPORT_INTERVAL": "200",
    "OTEL_BSP_SCHEDULE_DELAY": "100",
    "OTEL_SERVICE_NAME": "late-flights",
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[FakeUpstream]:
    with FakeUpstream() as running:
        yield running


def exporting_to(receiver: OtlpReceiver, protocol: str) -> dict[str, str]:
    endpoint = receiver.http_endpoint if protocol == "http/protobuf" else receiver.grpc_endpoint
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, **FAST}


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_counts_and_spans_arrive(upstream: FakeUpstream, protocol: str) -> None:
    with (
        receiving(with_grpc=True) as receiver,
        Sidecar(f"http://127.0.0.1:{upstream.port}", **exporting_to(receiver, protocol)) as sidecar,
    ):
        sidecar.monitored()
        parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        sidecar.send(request("/v2/models/m/infer", BODY, f"traceparent: {parent}"))
        post_all(sidecar.traffic, [BODY] * 9)
        receiver.wait_until(lambda all_of: len(all_of.spans()) >= 10)
        child = next(
            span for span in receiver.spans() if span.trace_id.hex() == "0af7651916cd43dd8448eb211c80319c"
        )
        assert (child.parent_span_id.hex(), child.name) == (
            "b7ad6b7169203331",
            "POST /v2/models/{model}/infer",
        )
        sent = upstream.requests[-10].lines("traceparent")[0].decode()
        assert child.span_id.hex() == sent.split("-")[2]

        def all_counted(arrived: OtlpReceiver) -> bool:
            metric = arrived.metric("http.server.request.duration")
            return sum(point.count for point in metric.histogram.data_points) == 10

        eventually(lambda: all_counted(receiver))
        eventually(lambda: receiver.metric("sidecar.exchanges.seen").sum.data_points[0].as_int == 10)


@pytest.mark.parametrize("answer", ["503", "never", "nobody"])
def test_a_receiver_that_misbehaves_harms_nothing(upstream: FakeUpstream, answer: str) -> None:
    with receiving() as receiver:
        receiver.answer = answer
        variables = exporting_to(receiver, "http/protobuf")
        if answer == "nobody":
            variables["OTEL_EXPORTER_OTLP_ENDPOINT"] = f"http://127.0.0.1:{free_port()}"
        variables |= {"OTEL_EXPORTER_OTLP_TIMEOUT": "1", "OTEL_BSP_MAX_QUEUE_SIZE": "64"}
        with Sidecar(f"http://127.0.0.1:{upstream.port}", **variables) as sidecar:
            sidecar.monitored()
            with Load(sidecar.traffic, BODY) as load:
                eventually(lambda: failures(sidecar) >= 2)
                before_kib = resident_kib(sidecar)
                enough = load.n_answers + 1000
                eventually(lambda: load.n_answers > enough)
            assert set(load.statuses) == {200}
            found = sidecar.settled(load.n_answers)
            assert found["analysed"] + found["sampled_out"] == load.n_answers
            assert resident_kib(sidecar) - before_kib < 20_000


def failures(sidecar: Sidecar) -> int:
    return sum(
        int(n) for n in re.findall(r'sidecar_export_failures_total\{signal="\w+"\} (\d+)', sidecar.metrics())
    )


def resident_kib(sidecar: Sidecar) -> int:
    status = Path(f"/proc/{sidecar.pid('monitor')}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0])
