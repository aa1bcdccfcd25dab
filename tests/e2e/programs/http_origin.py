"""A server on aiohttp for callers of all kinds: `python http_origin.py PORT UNIX_PATH FOLDER`.

`/echo` sends body and type back and tells in `x-seen` what came; `/lines` tells the request's lines; `/file`
is FOLDER/file with ranges; `/gzip` is compressed whoever asks; `/stream/N` comes in N pieces; `/held/NAME`
sends a piece, and the rest when somebody asks for `/release/NAME`; `/early` refuses bodies before they come;
`/form` takes forms apart; `/status/N` is that status; `/cut` breaks off in the middle of a body.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import sys
from pathlib import Path

from aiohttp import web

WORDS = b"the quick brown fox jumps over the lazy dog\n" * 2000
DOORS: dict[str, asyncio.Event] = {}


def digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


async def echo(request: web.Request) -> web.StreamResponse:
    body = await request.read()
    framing = "chunked" if "transfer-encoding" in request.headers else "length"
    seen = f"{request.method} {request.path_qs} {framing} {len(body)} {digest(body)}"
    kept = {"content-type": request.headers.get("content-type", "application/octet-stream"), "x-seen": seen}
    return web.Response(body=body, headers=kept)


async def lines(request: web.Request) -> web.StreamResponse:
    pairs = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in request.raw_headers]
    return web.json_response(pairs)


async def file(request: web.Request) -> web.StreamResponse:
    return web.FileResponse(Path(sys.argv[3], "file"))


async def compressed(request: web.Request) -> web.StreamResponse:
    return web.Response(body=gzip.compress(WORDS, mtime=0), headers={"content-encoding": "gzip"})


async def stream(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for number in range(int(request.match_info["n"])):
        await answer.write(b"%06d\n" % number)
    await answer.write_eof()
    return answer


def door(request: web.Request) -> asyncio.Event:
    return DOORS.setdefault(request.match_info["name"], asyncio.Event())


async def held(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    await answer.write(b"first\n")
    await door(request).wait()
    await answer.write(b"last\n")
    await answer.write_eof()
    return answer


async def release(request: web.Request) -> web.StreamResponse:
    door(request).set()
    return web.Response(text="released")


async def refuse_early(request: web.Request) -> web.StreamResponse:
    return web.Response(status=413, text="too much\n", headers={"connection": "close"})


async def form(request: web.Request) -> web.StreamResponse:
    found = []
    for name, value in (await request.post()).items():
        if isinstance(value, web.FileField):
            found.append([name, value.filename, value.content_type, digest(value.file.read())])
        else:
            found.append([name, value])
    return web.json_response(found)


async def status(request: web.Request) -> web.StreamResponse:
    return web.Response(
        status=int(request.match_info["n"]), headers={"x-kept": "1", "location": "/echo?moved"}
    )


async def cut(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse(headers={"content-length": "1000"})
    await answer.prepare(request)
    await answer.write(b"x" * 10)
    await asyncio.sleep(0)
    request.transport.close()
    return answer


async def no_continue(request: web.Request) -> web.StreamResponse:
    return await refuse_early(request)


def application() -> web.Application:
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/early", refuse_early, expect_handler=no_continue)
    functions = {"echo": echo, "lines": lines, "file": file, "gzip": compressed, "form": form, "cut": cut}
    for name, function in functions.items():
        app.router.add_route("*", f"/{name}", function)
    named = {"stream/{n}": stream, "held/{name}": held, "release/{name}": release, "status/{n}": status}
    for name, function in named.items():
        app.router.add_route("*", f"/{name}", function)
    return app


async def main(port: int, path: str) -> None:
    runner = web.AppRunner(application(), access_log=None, keepalive_timeout=75)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await web.UnixSite(runner, path).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), sys.argv[2]))
