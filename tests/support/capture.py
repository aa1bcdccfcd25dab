"""Reads files of captured HTTP/1.1 traffic: the raw bytes of one direction of one connection into messages.

Written apart from the product's parser on purpose, so that one does not vouch for the other.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from sidecar.payload.message import Message

WIRE = Path(__file__).parent.parent / "corpus" / "wire"


@dataclass(frozen=True)
class Captured:
    """One message: its first line, headers by lower-case name, and body without chunked coding."""

    first_line: str
    headers: dict[str, str]
    body: bytes

    @property
    def method(self) -> str:
        return self.first_line.split(" ")[0]

    @property
    def path(self) -> str:
        return self.first_line.split(" ")[1].partition("?")[0]

    @property
    def status(self) -> int:
        return int(self.first_line.split(" ")[1])


def split_messages(data: bytes) -> list[Captured]:
    """All messages of one direction of a connection, in order."""
    messages = []
    while data:
        head, _, rest = data.partition(b"\r\n\r\n")
        first_line, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
        }
        body, data = _split_body(first_line, headers, rest)
        messages.append(Captured(first_line, headers, body))
    return messages


def _split_body(first_line: str, headers: dict[str, str], rest: bytes) -> tuple[bytes, bytes]:
    if headers.get("transfer-encoding", "").lower() == "chunked":
        return _split_chunks(rest)
    if "content-length" in headers:
        length = int(headers["content-length"])
        return rest[:length], rest[length:]
    return (rest, b"") if first_line.startswith("HTTP/") else (b"", rest)


def _split_chunks(rest: bytes) -> tuple[bytes, bytes]:
    body = b""
    while rest:  # a stream that the client broke off has no last chunk
        line, _, rest = rest.partition(b"\r\n")
        length = int(line.partition(b";")[0], 16)
        if length == 0:
            return body, rest.partition(b"\r\n")[2]
        body, rest = body + rest[:length], rest[length + 2 :]
    return body, rest


def read_meta(server: str) -> dict[str, Any]:
    """The notes of a server's captures by case."""
    cases = json.loads((WIRE / server / "meta.json").read_text())["cases"]
    return cases if isinstance(cases, dict) else {case["name"]: case for case in cases}


def read_exchanges(server: str, case: str) -> list[tuple[Message, Message, int]]:
    """Requests and responses of a case as the decoders take them, and the status of each response."""
    exchanges = []
    for file in sorted((WIRE / server).glob(f"{case}*.req")):
        if file.name.removesuffix(".req").removeprefix(case).strip(".0123456789"):
            continue
        requests = split_messages(file.read_bytes())
        responses = split_messages(file.with_suffix(".resp").read_bytes())
        for asked, answered in zip(requests, responses, strict=False):
            request = Message("request", asked.method, asked.path, asked.headers, asked.body)
            response = replace(request, direction="response", headers=answered.headers, body=answered.body)
            exchanges.append((request, response, answered.status))
    return exchanges


def read_exchange(server: str, case: str) -> tuple[Message, Message]:
    """The first request of a case and its response."""
    request, response, _ = read_exchanges(server, case)[0]
    return request, response


def list_cases() -> list[tuple[str, str]]:
    """Server and file stem of every captured connection with both directions."""
    return sorted(
        (file.parent.name, file.stem) for file in WIRE.glob("*/*.req") if file.with_suffix(".resp").exists()
    )
