"""A gRPC server of plain bytes: `python grpc_server.py PORT`. No message types: bytes come and bytes go.
SIGTERM lets calls in flight end (GOAWAY first).

`/t.T/Echo` says it back, `/t.T/Fail` fails in detail, `/t.T/Head` tells the metadata, `/t.T/Wait` waits to be
cancelled, `/t.T/Count` streams as many megabytes as asked, `/t.T/Sum` adds up a stream, `/t.T/Talk` echoes a
stream, `/t.T/Seen` tells what the server has seen.
"""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc

MEGABYTE = 1 << 20
GRACE_S = 20
Seen = dict[str, int]
SEEN: Seen = {"megabytes": 0, "waiting": 0, "cancelled": 0, "longest_ms": 0}
LOCK = threading.Lock()


def echo(request: bytes, context: grpc.ServicerContext) -> bytes:
    return request


def fail(request: bytes, context: grpc.ServicerContext) -> bytes:
    context.send_initial_metadata((("x-begun", "yes"),))
    details = (("grpc-status-details-bin", b"\x08\x09\x12\x03bad"), ("x-retry-after", "7"))
    context.set_trailing_metadata(details)
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "größer als erwartet: 100 %\n(zwei Zeilen)")


def head(request: bytes, context: grpc.ServicerContext) -> bytes:
    pairs = [
        [name, value.hex() if isinstance(value, bytes) else value]
        for name, value in context.invocation_metadata()
    ]
    context.send_initial_metadata((("x-first", "1"), ("x-first", "2"), ("x-packed-bin", b"\x00\xff")))
    context.set_trailing_metadata((("x-last", "3"), ("x-empty", "")))
    return json.dumps(pairs).encode()


def wait(request: bytes, context: grpc.ServicerContext) -> bytes:
    ended = threading.Event()
    context.add_callback(ended.set)
    left_s = context.time_remaining()
    with LOCK:
        SEEN["waiting"] += 1
        SEEN["longest_ms"] = 0 if left_s is None or left_s > 1e6 else int(left_s * 1000)
    ended.wait()
    with LOCK:
        SEEN["waiting"] -= 1
        SEEN["cancelled"] += 1
    return b""


def count(request: bytes, context: grpc.ServicerContext) -> Iterator[bytes]:
    SEEN["megabytes"] = 0
    for number in range(int(request)):
        SEEN["megabytes"] += 1
        yield number.to_bytes(4, "big") * (MEGABYTE // 4)


def total(requests: Iterator[bytes], context: grpc.ServicerContext) -> bytes:
    n_messages = n_bytes = 0
    for request in requests:
        n_messages += 1
        n_bytes += len(request)
    return json.dumps([n_messages, n_bytes]).encode()


def talk(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
    context.send_initial_metadata((("x-begun", "yes"),))
    yield from requests
    context.set_trailing_metadata((("x-ended", "yes"),))


def seen(request: bytes, context: grpc.ServicerContext) -> bytes:
    with LOCK:
        return json.dumps(SEEN).encode()


def methods() -> dict[str, grpc.RpcMethodHandler]:
    one: Callable[..., grpc.RpcMethodHandler] = grpc.unary_unary_rpc_method_handler
    unary = {"Echo": echo, "Fail": fail, "Head": head, "Wait": wait, "Seen": seen}
    return {
        **{name: one(function) for name, function in unary.items()},
        "Count": grpc.unary_stream_rpc_method_handler(count),
        "Sum": grpc.stream_unary_rpc_method_handler(total),
        "Talk": grpc.stream_stream_rpc_method_handler(talk),
    }


def main(port: int) -> None:
    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.http2.min_ping_interval_without_data_ms", 10),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_ping_strikes", 0),
    ]
    server = grpc.server(ThreadPoolExecutor(64), options=options)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("t.T", methods()),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    signal.signal(signal.SIGTERM, lambda *_: server.stop(GRACE_S))
    server.wait_for_termination()


if __name__ == "__main__":
    main(int(sys.argv[1]))
