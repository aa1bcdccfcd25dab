"""The checkpoint: one msgpack file, replaced whole, so that a kill at any moment leaves the last good one."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from msgpack import packb, unpackb
from msgpack.exceptions import UnpackException

from sidecar.errors import SidecarError
from sidecar.profile.damage import DAMAGE

NAME = "monitor.msgpack"
VERSION = 1
MODE: Final = 0o600


class BadState(SidecarError):
    """A checkpoint cannot be used; the monitor starts anew and says so."""


def save_state(folder: Path, state: dict[str, Any]) -> int:
    """Writes the checkpoint: a new file, flushed, then renamed over the old one.

    Args:
        folder: where it lies.
        state: what msgpack can hold.

    Returns:
        Its size in bytes.

    Raises:
        OSError: the disk is full or not writable; the last checkpoint is then still whole.
    """
    packed = bytes(packb({"version": VERSION, "state": state}))
    part = folder / f".{NAME}.{os.getpid()}"
    try:
        with open(part, "wb", opener=_private) as file:
            file.write(packed)
            file.flush()
            os.fsync(file.fileno())
        part.replace(folder / NAME)
    except OSError:
        part.unlink(missing_ok=True)
        raise
    return len(packed)


def _private(path: str, flags: int) -> int:
    """It holds what callers told the model."""
    return os.open(path, flags, MODE)


def remove_drafts(folder: Path) -> None:
    """Removes what monitors that were killed while they wrote have left; the folder is one monitor's."""
    for draft in folder.glob(f".{NAME}.*"):
        with suppress(OSError):
            draft.unlink()


def load_state(folder: Path) -> dict[str, Any] | None:
    """Reads the checkpoint.

    Returns:
        The state, or None when there is none.

    Raises:
        BadState: the file is there but is not a checkpoint of this version.
    """
    try:
        packed = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    except OSError as exc:
        raise BadState(f"{NAME}: expected a readable checkpoint, got {exc.strerror}") from exc
    try:
        document = unpackb(packed, strict_map_key=False)
    except (*DAMAGE, UnpackException) as exc:
        raise BadState(f"{NAME}: expected msgpack, got {type(exc).__name__}") from exc
    if not isinstance(document, dict) or document.get("version") != VERSION:
        raise BadState(f"{NAME}: expected a checkpoint of version {VERSION}, got another")
    state = document.get("state")
    if not isinstance(state, dict):
        raise BadState(f"{NAME}: expected a state, got {type(state).__name__}")
    return state
