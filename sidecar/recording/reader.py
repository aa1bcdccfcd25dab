"""Reads segments again, in bounded memory: all that is whole, and what is not told by file and place."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sidecar.errors import BadRecording
from sidecar.recording.records import VERSION, DamagedFrame, Opened, Record, decode_frame
from sidecar.recording.segment import GZIP, OPEN, SUFFIX

READ_BYTES: Final = 1 << 18
INFLATE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Damage:
    """Where a segment could not be read further.

    Args:
        segment: the file's name.
        records: that were read before.
        reason: "expected ..., got ...".
    """

    segment: str
    records: int
    reason: str


class Recording:
    """Segments in order of time; may be gone through any number of times.

    Args:
        paths: segments, and folders of them.

    Attributes:
        segments: the files, in order.
        damages: of the last time it was gone through; what lies behind a damage in its segment is not read.
            A segment that just ends (its writer was killed, or still writes) is not damaged.

    Raises:
        BadRecording: there is no such file, or no segment among them.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self.segments = tuple(sorted(_segments(paths), key=lambda path: (path.name, path)))
        self.damages: list[Damage] = []
        if not self.segments:
            named = ", ".join(str(path) for path in paths) or "nothing"
            raise BadRecording(f"{named}: expected segments (*{SUFFIX}), got none")

    def __iter__(self) -> Iterator[Record]:
        self.damages = []
        for path in self.segments:
            yield from self._read(path)

    def _read(self, path: Path) -> Iterator[Record]:
        n_records = 0
        try:
            for record in _records(path):
                if n_records == 0:
                    _check_opened(record)
                n_records += 1
                if not isinstance(record, Opened):
                    yield record
        except (DamagedFrame, zlib.error) as exc:
            reason = f"expected {exc}" if isinstance(exc, DamagedFrame) else f"expected gzip, got {exc}"
            self.damages.append(Damage(path.name, max(0, n_records - 1), reason))
        except OSError as exc:
            raise BadRecording(f"{path}: expected a readable file, got {exc.strerror or exc}") from None


def _segments(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from path.glob(f"*{SUFFIX}")
            yield from path.glob(f"*{SUFFIX}{OPEN}")
        elif path.exists():
            yield path
        else:
            raise BadRecording(f"{path}: expected a segment or a folder of segments, got no such file")


def _check_opened(record: Record) -> None:
    if not isinstance(record, Opened):
        raise DamagedFrame(f"a segment's begin, got {type(record).__name__.lower()}")
    if record.version != VERSION:
        raise DamagedFrame(f"version {VERSION}, got {record.version}")


def _records(path: Path) -> Iterator[Record]:
    waiting, offset = bytearray(), 0
    for piece in _inflate(path):
        del waiting[:offset]
        waiting += piece
        offset = 0
        while (found := decode_frame(waiting, offset)) is not None:
            record, offset = found
            yield record


def _inflate(path: Path) -> Iterator[bytes]:
    """Decompressed bytes; ends with the file, however it ends."""
    inflate = zlib.decompressobj(GZIP)
    with path.open("rb") as file:
        while not inflate.eof and (raw := file.read(READ_BYTES)):
            more = True
            while more and not inflate.eof:
                piece = inflate.decompress(raw, INFLATE_BYTES)
                yield piece
                raw = inflate.unconsumed_tail
                more = bool(raw) or len(piece) == INFLATE_BYTES  # the limit may hold back output, too
