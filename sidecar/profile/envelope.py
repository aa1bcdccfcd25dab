"""The outside of a reference file: prefix, version, hash; the inside is `sidecar.profile.codec`'s.

Free of numpy, so that the supervisor can refuse a bad file before anything starts.
"""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import msgspec

from sidecar.errors import BadReference
from sidecar.profile.damage import DAMAGE

MAGIC = "sidecar-reference"
VERSION = 2
KINDS = {  # magic: what such a file is called in messages
    MAGIC: "reference",
    "sidecar-partial-reference": "partial reference",
    "sidecar-snapshot": "snapshot",
}
_MAGIC_OF = re.compile(rb"[\x80-\x8f]\xa5magic[\xa0-\xbf](sidecar-[a-z\-]+)")


def open_envelope(
    data: bytes, name: str, *, magic: str = MAGIC, version: int = VERSION, word: str = "reference"
) -> dict[str, Any]:
    """The fields of a reference file, its content checked against its id.

    Args:
        data: the whole file.
        name: its name, for messages.
        magic: what such files begin with.
        version: the one that is understood.
        word: what such a file is called in messages.

    Returns:
        `id`, `created_unix_s`, `provenance`, and `content` as bytes.

    Raises:
        BadReference: "ref.msgpack: expected a sidecar reference, got other data"; likewise when the file is
            cut off, of another version, or does not hash to its id.
    """
    prefix = b"\x86" + msgspec.msgpack.encode("magic") + msgspec.msgpack.encode(magic)
    if not data.startswith(prefix):
        got = "a file that is cut off" if data and prefix.startswith(data) else kind_of(data)
        raise BadReference(f"{name}: expected a sidecar {word}, got {got}")
    try:
        outer: dict[str, Any] = msgspec.msgpack.decode(data)
    except DAMAGE as exc:
        raise BadReference(f"{name}: expected a whole {word}, got a file that is cut off or damaged") from exc
    if outer.get("version") != version:
        raise BadReference(f"{name}: expected {word} version {version}, got {outer.get('version')!r}")
    content = outer.get("content")
    if not isinstance(content, bytes) or identify(content) != outer.get("id"):
        raise BadReference(
            f"{name}: expected content that hashes to {outer.get('id')!r}, got damaged content"
        )
    return outer


def kind_of(data: bytes) -> str:
    """What a file is that was to be another, for messages.

    Args:
        data: the whole file, or its first bytes.

    Returns:
        "a partial reference", "an empty file", "other data" and the like.
    """
    if not data:
        return "an empty file"
    found = _MAGIC_OF.match(data)
    word = None if found is None else KINDS.get(found[1].decode())
    return "other data" if word is None else f"a {word}"


def read_reference_file(path: Path | str) -> bytes:
    """The bytes of a file.

    Args:
        path: as `sidecar reference build` made it.

    Raises:
        BadReference: "ref.msgpack: expected a readable file, got No such file or directory".
    """
    try:
        return Path(path).read_bytes()
    except OSError as exc:
        raise BadReference(f"{path}: expected a readable file, got {exc.strerror}") from exc


def write_reference_file(path: Path | str, data: bytes) -> None:
    """Writes a file, whole or not at all.

    Args:
        path: replaced if it is there.
        data: what it shall hold.

    Raises:
        BadReference: "out/ref.msgpack: expected a writable file, got Permission denied".
    """
    target = Path(path)
    draft = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(data)
        draft.replace(target)
    except OSError as exc:
        draft.unlink(missing_ok=True)
        raise BadReference(f"{path}: expected a writable file, got {exc.strerror}") from exc


def identify(content: bytes) -> str:
    """The id of a reference's content: its SHA-256."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
