from __future__ import annotations

import gzip

import pytest

from sidecar.errors import Malformed, PayloadError, UnknownProtocol
from sidecar.payload.message import Message
from sidecar.payload.registry import DECODERS, decode
from tests.support.capture import list_cases, read_exchanges

V2_BODY = b'{"inputs": [{"name": "x", "shape": [1, 2], "datatype": "FP32", "data": [1, 2]}]}'


def test_names_are_unique() -> None:
    assert [decoder.name for decoder in DECODERS] == ["v2", "v1"]


@pytest.mark.parametrize(
    ("path", "body", "protocol"),
    [
        ("/v2/models/m/infer", V2_BODY, "v2"),
        ("/prefix/v2/models/m/infer", V2_BODY, "v2"),
        ("/v1/models/m:predict", b'{"instances": [1]}', "v1"),
        ("", V2_BODY, "v2"),
        ("", b'{"instances": [1]}', "v1"),
    ],
)
@pytest.mark.parametrize("coding", [None, "gzip"])
def test_detection(path: str, body: bytes, protocol: str, coding: str | None) -> None:
    headers = {"content-type": "text/html"} | ({} if coding is None else {"content-encoding": coding})
    sent = body if coding is None else gzip.compress(body)
    assert decode(Message("request", "POST", path, headers, sent)).protocol == protocol


@pytest.mark.parametrize(
    "path", ["/invocations", "/predictions/m", "/v2/health/live", "", "/v2/models/m/infer?x=1"]
)
def test_others_are_unknown(path: str) -> None:
    with pytest.raises(UnknownProtocol) as caught:
        decode(Message("request", "POST", path, {}, b'{"secret": 1}'))
    expected = (
        "path: expected POST to /v2/models/NAME/infer or /v1/models/NAME:predict, got another"
        if path
        else "body: expected JSON with inputs, outputs, instances or predictions (V2, V1), got another"
    )
    assert str(caught.value) == f"unknown: {expected}"


def test_limit_of_the_body() -> None:
    packed = gzip.compress(V2_BODY)
    message = Message("request", "POST", "/v2/models/m/infer", {"content-encoding": "gzip"}, packed)
    assert decode(message, body_limit_bytes=len(V2_BODY)).rows == 1
    with pytest.raises(Malformed):
        decode(message, body_limit_bytes=len(V2_BODY) - 1)


def test_decoders_are_asked_in_order() -> None:
    message = Message("request", "POST", "/v1/models/m:predict", {}, b'{"instances": [1]}')
    with pytest.raises(UnknownProtocol):
        decode(message, decoders=DECODERS[:1])
    assert decode(message, decoders=DECODERS[1:]).protocol == "v1"


def test_every_captured_message_is_read_or_refused() -> None:
    """What is read is compared in test_v1 and test_v2; here nothing else may happen to any capture."""
    n_read: dict[str, int] = {}
    n_refused: dict[str, int] = {}
    for server, case in list_cases():
        for request, response, status in read_exchanges(server, case):
            for message in (request, response) if 200 <= status < 300 else (request,):
                try:
                    decode(message)
                except PayloadError:
                    n_refused[server] = n_refused.get(server, 0) + 1
                else:
                    n_read[server] = n_read.get(server, 0) + 1
    assert n_read == {"kserve": 17, "mlserver": 12, "torchserve": 2, "triton": 6}
    assert set(n_refused) == {server for server, _ in list_cases()}
