"""A WebSocket server of plain tricks: `python websocket_server.py PORT`. The path chooses.

`/echo` sends back what comes; `/head` sends the request's lines; `/close/CODE` closes with that code;
`/refused` answers 403; `/pings` pings until the caller answers three; `/seen` says how the last caller of
`/left` went, `/left` waits for it.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from http import HTTPStatus

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

KNOWN = {"v1.tokens", "v2.tokens"}
SEEN: list[list[object]] = []


def refuse(connection: ServerConnection, request: Request) -> Response | None:
    if request.path != "/refused":
        return None
    answer = connection.respond(HTTPStatus.FORBIDDEN, "not for you\n")
    answer.headers["x-reason"] = "policy"
    return answer


def choose(connection: ServerConnection, offered: Sequence[str]) -> str | None:
    """The first of the caller's that is known; none is fine too."""
    return next((one for one in offered if one in KNOWN), None)


async def answer(connection: ServerConnection) -> None:
    path = connection.request.path
    if path == "/head":
        await connection.send(json.dumps(list(connection.request.headers.raw_items())))
    elif path == "/left":
        await connection.wait_closed()
        SEEN.append([connection.close_code, connection.close_reason])
    elif path == "/seen":
        await connection.send(json.dumps(SEEN))
    elif path.startswith("/close/"):
        await connection.close(int(path.removeprefix("/close/")), "as asked")
    elif path == "/pings":
        for _ in range(3):
            await (await connection.ping())
        await connection.send("three pongs")
    else:
        async for message in connection:
            await connection.send(message)


async def main(port: int) -> None:
    how = {"process_request": refuse, "select_subprotocol": choose, "max_size": None}
    async with serve(answer, "127.0.0.1", port, **how):
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
