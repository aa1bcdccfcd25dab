"""What stands before every handler: the bearer token, the Host rule, security headers, containment of faults.

Without a token the server listens on loopback only, where any web page that the operator visits can still
reach it by a DNS name that it points at 127.0.0.1. Such a request carries that name as its Host; so, without
a token, only addresses and `localhost` are answered. The page and its script and style hold no data and are
open, so that a browser, which sends no token when it navigates, can load them and ask for it.
"""

from __future__ import annotations

import hmac
import ipaddress
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from yarl import URL

from sidecar.admin.answers import problem_answer
from sidecar.log import Log

OPEN_PATHS = frozenset({"/", "/dashboard.js", "/dashboard.css"})
SECURITY_HEADERS = {
    "Server": "sidecar",
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


@dataclass(slots=True)
class FaultCount:
    """Requests that ended in a fault of ours (sidecar.admin.faults)."""

    count: int = 0


async def add_security_headers(_request: web.Request, response: web.StreamResponse) -> None:
    """Adds the headers that every answer has; a signal of aiohttp.

    Args:
        response: before its head is sent.
    """
    response.headers.update(SECURITY_HEADERS)


def make_containment(log: Log | None, faults: FaultCount) -> Middleware:
    """Middleware that turns every error into a problem document.

    Args:
        log: gets a fault at most once a minute; without the exception's text, which may hold values.
        faults: counts them all.
    """

    @web.middleware
    async def contain(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except web.HTTPException as exc:
            if exc.status < 400:
                raise
            answer = problem_answer(exc.status, _detail(request, exc))
            if "Allow" in exc.headers:
                answer.headers["Allow"] = exc.headers["Allow"]
            return answer
        except Exception as exc:  # noqa: BLE001  # one request is a place of containment: counted, logged, answered 500
            faults.count += 1
            if log is not None:
                log.limited("admin_fault", path=request.path, fault=type(exc).__name__)
            return problem_answer(500, "the admin server failed to answer; its log says more")

    return contain


def _detail(request: web.Request, exc: web.HTTPException) -> str:
    if exc.status == 404:
        return f"no such resource: {request.path}"
    if exc.status == 405:
        return f"{request.path} does not take {request.method}"
    return exc.reason


def make_guard(token: str | None) -> Middleware:
    """Middleware that lets in who may see the numbers.

    Args:
        token: the bearer token; None lets everybody in who names the server by address or `localhost`.
    """
    expected = None if token is None else f"Bearer {token}".encode()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if expected is None:
            if not is_direct_host(request.host):
                return problem_answer(
                    421, "without a token this server answers to addresses and localhost only"
                )
        elif request.path not in OPEN_PATHS and not _carries(request, expected):
            answer = problem_answer(401, "a bearer token is needed")
            answer.headers["WWW-Authenticate"] = 'Bearer realm="sidecar"'
            return answer
        return await handler(request)

    return guard


def _carries(request: web.Request, expected: bytes) -> bool:
    scheme, _, credentials = request.headers.get("Authorization", "").partition(" ")
    got = f"{scheme.title()} {credentials.strip()}".encode(
        "utf-8", "surrogateescape"
    )  # the scheme has no case
    return hmac.compare_digest(got, expected)


def is_direct_host(host: str) -> bool:
    """Whether a Host header names an address or `localhost`, which no foreign DNS zone can point here.

    Args:
        host: `127.0.0.1:9002`, `[::1]`, `localhost`, ...
    """
    try:
        name = URL(f"http://{host}").host or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
