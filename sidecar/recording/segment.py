"""One segment being written: compressed as it comes, readable up to the last flush whatever happens next."""

from __future__ import annotations

import os
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Final

from sidecar.recording.records import Record, encode_frame

GZIP: Final = 31  # zlib's window bits for a gzip file
OPEN: Final = ".part"  # behind the name of a segment that is not closed
SUFFIX: Final = ".rec.gz"
MODE: Final = 0o600  # it holds what callers told the model
_FLAGS: Final = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC


class Segment:
    """Used by one thread.

    Args:
        path: of the closed segment; while it is open its name ends in `.part`.
        opened_unix_ns: when.
        level: of gzip.

    Attributes:
        n_bytes: written, compressed.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path, opened_unix_ns: int, level: int) -> None:
        self.path = path
        self.opened_unix_ns = opened_unix_ns
        self.n_bytes = 0
        self._open_path = path.with_name(path.name + OPEN)
        self._fd = os.open(self._open_path, _FLAGS, MODE)
        self._deflate = zlib.compressobj(level, zlib.DEFLATED, GZIP)

    def add(self, record: Record) -> None:
        """Writes a record, as far as compression lets it out already.

        Args:
            record: any.

        Raises:
            OSError: the file does not take it; the segment is of no more use then.
        """
        self._write(self._deflate.compress(encode_frame(record)))

    def flush(self) -> None:
        """Makes all that was added readable, also if this process is killed now.

        Raises:
            OSError: as `add`.
        """
        self._write(self._deflate.flush(zlib.Z_SYNC_FLUSH))

    def close(self) -> None:
        """Ends the file and gives it its name.

        Raises:
            OSError: as `add`; the file is closed all the same.
        """
        try:
            self._write(self._deflate.flush(zlib.Z_FINISH))
            os.fsync(self._fd)
        finally:
            self.give_up()

    def give_up(self) -> None:
        """Ends it where it is, under its name: what was flushed can be read."""
        os.close(self._fd)
        with suppress(OSError):
            self._open_path.rename(self.path)

    def _write(self, piece: bytes) -> None:
        rest = memoryview(piece)
        while rest:
            n_bytes = os.write(self._fd, rest)
            self.n_bytes += n_bytes
            rest = rest[n_bytes:]
