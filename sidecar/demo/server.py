"""The demonstration's model server: Open Inference Protocol V2 over HTTP, one model, one input a feature.

`python -m sidecar.demo.server --model FILE --listen HOST:PORT`
"""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import uvloop
from aiohttp import web

from sidecar.config.address import parse_listen
from sidecar.demo.flights import CATEGORICAL, F64, FEATURES, NUMERIC
from sidecar.demo.model import (
    DATATYPES,
    DECISION,
    MODEL_NAME,
    MODEL_VERSION,
    PROBABILITY,
    LateModel,
    load_model,
)
from sidecar.listen import address_of, bind_listeners
from sidecar.log import Log

ROLE = "model server"
BODY_LIMIT_BYTES = 4 * 1024 * 1024  # a request of this demonstration has about 3 KB
MODEL_KEY = web.AppKey("model", LateModel)


class InferInput(msgspec.Struct, frozen=True):
    """One column of a request."""

    name: str
    shape: list[int]
    datatype: str
    data: list[Any]


class InferRequest(msgspec.Struct, frozen=True):
    """The body of a request."""

    inputs: list[InferInput]
    id: str | None = None


_REQUEST = msgspec.json.Decoder(InferRequest)


class BadInput(Exception):
    """The request is not one that this model can answer; its text goes to the caller."""


def infer(model: LateModel, body: bytes) -> dict[str, Any]:
    """Answers one inference request.

    Args:
        model: what predicts.
        body: JSON of the request.

    Returns:
        The response's document.

    Raises:
        BadInput: the body is no request, or its inputs are not the model's features.
    """
    try:
        request = _REQUEST.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as exc:
        raise BadInput(f"body: expected an inference request, got {exc}") from exc
    inputs = {column.name: column for column in request.inputs}
    if len(inputs) != len(request.inputs) or inputs.keys() != DATATYPES.keys():
        names = ", ".join(column.name for column in request.inputs)
        raise BadInput(f"inputs: expected {', '.join(FEATURES)}, got {names}")
    rows = _count_rows(request.inputs[0])
    probability = model.predict(
        {name: _read_numbers(inputs[name], rows) for name in NUMERIC},
        {name: _read_texts(inputs[name], rows) for name in CATEGORICAL},
    )
    answer: dict[str, Any] = {
        "model_name": MODEL_NAME,
        "model_version": MODEL_VERSION,
        "outputs": [
            _output(PROBABILITY, "FP64", probability.tolist()),
            _output(DECISION, "INT64", (probability >= model.threshold).astype(np.int64).tolist()),
        ],
    }
    return answer if request.id is None else {"id": request.id, **answer}


def make_app(model: LateModel) -> web.Application:
    """The web application.

    Args:
        model: the one model that it serves.
    """
    app = web.Application(client_max_size=BODY_LIMIT_BYTES)
    app[MODEL_KEY] = model
    path = f"/v2/models/{MODEL_NAME}"
    app.add_routes(
        [
            web.get("/v2", _describe_server),
            web.get("/v2/health/live", _say_live),
            web.get("/v2/health/ready", _say_ready),
            web.get(path, _describe_model),
            web.get(f"{path}/ready", _say_model_ready),
            web.post(f"{path}/infer", _infer),
            web.post(f"{path}/versions/{MODEL_VERSION}/infer", _infer),
            web.route("*", "/{path:.*}", _refuse),
        ]
    )
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Serves until SIGTERM or SIGINT; writes one log line with the address once it listens."""
    parser = argparse.ArgumentParser(prog="python -m sidecar.demo.server")
    parser.add_argument("--model", type=Path, required=True, help="file written by LateModel.save")
    parser.add_argument("--listen", default="127.0.0.1:0", help="HOST:PORT, port 0 for any free one")
    options = parser.parse_args(argv)
    listener = bind_listeners("listen", parse_listen(options.listen, "listen"), 1)[0]
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(load_model(options.model), listener))
    return 0


async def _serve(model: LateModel, listener: socket.socket) -> None:
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    runner = web.AppRunner(make_app(model), access_log=None)
    await runner.setup()
    await web.SockSite(runner, listener, shutdown_timeout=1.0).start()
    Log(ROLE, "json").info("listening", traffic=address_of(listener))
    await stopped.wait()
    await runner.cleanup()


# --- answers


async def _infer(request: web.Request) -> web.Response:
    try:
        return _json(infer(request.app[MODEL_KEY], await request.read()))
    except BadInput as exc:
        return _json({"error": str(exc)}, status=400)


async def _describe_server(_request: web.Request) -> web.Response:
    return _json({"name": "sidecar-demo", "version": "1", "extensions": []})


async def _say_live(_request: web.Request) -> web.Response:
    return _json({"live": True})


async def _say_ready(_request: web.Request) -> web.Response:
    return _json({"ready": True})


async def _say_model_ready(_request: web.Request) -> web.Response:
    return _json({"name": MODEL_NAME, "ready": True})


async def _describe_model(_request: web.Request) -> web.Response:
    inputs = [{"name": name, "datatype": datatype, "shape": [-1]} for name, datatype in DATATYPES.items()]
    outputs = [
        {"name": PROBABILITY, "datatype": "FP64", "shape": [-1]},
        {"name": DECISION, "datatype": "INT64", "shape": [-1]},
    ]
    about = {"name": MODEL_NAME, "versions": [MODEL_VERSION], "platform": "numpy"}
    return _json({**about, "inputs": inputs, "outputs": outputs})


async def _refuse(request: web.Request) -> web.Response:
    got = f"{request.method} {request.path}"
    return _json({"error": f"path: expected one of model {MODEL_NAME!r}, got {got}"}, status=404)


def _json(document: dict[str, Any], status: int = 200) -> web.Response:
    return web.Response(body=msgspec.json.encode(document), status=status, content_type="application/json")


def _output(name: str, datatype: str, values: list[Any]) -> dict[str, Any]:
    return {"name": name, "datatype": datatype, "shape": [len(values)], "data": values}


# --- columns of a request


def _count_rows(column: InferInput) -> int:
    if len(column.shape) not in (1, 2) or column.shape[1:] not in ([], [1]) or column.shape[0] < 1:
        raise BadInput(f"{column.name}.shape: expected [B] or [B, 1] with B >= 1, got {column.shape}")
    return column.shape[0]


def _flatten(column: InferInput, rows: int) -> list[Any]:
    expected = DATATYPES[column.name]
    if column.datatype != expected:
        raise BadInput(f"{column.name}.datatype: expected {expected}, got {column.datatype!r}")
    if _count_rows(column) != rows:
        raise BadInput(f"{column.name}.shape: expected {rows} rows, got {column.shape[0]}")
    values = column.data
    if len(column.shape) == 2 and values and all(type(value) is list and len(value) == 1 for value in values):
        values = [value[0] for value in values]
    if len(values) != rows:
        raise BadInput(f"{column.name}.data: expected {rows} values, got {len(values)}")
    return values


def _read_numbers(column: InferInput, rows: int) -> F64:
    values = _flatten(column, rows)
    if not {type(value) for value in values} <= {int, float, type(None)}:
        raise BadInput(f"{column.name}.data: expected numbers or null")
    return np.array(values, dtype=np.float64)  # null becomes NaN, which the model imputes


def _read_texts(column: InferInput, rows: int) -> list[str | None]:
    values = _flatten(column, rows)
    if not {type(value) for value in values} <= {str, type(None)}:
        raise BadInput(f"{column.name}.data: expected texts or null")
    return values


if __name__ == "__main__":
    sys.exit(main())
