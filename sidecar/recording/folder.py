"""The folder of segments: one writer, named by time, the oldest deleted when they are too many or too old."""

from __future__ import annotations

import errno
import fcntl
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidecar.recording.segment import OPEN, SUFFIX, Segment

LOCK: Final = ".lock"
FOLDER_MODE: Final = 0o700


@dataclass(frozen=True, slots=True)
class Kept:
    """A segment that lies there.

    Args:
        path: its file.
        n_bytes: its size.
        ended_unix_ns: when it was last written to.
    """

    path: Path
    n_bytes: int
    ended_unix_ns: int


class Folder:
    """A folder in use by this process alone, as long as it is open.

    Args:
        path: made if it is not there; its parent must be.

    Raises:
        OSError: it cannot be made or written; EBUSY when another process records into it.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(mode=FOLDER_MODE, exist_ok=True)
        self._lock_fd = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            self._lock()
            self._name_what_was_left()
        except OSError:
            os.close(self._lock_fd)
            raise

    def close(self) -> None:
        """Lets others record into it."""
        os.close(self._lock_fd)

    def open_segment(self, unix_ns: int, level: int) -> Segment:
        """A new segment.

        Args:
            unix_ns: now; makes its name, which sorts by time.
            level: of gzip.

        Returns:
            It, empty.

        Raises:
            OSError: it cannot be made.
        """
        while True:
            path = self.path / f"{unix_ns:020d}{SUFFIX}"
            if not path.exists():
                return Segment(path, unix_ns, level)
            unix_ns += 1  # the wall clock was set back

    def kept(self) -> list[Kept]:
        """Closed segments, oldest first."""
        found = []
        for path in sorted(self.path.glob(f"*{SUFFIX}")):
            try:
                status = path.stat()
            except FileNotFoundError:  # somebody has moved it away
                continue
            found.append(Kept(path, status.st_size, status.st_mtime_ns))
        return found

    def delete_beyond(self, most_bytes: int, oldest_unix_ns: int) -> tuple[int, int]:
        """Deletes the oldest closed segments until the bounds hold.

        Args:
            most_bytes: that closed segments may have together.
            oldest_unix_ns: segments that ended before are deleted.

        Returns:
            How many were deleted, and the bytes of those that are left.
        """
        kept = self.kept()
        total = sum(segment.n_bytes for segment in kept)
        n_deleted = 0
        for segment in kept:
            if total <= most_bytes and segment.ended_unix_ns >= oldest_unix_ns:
                break
            segment.path.unlink(missing_ok=True)
            total -= segment.n_bytes
            n_deleted += 1
        return n_deleted, total

    def _lock(self) -> None:
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OSError(errno.EBUSY, "another process records into this folder") from None

    def _name_what_was_left(self) -> None:
        """What a killed predecessor had open is closed by that."""
        for path in self.path.glob(f"*{SUFFIX}{OPEN}"):
            path.rename(path.with_name(path.name.removesuffix(OPEN)))
