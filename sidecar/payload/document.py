"""JSON bodies into typed structs: msgspec when it can, the standard library for what msgspec refuses.

TensorFlow Serving's NaN and Infinity tokens, numbers beyond float64, a byte-order mark and lone surrogates
are all seen in the wild and no reason to lose an exchange; the second parse costs several times more, which
only such bodies pay.
"""

from __future__ import annotations

import json
import re
from typing import Any, TypeVar

from msgspec import ValidationError, convert
from msgspec.json import Decoder

from sidecar.errors import Malformed

T = TypeVar("T")

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # half a pair, or a whole one: that only costs a look


def read_json(body: bytes, decoder: Decoder[T], protocol: str) -> T:
    """Parses a body.

    Args:
        body: JSON text, UTF-8.
        decoder: gives the type that the text must have; fields that it does not know are skipped.
        protocol: named in errors.

    Returns:
        An object of the decoder's type.

    Raises:
        Malformed: not JSON, nested too deep, or not of that type.
    """
    try:
        return decoder.decode(body)
    except (ValueError, RecursionError):  # ValueError: msgspec's own errors and UnicodeDecodeError
        return _read_tolerant(body, decoder.type, protocol)


def _read_tolerant(body: bytes, wanted: type[T], protocol: str) -> T:
    try:
        text = body.decode("utf-8-sig")
        document = json.loads(text)
        if _SURROGATE.search(text):
            document = _scrub(document)
        return convert(document, wanted)
    except ValidationError as exc:
        raise Malformed(protocol, _reword(str(exc))) from None
    except json.JSONDecodeError as exc:
        raise Malformed(
            protocol, f"body: expected JSON, got an error at character {exc.pos} of {len(body)} bytes"
        ) from None
    except UnicodeDecodeError as exc:
        raise Malformed(protocol, f"body: expected UTF-8, got another byte at {exc.start}") from None
    except ValueError:  # more digits than Python turns into an integer
        raise Malformed(protocol, "body: expected numbers of ordinary length, got a longer one") from None
    except RecursionError:
        raise Malformed(protocol, "body: expected ordinary nesting, got deeper") from None


def _scrub(value: Any) -> Any:
    """Replaces lone surrogates, which no encoder would accept later."""
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        return [_scrub(item) for item in value]
    if isinstance(value, dict):
        return {_scrub(name): _scrub(item) for name, item in value.items()}
    return value


def _reword(complaint: str) -> str:
    """Msgspec's wording, which names types and places but no values, in the order of ours."""
    what, _, where = complaint.replace("`", "").partition(" - at ")
    place = where.replace("$.", "") or "body"
    return f"{place}: {what[:1].lower()}{what[1:]}"
