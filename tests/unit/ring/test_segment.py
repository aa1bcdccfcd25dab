from __future__ import annotations

import os
import struct

import pytest

from sidecar.errors import LayoutMismatch, RingError, SegmentGone
from sidecar.ring.layout import HEADER_BYTES, LAYOUT_HASH, MAGIC, VERSION, offset_of
from sidecar.ring.segment import Publication, Segment, create_ring, parse_publications


@pytest.mark.parametrize("data_bytes", [0, 2048, 4095, 4097, 12288, 1 << 31])
def test_size_is_a_power_of_two_in_range(data_bytes: int) -> None:
    with pytest.raises(RingError) as caught:
        create_ring("r", data_bytes)
    allowed = "a power of two in [4096, 1073741824]"
    assert str(caught.value) == f"ring r: data_bytes: expected {allowed}, got {data_bytes}"


@pytest.mark.parametrize("data_bytes", [4096, 8192, 1 << 20])
def test_both_mappings_show_the_same_memory(data_bytes: int) -> None:
    made = create_ring("ring é", data_bytes)
    seen = Segment.attach(os.dup(made.fd))
    assert (seen.name, seen.data_bytes, seen.payload_ratio, seen.level) == ("ring é", data_bytes, 1.0, 0)
    made.data[-1] = 7
    made.payload_ratio = 0.125
    made.level = 2
    assert (seen.data[-1], seen.payload_ratio, seen.level) == (7, 0.125, 2)
    made.close()
    assert seen.data[-1] == 7
    seen.close()


def test_content_outlives_forgotten_pages() -> None:
    segment = create_ring("r", 65536)
    segment.data[:] = bytes(range(256)) * 256
    segment.forget_pages(0, 65536)
    assert bytes(segment.data) == bytes(range(256)) * 256
    segment.close()


def test_attach_refuses_what_is_no_segment() -> None:
    fd, write_fd = os.pipe()
    os.close(write_fd)
    with pytest.raises(SegmentGone) as gone:
        Segment.attach(fd)
    assert str(gone.value) == f"ring: expected an open descriptor of a segment, got {fd} (Illegal seek)"
    os.close(fd)
    with pytest.raises(SegmentGone) as gone:
        Segment.attach(fd)
    assert (
        str(gone.value) == f"ring: expected an open descriptor of a segment, got {fd} (Bad file descriptor)"
    )


@pytest.mark.parametrize(
    ("identity", "message"),
    [
        ((1, VERSION, LAYOUT_HASH, 4096), f"ring: magic: expected {MAGIC}, got 1"),
        ((MAGIC, 9, LAYOUT_HASH, 4096), f"ring: version: expected {VERSION}, got 9"),
        ((MAGIC, VERSION, 5, 4096), f"ring: layout hash: expected {LAYOUT_HASH}, got 5"),
        ((MAGIC, VERSION, LAYOUT_HASH, 4096), "ring: size: expected 8192, got 12288"),
    ],
)
def test_attach_refuses_another_layout(identity: tuple[int, int, int, int], message: str) -> None:
    fd = os.memfd_create("other")
    os.ftruncate(fd, HEADER_BYTES + 8192)
    os.pwrite(fd, struct.pack("=qqqq", *identity), 0)
    with pytest.raises(LayoutMismatch) as caught:
        Segment.attach(fd)
    assert str(caught.value) == message
    os.close(fd)


def test_attach_refuses_a_short_file() -> None:
    fd = os.memfd_create("short")
    os.ftruncate(fd, 40)
    with pytest.raises(SegmentGone) as caught:
        Segment.attach(fd)
    assert str(caught.value) == "ring: expected a segment, got a file of 40 bytes"
    os.close(fd)


def test_a_segment_without_memfd_is_a_file_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(os, "memfd_create", refuse)
    segment = create_ring("r", 4096)
    assert os.fstat(segment.fd).st_nlink == 0
    segment.close()


def test_publications_alternate_so_that_one_is_always_whole() -> None:
    segment = create_ring("r", 4096)
    assert segment.read_publication() == Publication(0, 0, 0)
    for n in (1, 2, 3):
        before = segment.read_publication()
        segment.store_publication(Publication(8 * n, n, n + 1).encode())
        assert segment.read_publication() == Publication(8 * n, n, n + 1)
        segment.words[offset_of("generation") // 8] -= 1  # as if killed before the last store
        assert segment.read_publication() == before
        segment.words[offset_of("generation") // 8] += 1
    assert segment.used_bytes == 24
    segment.close()


def test_an_unreadable_publication_is_an_error_not_a_loop() -> None:
    segment = create_ring("r", 4096)
    os.pwrite(segment.fd, bytes(64), offset_of("publication_0"))
    with pytest.raises(RingError) as caught:
        segment.read_publication()
    assert str(caught.value) == "ring r: expected a publication, got none that passes its check"
    segment.close()


def test_the_furthest_publication_of_a_pipe_counts() -> None:
    one, two = Publication(8, 1, 1), Publication(16, 2, 2)
    assert parse_publications(b"") == (None, 0)
    assert parse_publications(one.encode() + two.encode() + one.encode()[:9]) == (two, 0)
    assert parse_publications(two.encode() + one.encode()) == (two, 0)
    broken = bytearray(two.encode())
    broken[3] ^= 1
    assert parse_publications(one.encode() + bytes(broken)) == (one, 1)
    assert parse_publications(Publication(-8, 1, 1).encode()) == (None, 1)
