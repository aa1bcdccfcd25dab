"""A segment: the shared memory of one ring, anonymous, reached by its file descriptor only.

Nothing of it has a name in a file system: containers often limit /dev/shm to 64 MiB, and a name would outlive
kill -9. The supervisor creates it and its children inherit the descriptor.
"""

from __future__ import annotations

import contextlib
import mmap
import os
import struct
from typing import Final, NamedTuple

from sidecar.errors import LayoutMismatch, RingError, SegmentGone
from sidecar.ring.layout import (
    HEADER_BYTES,
    LAYOUT_HASH,
    LEAST_DATA_BYTES,
    MAGIC,
    MOST_DATA_BYTES,
    PUBLICATION,
    VERSION,
    offset_of,
    packing,
    word_of,
)

_PUBLICATION = packing(PUBLICATION)
_SLOTS = (offset_of("publication_0"), offset_of("publication_1"))
_GENERATION = word_of("generation")
_RATIO = word_of("payload_ratio")
_LEVEL = word_of("level")
TAIL: Final = word_of("tail")

PUBLICATION_BYTES = _PUBLICATION.size


class Publication(NamedTuple):
    """How far a writer has come: all three grow together."""

    head: int
    n_recorded: int
    n_written: int

    def encode(self) -> bytes:
        """The 32 bytes of it, in memory and in the pipe."""
        return _PUBLICATION.pack(*self, self.head ^ self.n_recorded ^ self.n_written ^ MAGIC)


