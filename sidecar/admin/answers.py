"""Answers of the admin server: JSON, and problem documents (RFC 9457) for errors."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

PROBLEM_TYPE = "application/problem+json"


def _plain(value: Any) -> Any:
    if hasattr(value, "tolist"):  # a NumPy scalar or array
        return value.tolist()
    raise TypeError(f"admin: expected a JSON value, got {type(value).__name__}")


_ENCODER = msgspec.json.Encoder(enc_hook=_plain)


def encode_json(document: Any) -> bytes:
    """A JSON document; NaN and infinities become null, which JSON has no other word for.

    Args:
        document: dicts, lists, texts, numbers (NumPy's too), None.

    Raises:
        TypeError: "admin: expected a JSON value, got object".
    """
    return _ENCODER.encode(document) + b"\n"


def json_answer(document: Any) -> web.Response:
    """200 with a JSON document.

    Args:
        document: as `encode_json` takes it.
    """
    return web.Response(body=encode_json(document), content_type="application/json")


def problem_answer(status: int, detail: str) -> web.Response:
    """An error as a problem document.

    Args:
        status: 400 to 599.
        detail: one line, nothing secret.
    """
    document = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": detail}
    return web.Response(status=status, body=encode_json(document), content_type=PROBLEM_TYPE)
