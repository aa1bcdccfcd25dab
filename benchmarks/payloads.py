"""The requests that are sent through every proxy and the answers that must come back, in the V2 protocol."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

JSON_TYPE = "application/json"
BINARY_TYPE = "application/octet-stream"
JSON_LENGTH = "Inference-Header-Content-Length"


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity: there is one of each
class Payload:
    """One request and its answer."""

    name: str
    title: str
    content_type: str
    body: bytes
    answer: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    answer_json_bytes: int = 0

    @property
    def path(self) -> str:
        """Path at which the upstream answers it."""
        return f"/v2/models/{self.name}/infer"

    def head(self, host: str) -> bytes:
        """The request's head, for clients that write bytes themselves."""
        lines = [f"POST {self.path} HTTP/1.1", f"Host: {host}", f"Content-Type: {self.content_type}"]
        lines += [f"{name}: {value}" for name, value in self.headers.items()]
        lines.append(f"Content-Length: {len(self.body)}")
        return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _padded(document: object, length: int) -> bytes:
    text = json.dumps(document, separators=(",", ":"))
    if len(text) > length:
        raise AssertionError(f"payload: expected at most {length} bytes, got {len(text)}")
    return text.ljust(length).encode()  # blanks after a JSON document are part of JSON


def _json_request(rows: int, columns: int, length: int, digits: int) -> bytes:
    data = [round(float(x), digits) for x in np.random.default_rng(1).normal(size=rows * columns)]
    tensor = {"name": "x", "shape": [rows, columns], "datatype": "FP64", "data": data}
    return _padded({"inputs": [tensor]}, length)


def _answer(model: str, length: int) -> bytes:
    tensor = {"name": "y", "shape": [2], "datatype": "FP64", "data": [0.25, 0.75]}
    return _padded({"model_name": model, "model_version": "1", "outputs": [tensor]}, length)


def _binary(name: str, side: str, shape: list[int], datatype: str, size: int) -> tuple[bytes, int]:
    """A body with `size` bytes of binary tensor, and the length of the JSON before it."""
    tensor = {"name": name, "shape": shape, "datatype": datatype, "parameters": {"binary_data_size": size}}
    document = json.dumps({side: [tensor]}, separators=(",", ":")).encode()
    rng = np.random.default_rng(2)
    raw = rng.normal(size=size // 4).astype(np.float32).tobytes() if datatype == "FP32" else rng.bytes(size)
    return document + raw, len(document)


def _binary_payload(name: str, title: str, shape: list[int], datatype: str, size: int) -> Payload:
    body, body_json = _binary("x", "inputs", shape, datatype, size)
    answer, answer_json = _binary("y", "outputs", shape, datatype, size)
    return Payload(name, title, BINARY_TYPE, body, answer, {JSON_LENGTH: str(body_json)}, answer_json)


def _one_way(name: str, title: str, like: Payload, *, up: bool) -> Payload:
    """The request body of `like` and a small answer, or a small request and the answer of `like`."""
    if up:
        return Payload(name, title, BINARY_TYPE, like.body, SMALL_ANSWER, like.headers)
    return Payload(name, title, JSON_TYPE, SMALL_BODY, like.answer, {}, like.answer_json_bytes)


SMALL_BODY = _json_request(2, 8, 200, 4)
SMALL_ANSWER = _answer("m", 123)
IMAGE = _binary_payload("image", "150 KB binary both ways", [1, 224, 224, 3], "UINT8", 150_528)
LARGE = _binary_payload("large", "1 MB binary both ways", [2048, 128], "FP32", 1_048_576)

PAYLOADS: Mapping[str, Payload] = {
    payload.name: payload
    for payload in (
        Payload("small", "200 B JSON", JSON_TYPE, SMALL_BODY, SMALL_ANSWER),
        Payload("wide", "4 KB JSON", JSON_TYPE, _json_request(4, 100, 4096, 6), SMALL_ANSWER),
        _one_way("image-up", "150 KB request body", IMAGE, up=True),
        _one_way("image-down", "150 KB response body", IMAGE, up=False),
        _one_way("large-up", "1 MB request body", LARGE, up=True),
        _one_way("large-down", "1 MB response body", LARGE, up=False),
        IMAGE,
        LARGE,
    )
}
ONE_WAY = ("image-up", "image-down", "large-up", "large-down")

# A stream of events: what benchmarks/sse_upstream.py sends and benchmarks/streamloop.py reads.
STREAM = "stream"
STREAM_TITLE = "SSE, 50 chunks"
STREAM_PATH = f"/v2/models/{STREAM}/generate_stream"
N_STREAM_CHUNKS = 50
STREAM_PAUSE_S = 0.005
TITLES: Mapping[str, str] = {
    **{name: payload.title for name, payload in PAYLOADS.items()},
    STREAM: STREAM_TITLE,
}
