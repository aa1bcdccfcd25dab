"""The admin application: every path of the API, one short handler each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

from aiohttp import web

from sidecar.admin.answers import json_answer, problem_answer
from sidecar.admin.guard import FaultCount, add_security_headers, make_containment, make_guard
from sidecar.admin.source import AdminSource, Document, Role
from sidecar.log import Log
from sidecar.telemetry.prometheus import CONTENT_TYPE, CONTENT_TYPE_OPENMETRICS

STATIC = Path(__file__).with_name("static")
PAGE_FILES = {"/": "index.html", "/dashboard.js": "dashboard.js", "/dashboard.css": "dashboard.css"}
CONTENT_TYPES = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
ROLES = ("input", "output")

Answer = Callable[[web.Request], Awaitable[web.Response]]


def make_app(
    source: AdminSource, token: str | None, *, log: Log | None = None, faults: FaultCount | None = None
) -> web.Application:
    """The application, to be run by `aiohttp.web.AppRunner(app, access_log=None)`.

    Args:
        source: the monitor's answers.
        token: bearer token that requests must carry; None leaves the API open (loopback only).
        log: for faults, at most once a minute.
        faults: counts faults.
    """
    faults = faults if faults is not None else FaultCount()
    app = web.Application(middlewares=[make_containment(log, faults), make_guard(token)])
    app.on_response_prepare.append(add_security_headers)
    app.add_routes([web.get(path, _page(name)) for path, name in PAGE_FILES.items()])
    app.add_routes(_routes(source))
    return app


def _routes(source: AdminSource) -> list[web.RouteDef]:
    return [
        web.get("/metrics", _metrics(source)),
        web.get("/api/v1/status", _document(lambda _request: source.status())),
        web.get("/api/v1/drift", _document(lambda request: _drift(source, request))),
        web.get("/api/v1/features/{name:.+}", _document(lambda request: _feature(source, request))),
        web.get("/api/v1/shadow", _document(lambda _request: source.shadow())),
        web.get("/api/v1/performance", _document(lambda _request: source.performance())),
        web.get("/api/v1/alerts", _document(lambda _request: source.alerts())),
        web.get("/api/v1/versions", _document(lambda request: _versions(source, request))),
        web.get("/api/v1/snapshot", _snapshot(source)),
        web.post("/api/v1/feedback", _feedback),
    ]


def _document(ask: Callable[[web.Request], Document | web.Response]) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        asked = ask(request)
        return asked if isinstance(asked, web.Response) else json_answer(asked)

    return answer


def _drift(source: AdminSource, request: web.Request) -> Document | web.Response:
    model, version = request.query.get("model"), request.query.get("version")
    document = source.drift(model, version)
    if document is None:
        return problem_answer(404, f"model: expected one that was seen, got {_shown(model, version)}")
    return document


def _versions(source: AdminSource, request: web.Request) -> Document | web.Response:
    model = request.query.get("model")
    document = source.versions(model)
    if document is None:
        return problem_answer(404, f"model: expected one that was seen, got {_shown(model, None)}")
    return document


def _feature(source: AdminSource, request: web.Request) -> Document | web.Response:
    name, role = request.match_info["name"], request.query.get("role")
    if role is not None and role not in ROLES:
        return problem_answer(400, f"role: expected input or output, got {role!r}")
    model, version = request.query.get("model"), request.query.get("version")
    document = source.feature(name, model, version, cast("Role | None", role))
    if document is None:
        return problem_answer(
            404, f"feature: expected one that was seen, got {name!r} of {_shown(model, version)}"
        )
    return document


def _shown(model: str | None, version: str | None) -> str:
    return (
        "any model"
        if model is None
        else f"{model!r}"
        if version is None
        else f"{model!r} version {version!r}"
    )


def _metrics(source: AdminSource) -> Answer:
    async def answer(request: web.Request) -> web.Response:
        openmetrics = "application/openmetrics-text" in request.headers.get("Accept", "")
        content_type = CONTENT_TYPE_OPENMETRICS if openmetrics else CONTENT_TYPE
        return web.Response(
            body=source.metrics_text(openmetrics).encode(), headers={"Content-Type": content_type}
        )

    return answer


def _snapshot(source: AdminSource) -> Answer:
    async def answer(_request: web.Request) -> web.Response:
        body = await asyncio.to_thread(source.snapshot)  # megabytes, and the loop keeps the beat
        return web.Response(body=body, content_type="application/vnd.msgpack")

    return answer


async def _feedback(_request: web.Request) -> web.Response:
    return problem_answer(404, "labels are not configured")


def _page(name: str) -> Answer:
    path = STATIC / name
    body = path.read_bytes()  # once: the page does not change while we run

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(body=body, content_type=CONTENT_TYPES[path.suffix], charset="utf-8")

    return answer
