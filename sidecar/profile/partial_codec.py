"""A partial reference as a file: the same envelope as a reference's, with a name of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from sidecar.errors import BadReference
from sidecar.profile.damage import refusing
from sidecar.profile.envelope import identify, open_envelope, read_reference_file, write_reference_file
from sidecar.profile.partial import PartialReference, Source
from sidecar.profile.plan import plan_from_state
from sidecar.profile.sample import RowSample
from sidecar.profile.tally import ColumnTally

MAGIC = "sidecar-partial-reference"
VERSION = 1


def encode_partial(partial: PartialReference, *, created_unix_s: float) -> bytes:
    """Bytes of a partial reference.

    Args:
        partial: any; settled by this.
        created_unix_s: time of making; not part of the id.

    Returns:
        msgpack; `decode_partial` gives the same again.
    """
    state = partial.to_state()
    content = msgspec.msgpack.encode(state)
    return msgspec.msgpack.encode(
        {
            "magic": MAGIC,
            "version": VERSION,
            "id": identify(content),
            "created_unix_s": created_unix_s,
            "provenance": {},
            "content": content,
        }
    )


def decode_partial(data: bytes, name: str) -> PartialReference:
    """The partial reference of a file's bytes.

    Args:
        data: the whole file.
        name: its name, for messages.

    Returns:
        The partial reference.

    Raises:
        BadReference: "a.part: expected a sidecar partial reference, got other data"; likewise when the file
            is cut off, of another version, damaged or a finished reference.
    """
    outer = open_envelope(data, name, magic=MAGIC, version=VERSION, word="partial reference")
    with refusing(BadReference, name, "the fields of a partial reference"):
        return _from_state(msgspec.msgpack.decode(outer["content"]))


def load_partial(path: Path) -> PartialReference:
    """Reads a file.

    Args:
        path: as `sidecar reference build --partial` made it.

    Raises:
        BadReference: as `decode_partial`; or "a.part: expected a readable file, got No such file or
            directory".
    """
    return decode_partial(read_reference_file(path), str(path))


def save_partial(partial: PartialReference, path: Path | str, *, created_unix_s: float) -> None:
    """Writes a file, whole or not at all.

    Args:
        partial: any.
        path: replaced if it is there.
        created_unix_s: time of making.

    Raises:
        BadReference: "out/a.part: expected a writable file, got Permission denied".
    """
    write_reference_file(path, encode_partial(partial, created_unix_s=created_unix_s))


def _from_state(state: Mapping[str, Any]) -> PartialReference:
    made = PartialReference(plan_from_state(state["plan"]))
    made.rows = int(state["rows"])
    made.sources = [msgspec.convert(source, Source, strict=True) for source in state["sources"]]
    made.tallies = {str(name): ColumnTally.from_state(tally) for name, tally in state["columns"].items()}
    made.sample = RowSample.from_state(state["sample"])
    if made.rows != sum(source.rows for source in made.sources) or made.rows < made.sample.size:
        raise ValueError("rows that do not add up")
    return made
