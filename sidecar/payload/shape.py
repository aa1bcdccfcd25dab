"""Which protocol a body is of when no path says so: a captured response, or a bare body given to `sidecar
inspect`.

Parses without regard to speed; traffic that passes the proxy always has a path.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec.json import Decoder

from sidecar.errors import Malformed
from sidecar.payload.columns import Direction
from sidecar.payload.document import read_json

_ANY = Decoder(Any)

# The field that holds the tensors: protocol, side, field. V2 has to come first: its fields mean V1 when no
# item has a datatype.
FORMS: tuple[tuple[Literal["v2", "v1"], Direction, str], ...] = (
    ("v2", "request", "inputs"),
    ("v2", "response", "outputs"),
    ("v1", "request", "instances"),
    ("v1", "request", "inputs"),
    ("v1", "response", "predictions"),
    ("v1", "response", "outputs"),
)


def sniff(body: bytes, direction: Direction) -> str | None:
    """The protocol of a body by its shape.

    Args:
        body: without content coding.
        direction: side of the exchange that it is from.

    Returns:
        "v2", "v1" or None.
    """
    found = sniff_sides(body)
    return found[0] if found and found[1] == direction else None


def sniff_sides(body: bytes) -> tuple[str, Direction] | None:
    """The protocol of a body by its shape, and the side that it is from.

    Args:
        body: without content coding.

    Returns:
        Protocol and side, or None.
    """
    try:
        document = read_json(body, _ANY, "unknown")
    except Malformed:
        return None
    if not isinstance(document, dict):
        return None
    for protocol, direction, name in FORMS:
        if name in document and (protocol == "v1" or _has_tensors(document[name])):
            return protocol, direction
    return None


def _has_tensors(value: object) -> bool:
    return isinstance(value, list) and any(isinstance(item, dict) and "datatype" in item for item in value)
