"""What `sidecar inspect` shows: how one captured HTTP message, or one bare body, would be read.

The same decoders as in the monitor, so what this prints is what the monitor would count. It shows payload
values: that is what it is for, and why nothing but the command line calls it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser, HttpResponseParser

from sidecar.errors import PayloadError
from sidecar.payload.cells import clip_faults, plural, show_name
from sidecar.payload.columns import NOT_A_TEXT, Columns, Direction, Kind
from sidecar.payload.message import Message
from sidecar.payload.registry import NO_SHAPE, decode
from sidecar.payload.shape import sniff_sides

SHOWN_VALUES = 20
SHOWN_TEXT = 24  # characters of a text in the table; JSON has all of it

_REQUEST_LINE = re.compile(rb"[A-Z]{1,20} [^\s]+ HTTP/1\.[01]\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/1\.[01] [0-9]{3}")


@dataclass(frozen=True, slots=True)
class ShownColumn:
    """One column and its first values; a number that JSON cannot hold is None."""

    name: str
    kind: Kind
    values: tuple[float | str | None, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What became of a message.

    Args:
        protocol: name of the decoder that read it; None when none could.
        direction: side of the exchange; None when nothing tells.
        model: model's name.
        version: model's version.
        rows: number of rows.
        columns: the columns, with at most `SHOWN_VALUES` values each.
        faults: what was odd, or why it could not be read.
    """

    protocol: str | None
    direction: Direction | None
    model: str | None
    version: str | None
    rows: int
    columns: tuple[ShownColumn, ...]
    faults: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The inspection as JSON types.

        Returns:
            What `sidecar inspect --json` prints.
        """
        return {
            "protocol": self.protocol,
            "direction": self.direction,
            "model": self.model,
            "version": self.version,
            "rows": self.rows,
            "columns": [
                {"name": column.name, "kind": column.kind, "values": list(column.values)}
                for column in self.columns
            ],
            "faults": list(self.faults),
        }

    def to_text(self) -> str:
        """The inspection as a table.

        Returns:
            Several lines, without the last line's end.
        """
        facts = {
            "protocol": self.protocol,
            "direction": self.direction,
            "model": self.model,
            "version": self.version,
            "rows": self.rows,
            "columns": len(self.columns),
        }
        lines = [
            f"{name:<10} {_show_text(str(fact)) if fact is not None else '-'}" for name, fact in facts.items()
        ]
        if self.columns:
            names = [_show_text(column.name) for column in self.columns]
            width = max(6, *map(len, names))
            lines += ["", f"{'column':<{width}}  {'kind':<11}  values"]
            lines += [
                f"{name:<{width}}  {column.kind:<11}  {' '.join(map(_show, column.values))}"
                for name, column in zip(names, self.columns, strict=True)
            ]
        if self.faults:
            lines += ["", *(f"fault: {fault}" for fault in self.faults)]
        return "\n".join(lines)


def inspect_bytes(data: bytes, *, path: str | None, content_type: str | None) -> Inspection:
    """Reads a captured message or a bare body.

    Args:
        data: head and body as they were on the wire (of several messages the first counts), or a body alone.
        path: the request's path; wins over the one in the message, and names the protocol of a response or a
            bare body, which have none.
        content_type: the Content-Type of a bare body.

    Returns:
        What the decoders make of it; a message that cannot be read is an inspection too.
    """
    if _STATUS_LINE.match(data):
        direction: Direction = "response"
    elif _REQUEST_LINE.match(data):
        direction = "request"
    else:
        return _inspect_body(data, path or "", {} if content_type is None else {"content-type": content_type})
    captured = _read_message(direction, data)
    if not captured.is_headed:
        return _unread(direction, f"head: expected one of HTTP/1.1, got {captured.fault}")
    if direction == "response" and not 200 <= captured.status < 300:
        return _unread(direction, f"status: expected 2xx, got {captured.status}")
    message = Message(
        direction, captured.method, _cut_query(path or captured.path), captured.headers, bytes(captured.body)
    )
    if captured.is_done or not captured.fault:
        return _inspect_message(message, ())
    return _inspect_message(message, (f"body: expected all of it, got {captured.fault}",))


def _inspect_body(body: bytes, path: str, headers: Mapping[str, str]) -> Inspection:
    found = sniff_sides(body)
    direction: Direction = found[1] if found else "request"
    message = Message(direction, "POST", _cut_query(path), headers, body)
    if found is None and not path:
        return _unread(None, NO_SHAPE)
    return _inspect_message(message, ())


def _inspect_message(message: Message, faults: tuple[str, ...]) -> Inspection:
    try:
        columns = decode(message)
    except PayloadError as exc:
        return _unread(message.direction, str(exc), *faults)
    shown, infinite = _show_columns(columns)
    return Inspection(
        columns.protocol,
        columns.direction,
        columns.model,
        columns.version,
        columns.rows,
        shown,
        (*columns.faults, *infinite, *faults),
    )


def _unread(direction: Direction | None, *faults: str) -> Inspection:
    return Inspection(None, direction, None, None, 0, (), faults)


def _cut_query(target: str) -> str:
    return target.partition("?")[0]


class _Captured:
    """Gathers the first message; httptools calls the `on_` methods."""

    def __init__(self, direction: Direction) -> None:
        self.method = "POST"
        self.path = ""
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.is_headed = False
        self.is_done = False
        self.fault = ""
        self._parser = HttpResponseParser(self) if direction == "response" else HttpRequestParser(self)

    def on_url(self, url: bytes) -> None:
        if not self.is_done:
            self.path = url.decode("latin-1")

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self.is_done:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def on_headers_complete(self) -> None:
        if self.is_done:
            return
        if isinstance(self._parser, HttpResponseParser):
            self.status = self._parser.get_status_code()
        else:
            self.method = self._parser.get_method().decode("latin-1")
        self.is_headed = True

    def on_body(self, piece: bytes) -> None:
        if not self.is_done:
            self.body += piece

    def on_message_complete(self) -> None:
        if 100 <= self.status < 200:  # an interim answer; the real one follows
            self.headers.clear()
            self.is_headed = False
            self.status = 0
        else:
            self.is_done = True

    def read(self, data: bytes) -> None:
        """Reads a capture; what follows the first message does not matter, broken or not."""
        try:
            self._parser.feed_data(data)
        except HttpParserUpgrade:
            self.is_done = True
        except HttpParserError:
            self.fault = "other bytes"
            return
        has_end = "content-length" in self.headers or "transfer-encoding" in self.headers
        if not self.is_headed or has_end:  # without either a response ends where its connection does
            self.fault = "its beginning"


def _read_message(direction: Direction, data: bytes) -> _Captured:
    captured = _Captured(direction)
    captured.read(data)
    return captured


def _show_columns(columns: Columns) -> tuple[tuple[ShownColumn, ...], tuple[str, ...]]:
    """The columns' first values, and a fault for each whose values include an infinity, which JSON lacks."""
    shown: list[ShownColumn] = []
    faults: list[str] = []
    numbers = iter(columns.numeric.T)
    texts = iter(columns.texts)
    for name, kind in zip(columns.schema.names, columns.schema.kinds, strict=True):
        if kind == "categorical":
            first = next(texts)[:SHOWN_VALUES]
            shown.append(
                ShownColumn(name, kind, tuple(None if text == NOT_A_TEXT else text for text in first))
            )
            continue
        values = next(numbers)[:SHOWN_VALUES].tolist()
        n_infinite = sum(map(math.isinf, values))
        if n_infinite:
            faults.append(
                f"{show_name(name)}: {plural(n_infinite, 'infinite value', 'infinite values')} shown as null"
            )
        shown.append(
            ShownColumn(name, kind, tuple(value if math.isfinite(value) else None for value in values))
        )
    return tuple(shown), clip_faults(faults)


def _show(value: float | str | None) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:.6g}"
    shown = _show_text(value)
    return shown if len(shown) <= SHOWN_TEXT else shown[: SHOWN_TEXT - 3] + "..."


def _show_text(text: str) -> str:
    """Control characters escaped: a payload must not drive the terminal."""
    return text if text.isprintable() else ascii(text)