def parse_publications(received: bytes) -> tuple[Publication | None, int]:
    """The furthest of some publications that lie one behind the other, as they come out of the pipe.

    Args:
        received: a multiple of 32 bytes; a rest is ignored.

    Returns:
        The one with the greatest head, None when there is none; and how many were unreadable.
    """
    best: Publication | None = None
    n_bad = 0
    for head, n_recorded, n_written, check in _PUBLICATION.iter_unpack(
        received[: len(received) // PUBLICATION_BYTES * PUBLICATION_BYTES]
    ):
        if check != head ^ n_recorded ^ n_written ^ MAGIC or head < 0:
            n_bad += 1
        elif best is None or head >= best.head:
            best = Publication(head, n_recorded, n_written)
    return best, n_bad


class Segment:
    """One ring's shared memory, mapped.

    Build it by `create` or `attach`.

    Attributes:
        fd: its file descriptor, owned by this object.
        name: for logs.
        data_bytes: size of the data area, a power of two.
        words: the header as 512 signed 64-bit words.
        reals: the header as 512 float64 words.
        data: the data area, writable.
    """

    __slots__ = ("_map", "data", "data_bytes", "fd", "name", "reals", "words")

    def __init__(self, fd: int, mapped: mmap.mmap, name: str) -> None:
        self.fd = fd
        self._map = mapped
        self.name = name
        whole = memoryview(mapped)
        self.words: memoryview[int] = whole[:HEADER_BYTES].cast("q")
        self.reals: memoryview[float] = whole[:HEADER_BYTES].cast("d")
        self.data: memoryview[int] = whole[HEADER_BYTES:]
        self.data_bytes = len(self.data)

    @classmethod
    def create(cls, name: str, data_bytes: int) -> Segment:
        """Makes a new, empty segment; its payload ratio is 1.

        Args:
            name: for logs, at most 64 bytes of UTF-8 are kept.
            data_bytes: a power of two, 4096 to 2**30.

        Returns:
            The segment, mapped; its descriptor is not inherited over exec.

        Raises:
            RingError: the size is not allowed.
            OSError: the system has no memory or descriptor for it.

        Called by: supervisor.
        """
        if data_bytes & (data_bytes - 1) or not LEAST_DATA_BYTES <= data_bytes <= MOST_DATA_BYTES:
            allowed = f"a power of two in [{LEAST_DATA_BYTES}, {MOST_DATA_BYTES}]"
            raise RingError(f"ring {name}: data_bytes: expected {allowed}, got {data_bytes}")
        fd = _anonymous_file(name)
        os.ftruncate(fd, HEADER_BYTES + data_bytes)
        segment = cls(fd, mmap.mmap(fd, HEADER_BYTES + data_bytes), name)
        identity = struct.pack("=qqqq64s", MAGIC, VERSION, LAYOUT_HASH, data_bytes, name.encode()[:64])
        os.pwrite(fd, identity, 0)
        segment.payload_ratio = 1.0
        for slot in _SLOTS:
            os.pwrite(fd, Publication(0, 0, 0).encode(), slot)
        return segment

    @classmethod
    def attach(cls, fd: int) -> Segment:
        """Maps a segment that exists.

        Args:
            fd: its descriptor, owned by the result from now on.

        Returns:
            The segment.

        Raises:
            SegmentGone: the descriptor is not open, or holds less than a segment.
            LayoutMismatch: it was made by another version, or is no segment at all.

        Called by: either.
        """
        try:
            held_bytes = os.fstat(fd).st_size
            identity = os.pread(fd, 96, 0)
        except OSError as exc:
            raise SegmentGone(
                f"ring: expected an open descriptor of a segment, got {fd} ({exc.strerror})"
            ) from exc
        if len(identity) < 96:
            raise SegmentGone(f"ring: expected a segment, got a file of {held_bytes} bytes")
        magic, version, layout_hash, data_bytes, name = struct.unpack("=qqqq64s", identity)
        for what, expected, got in (
            ("magic", MAGIC, magic),
            ("version", VERSION, version),
            ("layout hash", LAYOUT_HASH, layout_hash),
            ("size", HEADER_BYTES + data_bytes, held_bytes),
        ):
            if expected != got:
                raise LayoutMismatch(f"ring: {what}: expected {expected}, got {got}")
        return cls(fd, mmap.mmap(fd, held_bytes), name.rstrip(b"\0").decode(errors="replace"))

    def close(self) -> None:
        """Closes the descriptor; the mapping goes when the last view of it does."""
        for view in (self.words, self.reals, self.data):
            view.release()
        with contextlib.suppress(BufferError):
            self._map.close()
        os.close(self.fd)

    # --- publication

    def read_publication(self) -> Publication:
        """The publication in force.

        Ordering: exact for a successor of the writer. While the writer runs it may be one behind, or (on a
            weakly ordered machine, or when the writer laps us) torn, which the check tells; then it is read
            again.

        Raises:
            RingError: both copies are unreadable.

        Called by: either; the reader must not read records by it while the writer runs.
        """
        for _ in range(1000):
            slot = _SLOTS[self.words[_GENERATION] & 1]
            found, _ = parse_publications(self._map[slot : slot + PUBLICATION_BYTES])
            if found is not None:
                return found
        raise RingError(f"ring {self.name}: expected a publication, got none that passes its check")

    def store_publication(self, encoded: bytes) -> None:
        """Puts a publication in force.

        Args:
            encoded: as `Publication.encode` gives it.

        Ordering: the slot not in force first, then the generation, so that a kill in between leaves the old
            one.

        Called by: writer only.
        """
        generation = self.words[_GENERATION] + 1
        slot = _SLOTS[generation & 1]
        self._map[slot : slot + PUBLICATION_BYTES] = encoded
        self.words[_GENERATION] = generation

    # --- control

    @property
    def payload_ratio(self) -> float:
        """Share of exchanges whose payload is to be taken, 0 to 1. Set by the monitor only."""
        return self.reals[_RATIO]

    @payload_ratio.setter
    def payload_ratio(self, ratio: float) -> None:
        self.reals[_RATIO] = ratio

    @property
    def level(self) -> int:
        """The monitor's level of service, 0 is full. Set by the monitor only."""
        return self.words[_LEVEL]

    @level.setter
    def level(self, level: int) -> None:
        self.words[_LEVEL] = level

    @property
    def used_bytes(self) -> int:
        """Bytes published and not yet released; approximate while both sides run."""
        return max(0, self.read_publication().head - self.words[TAIL])

    # --- resident memory

    def forget_pages(self, start: int, end: int) -> None:
        """Gives the page-table entries of a part of the data area back; its content stays.

        Without this a process that goes round the ring counts all of it as resident.

        Args:
            start: offset in the data area, a multiple of the page size.
            end: offset behind the part, a multiple of the page size.
        """
        self._map.madvise(mmap.MADV_DONTNEED, HEADER_BYTES + start, end - start)


def create_ring(name: str, data_bytes: int) -> Segment:
    """Makes a new, empty segment: `Segment.create`."""
    return Segment.create(name, data_bytes)


def _anonymous_file(name: str) -> int:
    with contextlib.suppress(OSError):  # some seccomp profiles know no memfd
        return os.memfd_create(name[:200], os.MFD_CLOEXEC)
    return os.open("/tmp", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)  # a file that never had a name
