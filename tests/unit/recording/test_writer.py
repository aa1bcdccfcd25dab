"""Writing: bounded in what waits, in a segment's size, in size and age of all; every loss counted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from sidecar.clock import SystemClock
from sidecar.config.recording import RecordingConfig
from sidecar.log import Log
from sidecar.recording.folder import Folder
from sidecar.recording.reader import Recording
from sidecar.recording.records import Exchange
from sidecar.recording.segment import Segment
from sidecar.recording.writer import SegmentWriter
from tests.support.running import eventually

Make = Callable[..., Exchange]
INCOMPRESSIBLE = Path("/dev/urandom")


class Later(SystemClock):
    """The machine's clocks, set on."""

    ahead_s = 0.0

    def unix_ns(self) -> int:
        return super().unix_ns() + int(self.ahead_s * 1e9)

    def mono_ns(self) -> int:
        return super().mono_ns() + int(self.ahead_s * 1e9)


def noise(n_bytes: int) -> bytes:
    with INCOMPRESSIBLE.open("rb") as source:
        return source.read(n_bytes)


@contextmanager
def writing(folder: Path, clock: SystemClock | None = None, **settings: Any) -> Iterator[SegmentWriter]:
    config = RecordingConfig(path=str(folder), **{"flush_s": 0.01, **settings})
    writer = SegmentWriter(config, "0.1.0", clock or SystemClock(), Log("test", "json"))
    writer.start()
    yield writer
    assert writer.stop(10)


def numbers(folder: Path) -> list[int]:
    return [record.number for record in Recording([folder]) if isinstance(record, Exchange)]


def test_what_is_offered_is_written_in_order(tmp_path: Path, exchange: Make) -> None:
    with writing(tmp_path / "rec") as writer:
        for number in range(1000):
            assert writer.offer(exchange(number), 100)
    assert numbers(tmp_path / "rec") == list(range(1000))
    assert (writer.written, writer.lost.total()) == (1000, 0)


def test_it_can_be_read_soon_after_while_the_segment_is_open(tmp_path: Path, exchange: Make) -> None:
    with writing(tmp_path) as writer:
        writer.offer(exchange(1), 100)
        eventually(lambda: writer.written == 1)
        assert [path.suffix for path in tmp_path.glob("*.rec.gz*")] == [".part"]
        assert numbers(tmp_path) == [1]


def test_segments_are_cut_by_size_and_the_oldest_deleted(tmp_path: Path, exchange: Make) -> None:
    with writing(tmp_path, segment_bytes=20_000, most_bytes=60_000) as writer:
        for number in range(40):
            writer.offer(exchange(number, noise(5000)), 10_000)
    kept = numbers(tmp_path)
    assert kept == list(range(kept[0], 40))
    assert 0 < kept[0] < 40
    assert sum(path.stat().st_size for path in tmp_path.glob("*.rec.gz")) == writer.kept_bytes <= 60_000
    assert writer.written == 40


def test_segments_are_cut_by_age_and_deleted_by_age(tmp_path: Path, exchange: Make) -> None:
    clock = Later()
    with writing(tmp_path, clock, segment_s=10.0, most_s=100.0) as writer:
        writer.offer(exchange(1), 100)
        eventually(lambda: writer.written == 1)
        clock.ahead_s = 11.0
        eventually(lambda: list(tmp_path.glob("*.rec.gz")))
        clock.ahead_s = 200.0
        eventually(lambda: not list(tmp_path.glob("*.rec.gz")))


def test_what_waits_is_bounded(tmp_path: Path, exchange: Make) -> None:
    with writing(tmp_path, waiting_bytes=1000, flush_s=30.0) as writer:
        taken = [writer.offer(exchange(number), 400) for number in range(4)]
        assert taken == [True, True, False, False]
    assert (writer.written, dict(writer.lost)) == (2, {"busy": 2})


def test_a_folder_that_cannot_be_made_costs_what_was_offered_and_is_tried_again(
    tmp_path: Path, exchange: Make
) -> None:
    clock = Later()
    with writing(tmp_path / "not" / "there", clock) as writer:
        writer.offer(exchange(1), 100)
        eventually(lambda: writer.lost)
        assert dict(writer.lost) == {"missing": 1}
        (tmp_path / "not").mkdir()
        clock.ahead_s = 2.0
        writer.offer(exchange(2), 100)
        eventually(lambda: writer.written == 1)
    assert numbers(tmp_path / "not" / "there") == [2]


def test_a_folder_that_is_deleted_is_made_again(tmp_path: Path, exchange: Make) -> None:
    clock = Later()
    with writing(tmp_path / "rec", clock, segment_bytes=1) as writer:
        writer.offer(exchange(1), 100)
        eventually(lambda: writer.written == 1)
        shutil.rmtree(tmp_path / "rec")
        writer.offer(exchange(2), 100)
        eventually(lambda: writer.lost["missing"] == 1)
        clock.ahead_s = 2.0
        writer.offer(exchange(3), 100)
        eventually(lambda: writer.written == 2)
    assert numbers(tmp_path / "rec") == [3]


def test_a_disk_that_is_full_at_the_end_of_a_segment_leaves_it_under_its_name(
    tmp_path: Path, exchange: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with writing(tmp_path, segment_bytes=1) as writer:
        writer.offer(exchange(1), 100)
        eventually(lambda: writer.lost["full"] == 1)
    assert (list(tmp_path.glob("*.part")), len(list(tmp_path.glob("*.rec.gz")))) == ([], 1)


def test_a_disk_that_fails_within_a_segment_costs_what_was_not_flushed(
    tmp_path: Path, exchange: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Later()
    with writing(tmp_path, clock) as writer:
        writer.offer(exchange(1), 100)
        eventually(lambda: writer.written == 1)

        def fail(_segment: Segment) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Segment, "flush", fail)
        writer.offer(exchange(2), 100)
        eventually(lambda: writer.lost)
        assert dict(writer.lost) == {"full": 1}
        monkeypatch.undo()
        clock.ahead_s = 2.0
        writer.offer(exchange(3), 100)
        eventually(lambda: writer.written == 2)
    assert set(numbers(tmp_path)) >= {1, 3}


def test_a_folder_that_another_process_records_into_is_left_alone(tmp_path: Path, exchange: Make) -> None:
    other = Folder(tmp_path)
    with writing(tmp_path) as writer:
        writer.offer(exchange(1), 100)
        eventually(lambda: writer.lost)
    assert dict(writer.lost) == {"in_use": 1}
    other.close()


def test_what_a_killed_predecessor_had_open_is_kept_under_its_name(tmp_path: Path, exchange: Make) -> None:
    left = Segment(tmp_path / "00000000000000000001.rec.gz", 1, 1)
    left.give_up()
    (tmp_path / "00000000000000000001.rec.gz").rename(tmp_path / "00000000000000000001.rec.gz.part")
    with writing(tmp_path) as writer:
        writer.offer(exchange(1), 100)
    assert not list(tmp_path.glob("*.part"))
    assert len(list(tmp_path.glob("*.rec.gz"))) == 2


def test_nobody_else_may_read_it(tmp_path: Path, exchange: Make) -> None:
    with writing(tmp_path / "rec") as writer:
        writer.offer(exchange(1), 100)
    assert (tmp_path / "rec").stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in (tmp_path / "rec").iterdir()} == {0o600}
