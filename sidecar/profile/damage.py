"""Bytes that may come from anywhere: whatever is wrong with them is one error of the room.

A file may be cut off, have a bit that has fallen over, or be made by somebody else. The hash of a reference
tells the first two, and only of what it covers; so whoever takes fields out of decoded bytes does it within
`refusing`. Free of numpy, as `sidecar.profile.envelope` is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec

from sidecar.errors import BadReference, SidecarError

# What decoding, and taking apart what was decoded, can end in: a map as the key of a map is a TypeError, a
# field that is no map an AttributeError, int(inf) an OverflowError, a length of many gigabytes a MemoryError.
DAMAGE = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    RecursionError,
    TypeError,
    ValueError,
    msgspec.MsgspecError,
)


@contextmanager
def refusing(error: type[SidecarError], where: str, expected: str) -> Iterator[None]:
    """Turns damage of any kind into one error.

    Args:
        error: what is raised.
        where: name of the file or part, for the message.
        expected: what should be there, for the message.

    Raises:
        error: "segments: expected its fields, got KeyError('rows')"; with the words of another error of
            sidecar where one comes from within.
    """
    try:
        yield
    except error:
        raise
    except SidecarError as exc:
        raise error(str(exc)) from exc
    except DAMAGE as exc:
        raise error(f"{where}: expected {expected}, got {exc!r}") from exc


def decode_part(part: bytes, where: str, form: int, key: str = "format") -> dict[str, Any]:
    """The fields of a part of a reference; to be called within `refusing`.

    Args:
        part: msgpack of a map.
        where: its name, for messages.
        form: the format that is understood.
        key: of the field that tells the format.

    Returns:
        All of its fields.

    Raises:
        BadReference: "segments: expected format 1, got 2".
    """
    fields: dict[str, Any] = msgspec.msgpack.decode(part)
    if fields[key] != form:
        raise BadReference(f"{where}: expected {key} {form}, got {fields[key]!r}")
    return fields
