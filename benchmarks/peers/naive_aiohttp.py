"""The reverse proxy that one writes first: aiohttp's server and client on uvloop, nothing recorded."""

from __future__ import annotations

import sys

import uvloop
from aiohttp import ClientSession, TCPConnector, web

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "content-length"}
)


def make_app(upstream: str) -> web.Application:
    """The application that forwards every request to `upstream` (`http://host:port`)."""
    app = web.Application(client_max_size=16 * 1024 * 1024)

    async def session_of_app(app: web.Application):  # aiohttp's cleanup context: set-up, yield, tear-down
        async with ClientSession(connector=TCPConnector(limit=64), auto_decompress=False) as session:
            app["session"] = session
            yield

    async def forward(request: web.Request) -> web.Response:
        headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
        body = await request.read()
        async with request.app["session"].request(
            request.method, upstream + request.path_qs, headers=headers, data=body, allow_redirects=False
        ) as answer:
            content = await answer.read()
            kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
            return web.Response(status=answer.status, headers=kept, body=content)

    app.cleanup_ctx.append(session_of_app)
    app.router.add_route("*", "/{path:.*}", forward)
    return app


if __name__ == "__main__":
    uvloop.install()
    web.run_app(
        make_app(sys.argv[2]),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=None,
        print=None,
        handle_signals=True,
    )
