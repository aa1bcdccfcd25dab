"""The admin server over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import ClientSession, web
from yarl import URL

from sidecar.admin.app import make_app
from sidecar.admin.guard import FaultCount
from tests.support.admin_source import FakeSource

Ask = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


@asynccontextmanager
async def asking(app: web.Application) -> AsyncIterator[Ask]:
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]

    async with ClientSession() as session:

        async def ask(path: str, method: str = "GET", **options: Any) -> tuple[int, dict[str, str], bytes]:
            async with session.request(
                method, URL(f"http://127.0.0.1:{port}{path}", encoded=True), **options
            ) as answer:
                return answer.status, dict(answer.headers), await answer.read()

        yield ask
    await runner.cleanup()


def ask_once(
    path: str, method: str = "GET", token: str | None = None, source: FakeSource | None = None, **options: Any
) -> tuple[int, dict[str, str], bytes]:
    async def once() -> tuple[int, dict[str, str], bytes]:
        async with asking(make_app(source or FakeSource(), token)) as ask:
            return await ask(path, method, **options)

    return asyncio.run(once())


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/api/v1/status", "accounting"),
        ("/api/v1/drift", "features"),
        ("/api/v1/drift?model=flights&version=1", "features"),
        ("/api/v1/features/temperature", "histogram"),
        ("/api/v1/features/delay?role=output&model=flights", "histogram"),
        ("/api/v1/shadow", "shadows"),
        ("/api/v1/performance", "models"),
        ("/api/v1/alerts", "alerts"),
    ],
)
def test_documents_are_json(path: str, key: str) -> None:
    status, headers, body = ask_once(path)
    assert (status, headers["Content-Type"]) == (200, "application/json")
    assert key in json.loads(body)


def test_nan_arrives_as_null() -> None:
    carrier = next(f for f in json.loads(ask_once("/api/v1/drift")[2])["features"] if f["name"] == "carrier")
    assert carrier["wasserstein"] is None


@pytest.mark.parametrize(
    ("path", "method", "status", "detail"),
    [
        ("/nowhere", "GET", 404, "no such resource: /nowhere"),
        ("/api/v1/features/", "GET", 404, "no such resource: /api/v1/features/"),
        ("/api/v1/drift?model=x", "GET", 404, "model: expected one that was seen, got 'x'"),
        (
            "/api/v1/features/x%5B0%5D?model=m&version=2",
            "GET",
            404,
            "feature: expected one that was seen, got 'x[0]' of 'm' version '2'",
        ),
        ("/api/v1/features/a%2Fb", "GET", 404, "feature: expected one that was seen, got 'a/b' of any model"),
        ("/api/v1/features/age?role=both", "GET", 400, "role: expected input or output, got 'both'"),
        ("/api/v1/status", "DELETE", 405, "/api/v1/status does not take DELETE"),
        ("/api/v1/feedback", "POST", 404, "labels are not configured"),
    ],
)
def test_errors_are_problem_documents(path: str, method: str, status: int, detail: str) -> None:
    got, headers, body = ask_once(path, method)
    assert (got, headers["Content-Type"]) == (status, "application/problem+json")
    problem = json.loads(body)
    assert (problem["status"], problem["detail"]) == (status, detail)


def test_every_answer_has_the_security_headers() -> None:
    for path in ("/", "/api/v1/status", "/nowhere"):
        _, headers, _ = ask_once(path)
        assert headers["Server"] == "sidecar"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'")
        assert headers["Cache-Control"] == "no-store"


def test_head_has_the_length_and_no_body() -> None:
    length = len(ask_once("/api/v1/drift")[2])
    status, headers, body = ask_once("/api/v1/drift", "HEAD")
    assert (status, headers["Content-Length"], body) == (200, str(length), b"")


def test_metrics_are_text_or_openmetrics() -> None:
    _, headers, body = ask_once("/metrics")
    assert headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert body.endswith(b"sidecar_level 1\n")
    _, headers, body = ask_once("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert headers["Content-Type"] == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert body.endswith(b"# EOF\n")


def test_the_snapshot_is_msgpack() -> None:
    _, headers, body = ask_once("/api/v1/snapshot")
    assert (headers["Content-Type"], body) == ("application/vnd.msgpack", b"\x81\xa1v\x01")


def test_the_page_is_open_and_the_numbers_are_not() -> None:
    assert ask_once("/", token="t")[0] == 200
    for path in ("/api/v1/status", "/metrics", "/nowhere"):
        status, headers, body = ask_once(path, token="t")
        assert (status, headers["WWW-Authenticate"]) == (401, 'Bearer realm="sidecar"')
        assert json.loads(body)["detail"] == "a bearer token is needed"
    assert ask_once("/metrics", token="t", headers={"Authorization": "Bearer t"})[0] == 200


def test_a_foreign_host_name_is_refused_without_a_token() -> None:
    assert ask_once("/api/v1/status", headers={"Host": "evil.example"})[0] == 421


def test_a_fault_is_answered_counted_and_gone_with_the_next_request() -> None:
    faults, source = FaultCount(), FakeSource()

    async def both() -> list[int]:
        async with asking(make_app(source, None, faults=faults)) as ask:
            source.fault = ValueError("secret 42")
            status, _, body = await ask("/api/v1/status")
            assert b"secret" not in body
            source.fault = None
            return [status, (await ask("/api/v1/status"))[0]]

    assert asyncio.run(both()) == [500, 200]
    assert faults.count == 1
