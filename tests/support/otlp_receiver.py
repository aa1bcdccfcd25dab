"""An OTLP receiver over HTTP (protobuf) and gRPC that keeps what it gets and can answer badly.

`answer` is read at each request: "ok", "partial" (accepted with a rejected item), an HTTP status such as
"503" or "429" (gRPC: UNAVAILABLE, with `retry_after_s` in the matching form), "slow" (ok after `slow_s`) or
"never".
"""

from __future__ import annotations

import asyncio
import gzip
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
from aiohttp import web
from google.rpc.error_details_pb2 import RetryInfo
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

from tests.support.running import PATIENCE_S

REQUESTS = {
    "metrics": metrics_service_pb2.ExportMetricsServiceRequest,
    "traces": trace_service_pb2.ExportTraceServiceRequest,
}
RESPONSES = {
    "metrics": metrics_service_pb2.ExportMetricsServiceResponse,
    "traces": trace_service_pb2.ExportTraceServiceResponse,
}


class OtlpReceiver:
    """Made by `receiving`; requests are in `metrics` and `traces`, refused ones only count in `attempts`."""

    def __init__(self) -> None:
        self.answer = "ok"
        self.retry_after_s: int | None = None
        self.slow_s = 0.2
        self.metrics: list[Any] = []
        self.traces: list[Any] = []
        self.attempts = 0
        self.headers: list[dict[str, str]] = []
        self.http_endpoint = ""
        self.grpc_endpoint = ""
        self._changed = threading.Condition()
        self._over = asyncio.Event()

    def wait_until(self, reached: Callable[[OtlpReceiver], bool], limit_s: float = PATIENCE_S) -> None:
        """Returns once `reached(receiver)`; fails after `limit_s`."""
        with self._changed:
            assert self._changed.wait_for(lambda: reached(self), limit_s), (
                f"receiver: {self.attempts} attempts, {len(self.metrics)} metrics, {len(self.traces)} traces"
            )

    def metric(self, name: str) -> Any:
        """The newest metric of that name."""
        for request in reversed(self.metrics):
            for found in metrics_of(request):
                if found.name == name:
                    return found
        raise LookupError(f"receiver: no metric {name!r}")

    def spans(self) -> list[Any]:
        """All spans received."""
        return [
            span
            for request in self.traces
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]

    async def _answer_http(self, request: web.Request) -> web.Response:
        body = await request.read()
        if request.headers.get("Content-Encoding") == "gzip" and body[:2] == b"\x1f\x8b":
            body = gzip.decompress(body)
        signal = request.path.rsplit("/", 1)[-1]
        self._note_attempt(dict(request.headers))
        if self.answer.isdigit():
            headers = {} if self.retry_after_s is None else {"Retry-After": str(self.retry_after_s)}
            return web.Response(status=int(self.answer), headers=headers)
        await self._dawdle()
        self._keep(signal, REQUESTS[signal].FromString(body))
        return web.Response(
            body=self._response(signal).SerializeToString(), content_type="application/x-protobuf"
        )

    async def _answer_grpc(self, signal: str, request: Any, context: grpc.aio.ServicerContext) -> Any:
        self._note_attempt({key: str(value) for key, value in context.invocation_metadata() or ()})
        if self.answer.isdigit():
            trailers = ()
            if self.retry_after_s is not None:
                info = RetryInfo()
                info.retry_delay.seconds = self.retry_after_s
                trailers = (("google.rpc.retryinfo-bin", info.SerializeToString()),)
            await context.abort(grpc.StatusCode.UNAVAILABLE, "busy", trailers)
        await self._dawdle()
        self._keep(signal, request)
        return self._response(signal)

    async def _dawdle(self) -> None:
        if self.answer == "slow":
            await asyncio.sleep(self.slow_s)
        if self.answer == "never":
            await self._over.wait()

    def _response(self, signal: str) -> Any:
        response = RESPONSES[signal]()
        if self.answer == "partial":
            response.partial_success.error_message = "one was rejected"
        return response

    def _note_attempt(self, headers: dict[str, str]) -> None:
        with self._changed:
            self.attempts += 1
            self.headers.append(headers)
            self._changed.notify_all()

    def _keep(self, signal: str, request: Any) -> None:
        with self._changed:
            (self.metrics if signal == "metrics" else self.traces).append(request)
            self._changed.notify_all()

    async def _serve(self, started: threading.Event, over: asyncio.Event, with_grpc: bool) -> None:
        self._over = over
        app = web.Application()
        app.add_routes([web.post(f"/v1/{signal}", self._answer_http) for signal in REQUESTS])
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.http_endpoint = f"http://127.0.0.1:{runner.addresses[0][1]}"
        server = grpc.aio.server() if with_grpc else None
        if server is not None:
            metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(_Service(self, "metrics"), server)
            trace_service_pb2_grpc.add_TraceServiceServicer_to_server(_Service(self, "traces"), server)
            self.grpc_endpoint = f"http://127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
            await server.start()
        started.set()
        await over.wait()
        await runner.cleanup()
        if server is not None:
            await server.stop(0)


class _Service:
    def __init__(self, receiver: OtlpReceiver, signal: str) -> None:
        self._receiver = receiver
        self._signal = signal

    async def Export(self, request: Any, context: grpc.aio.ServicerContext) -> Any:
        return await self._receiver._answer_grpc(self._signal, request, context)


@contextmanager
def receiving(*, with_grpc: bool = False) -> Iterator[OtlpReceiver]:
    """A receiver on free ports of loopback, in a thread of its own."""
    receiver = OtlpReceiver()
    started = threading.Event()
    loop = asyncio.new_event_loop()
    over = asyncio.Event()
    thread = threading.Thread(
        target=lambda: loop.run_until_complete(receiver._serve(started, over, with_grpc)), daemon=True
    )
    thread.start()
    assert started.wait(PATIENCE_S)
    try:
        yield receiver
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE_S)
        loop.close()


def metrics_of(request: Any) -> list[Any]:
    """The metrics of one export request."""
    return [
        item
        for resource in request.resource_metrics
        for scope in resource.scope_metrics
        for item in scope.metrics
    ]


def attributes_of(point: Any) -> dict[str, str | int]:
    """A point's, span's or resource's attributes, integers as int."""
    return {
        pair.key: pair.value.int_value
        if pair.value.WhichOneof("value") == "int_value"
        else pair.value.string_value
        for pair in point.attributes
    }
