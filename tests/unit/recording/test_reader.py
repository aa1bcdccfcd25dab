"""Reading: all that is whole, of whatever is left of a segment."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.errors import BadRecording
from sidecar.recording import reader
from sidecar.recording.reader import Recording
from sidecar.recording.records import VERSION, Exchange, Opened, Record, encode_frame
from sidecar.recording.segment import Segment

OPENED = Opened(VERSION, "0.1.0", 1)
Make = Callable[..., Exchange]


def segment(folder: Path, name: str, records: list[Record]) -> Path:
    written = Segment(folder / f"{name}.rec.gz", 1, 1)
    for record in (OPENED, *records):
        written.add(record)
        written.flush()
    written.close()
    return written.path


def test_segments_are_read_in_order_of_their_names(tmp_path: Path, exchange: Make) -> None:
    segment(tmp_path, "2", [exchange(3)])
    segment(tmp_path, "1", [exchange(1), exchange(2)])
    recording = Recording([tmp_path])
    for _ in range(2):  # it may be gone through again
        assert [record.number for record in recording if isinstance(record, Exchange)] == [1, 2, 3]
    assert recording.damages == []


def test_a_segment_is_a_gzip_file(tmp_path: Path, exchange: Make) -> None:
    path = segment(tmp_path, "1", [exchange(1)])
    assert gzip.decompress(path.read_bytes()) == encode_frame(OPENED) + encode_frame(exchange(1))
    assert path.stat().st_mode & 0o777 == 0o600


def test_one_whose_writer_was_killed_ends_where_it_was_flushed(tmp_path: Path, exchange: Make) -> None:
    """At any byte: what was flushed is read, and nothing is called damage."""
    path = segment(tmp_path, "1", [exchange(number) for number in range(20)])
    whole, last = path.read_bytes(), 0
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        recording = Recording([path])
        n_read = len(list(recording))
        assert last <= n_read <= 20
        assert recording.damages == []
        last = n_read
    assert last == 20


def test_an_open_one_is_read_too(tmp_path: Path, exchange: Make) -> None:
    written = Segment(tmp_path / "1.rec.gz", 1, 1)
    written.add(OPENED)
    written.add(exchange(1))
    written.flush()
    assert list(Recording([tmp_path])) == [exchange(1)]
    written.give_up()


def test_damage_costs_the_rest_of_its_segment_and_is_told(tmp_path: Path, exchange: Make) -> None:
    numbers = range(50)
    first = segment(tmp_path, "1", [exchange(number, bytes((number,)) * 999) for number in numbers])
    segment(tmp_path, "2", [exchange(100)])
    whole = bytearray(first.read_bytes())
    whole[len(whole) // 2] ^= 0xFF
    first.write_bytes(whole)
    recording = Recording([tmp_path])
    found = [record.number for record in recording if isinstance(record, Exchange)]
    assert found[-1] == 100
    assert found[:-1] == list(numbers)[: len(found) - 1]
    (damage,) = recording.damages
    assert (damage.segment, damage.records) == ("1.rec.gz", len(found) - 1)
    assert damage.reason.startswith("expected ")


def test_another_version_and_another_file_are_damage(tmp_path: Path) -> None:
    (tmp_path / "1.rec.gz").write_bytes(gzip.compress(encode_frame(Opened(9, "7", 1))))
    (tmp_path / "2.rec.gz").write_bytes(b"no gzip at all")
    recording = Recording([tmp_path])
    assert list(recording) == []
    assert [damage.reason.partition(", got")[0] for damage in recording.damages] == [
        "expected version 1",
        "expected gzip",
    ]


def test_what_a_limit_on_decompression_holds_back_comes_all_the_same(
    tmp_path: Path, exchange: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "INFLATE_BYTES", 64)
    path = segment(tmp_path, "1", [exchange(number, b"x" * 10_000) for number in range(9)])
    assert len(list(Recording([path]))) == 9


@pytest.mark.parametrize("name", ["nothing-here", ""])
def test_where_there_is_no_segment_the_path_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadRecording, match=r"expected .*segment"):
        Recording([tmp_path / name])
