from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from sidecar.admin.guard import FaultCount, is_direct_host, make_containment, make_guard
from sidecar.log import Log


async def answer_ok(_request: web.Request) -> web.StreamResponse:
    return web.Response(text="ok")


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "127.0.0.1:9002", "[::1]:9002", "localhost", "LOCALHOST:1", "a.localhost", "10.0.0.7"],
)
def test_addresses_and_localhost_are_direct(host: str) -> None:
    assert is_direct_host(host)


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "", "a:b:c", "["]
)
def test_names_are_not(host: str) -> None:
    assert not is_direct_host(host)


def status_of(token: str | None, path: str, headers: dict[str, str]) -> int:
    request = make_mocked_request("GET", path, headers={"Host": "127.0.0.1"} | headers)
    return asyncio.run(make_guard(token)(request, answer_ok)).status


@pytest.mark.parametrize(
    ("path", "authorization", "status"),
    [
        ("/api/v1/status", "Bearer s3cret", 200),
        ("/api/v1/status", "bearer  s3cret", 200),
        ("/metrics", "Bearer s3cret", 200),
        ("/metrics", None, 401),
        ("/api/v1/status", "Bearer s3cre", 401),
        ("/api/v1/status", "Bearer s3cret2", 401),
        ("/api/v1/status", "Basic s3cret", 401),
        ("/api/v1/status", "Bearer ü", 401),
        ("/api/v1/status", "", 401),
        ("/nowhere", None, 401),
        ("/", None, 200),
        ("/dashboard.js", None, 200),
        ("/dashboard.css", None, 200),
    ],
)
def test_a_token_is_asked_for(path: str, authorization: str | None, status: int) -> None:
    assert (
        status_of("s3cret", path, {} if authorization is None else {"Authorization": authorization}) == status
    )


def test_with_a_token_any_name_of_the_host_will_do() -> None:
    assert status_of("t", "/metrics", {"Host": "sidecar.svc", "Authorization": "Bearer t"}) == 200


def test_without_a_token_a_foreign_name_is_refused() -> None:
    assert status_of(None, "/api/v1/status", {}) == 200
    assert status_of(None, "/api/v1/status", {"Host": "evil.example"}) == 421


def contained(fault: Exception, log: Log | None, faults: FaultCount) -> web.StreamResponse:
    async def fail(_request: web.Request) -> web.StreamResponse:
        raise fault

    return asyncio.run(make_containment(log, faults)(make_mocked_request("GET", "/x"), fail))


def test_faults_are_counted_and_logged_once_without_their_text(tmp_path: Path) -> None:
    faults = FaultCount()
    with (tmp_path / "log").open("w") as stream:
        log = Log("monitor", "text", stream)
        statuses = [contained(ValueError("value 42"), log, faults).status for _ in range(5)]
    assert statuses == [500] * 5
    assert faults.count == 5
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert line.endswith("admin_fault path=/x fault=ValueError")


def test_http_errors_are_problems_and_no_faults() -> None:
    faults = FaultCount()
    answer = contained(web.HTTPMethodNotAllowed("DELETE", ["GET", "HEAD"]), None, faults)
    assert (answer.status, answer.content_type, answer.headers["Allow"]) == (
        405,
        "application/problem+json",
        "GET,HEAD",
    )
    assert contained(web.HTTPRequestEntityTooLarge(1, 2), None, faults).status == 413
    assert faults.count == 0


def test_a_cancelled_request_stays_cancelled() -> None:
    async def fail(_request: web.Request) -> web.StreamResponse:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(make_containment(None, FaultCount())(make_mocked_request("GET", "/x"), fail))
