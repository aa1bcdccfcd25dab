from __future__ import annotations

import os
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sidecar.log import Log
from sidecar.monitor.log_file import LOOK_NS, MOST_WAITING_BYTES, LogFile
from sidecar.telemetry.points import Buckets


class Clock:
    """Stands until it is moved."""

    def __init__(self) -> None:
        self.now_ns = LOOK_NS

    def mono_ns(self) -> int:
        return self.now_ns

    def unix_ns(self) -> int:
        return self.now_ns


class Bench:
    """A log file, its clock, and what it told."""

    def __init__(self, path: Path | str, told: Path) -> None:
        self.clock = Clock()
        self.told = told
        self._stream = told.open("w")
        self.file = LogFile(str(path), self.clock, Log("monitor", "json", self._stream, self.clock))

    def write(self, *lines: bytes, after_s: float = 0.0) -> None:
        self.clock.now_ns += int(after_s * 1e9)
        for line in lines:
            self.file.add(line)
        self.file.flush()

    def counts(self) -> dict[str, float]:
        """Lines written and waiting, and lost ones by reason."""
        found = {}
        for family in self.file.families():
            for point in family.points:
                assert not isinstance(point.value, Buckets)
                name = (
                    point.attributes[0][1] if point.attributes else family.instrument.name.rpartition(".")[2]
                )
                found[name] = point.value
        return found

    def close(self) -> None:
        self.file.close()
        self._stream.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@contextmanager
def bench_of(path: Path | str, tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(path, tmp_path / "told")
    try:
        yield bench
    finally:
        bench.close()


@contextmanager
def files_up_to(n_bytes: int) -> Iterator[None]:
    """No file of this process may grow beyond: a write is cut short there, and the next one refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_lines_are_appended_to_what_is_there(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"before\n")
    with bench_of(path, tmp_path) as bench:
        bench.write(b"one\n", b"two\n")
        bench.write()
        bench.write(b"three\n")
        assert path.read_bytes() == b"before\none\ntwo\nthree\n"
        assert bench.counts() == {"lines": 3, "waiting": 0}


def test_a_new_file_is_for_its_owner_and_group_only(path: Path, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with bench_of(path, tmp_path) as bench:
            bench.write()
            assert stat.S_IMODE(path.stat().st_mode) == 0o640
    finally:
        os.umask(before)


def test_a_line_that_a_predecessor_left_unfinished_swallows_none_of_ours(path: Path, tmp_path: Path) -> None:
    path.write_bytes(b"whole\nhal")
    with bench_of(path, tmp_path) as bench:
        bench.write(b"one\n")
        assert path.read_bytes() == b"whole\nhal\none\n"


@pytest.mark.parametrize("moved", ["renamed", "deleted", "replaced"])
def test_a_file_that_was_moved_away_is_made_anew_within_a_second(
    moved: str, path: Path, tmp_path: Path
) -> None:
    old = tmp_path / "access.log.1"
    with bench_of(path, tmp_path) as bench:
        bench.write(b"one\n")
        if moved == "deleted":
            os.link(path, old)
            path.unlink()
        else:
            path.rename(old)
        if moved == "replaced":
            path.write_bytes(b"new\n")
        bench.write(b"two\n", after_s=0.5)  # not looked at yet: it goes where the first one went
        bench.write(b"three\n", after_s=0.5)
        assert old.read_bytes() == b"one\ntwo\n"
        assert path.read_bytes() == (b"new\nthree\n" if moved == "replaced" else b"three\n")


def test_a_line_that_was_cut_short_is_written_again_on_a_line_of_its_own(path: Path, tmp_path: Path) -> None:
    with bench_of(path, tmp_path) as bench:
        bench.write()
        with files_up_to(10):
            bench.write(b"first\n", b"second\n", b"third\n")
            assert path.read_bytes() == b"first\nseco"
            assert bench.counts() == {"lines": 1, "waiting": 2}
            bench.write(b"fourth\n", after_s=2)
            assert path.read_bytes() == b"first\nseco"
        bench.write(after_s=0.5)  # it was tried a moment ago
        assert bench.counts()["waiting"] == 3
        bench.write(after_s=0.5)
        assert path.read_bytes() == b"first\nseco\nsecond\nthird\nfourth\n"
        assert bench.counts() == {"lines": 4, "waiting": 0}


def test_a_cut_line_does_not_follow_into_a_new_file(path: Path, tmp_path: Path) -> None:
    with bench_of(path, tmp_path) as bench:
        bench.write()
        with files_up_to(3):
            bench.write(b"first\n")
        path.rename(tmp_path / "old")
        bench.write(after_s=1)
        assert path.read_bytes() == b"first\n"


def test_a_full_disk_costs_lines_by_count_and_says_so_once_a_minute(tmp_path: Path) -> None:
    with bench_of("/dev/full", tmp_path) as bench:
        line = b"x" * 99_999 + b"\n"
        for _ in range(25):
            bench.write(line, after_s=1)
        n_kept = MOST_WAITING_BYTES // len(line)
        assert bench.counts() == {"lines": 0, "waiting": n_kept, "full": 25 - n_kept}
        assert bench.told.read_text().count("access_log_failed") == 1
        bench.file.close()
        assert bench.counts() == {"lines": 0, "waiting": 0, "full": 25}


def test_a_folder_that_is_missing_gets_the_lines_once_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "access.log"
    with bench_of(path, tmp_path) as bench:
        bench.write(b"one\n")
        assert '"reason": "missing"' in bench.told.read_text()
        path.parent.mkdir()
        bench.write(b"two\n", after_s=1)
        assert path.read_bytes() == b"one\ntwo\n"


def test_a_folder_in_the_files_place_is_a_fault_of_its_own(tmp_path: Path) -> None:
    with bench_of(tmp_path, tmp_path) as bench:
        bench.write(b"one\n")
        bench.file.close()
        assert bench.counts() == {"lines": 0, "waiting": 0, "denied": 1}


def test_a_batch_larger_than_the_buffer_goes_out_in_parts(path: Path, tmp_path: Path) -> None:
    line = b"x" * 99_999 + b"\n"
    with bench_of(path, tmp_path) as bench:
        bench.write(*[line] * 50)
        assert bench.counts() == {"lines": 50, "waiting": 0}
    assert path.stat().st_size == 5_000_000


def test_a_pipe_that_is_read_slowly_gets_every_byte_in_order(path: Path, tmp_path: Path) -> None:
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    lines = [b"%05d " % number + b"y" * (number * 700 % 9000) + b"\n" for number in range(60)]
    with bench_of(path, tmp_path) as bench:
        bench.write(*lines)
        assert bench.counts()["waiting"] > 0  # the pipe is full and nobody waited for it
        received = b""
        while bench.counts()["waiting"]:
            received += os.read(reading, 5000)
            bench.write()
        received += os.read(reading, 1 << 20)
        assert received == b"".join(lines)
        assert bench.counts() == {"lines": 60, "waiting": 0}
    os.close(reading)


def test_a_pipe_that_nobody_reads_any_more_is_counted_and_taken_up_again(path: Path, tmp_path: Path) -> None:
    os.mkfifo(path)
    reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    with bench_of(path, tmp_path) as bench:
        bench.write(b"one\n")
        os.close(reading)
        bench.write(b"two\n")
        assert bench.counts() == {"lines": 1, "waiting": 0, "closed": 1}
        reading = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        bench.write(b"three\n", after_s=1)
        assert os.read(reading, 100) == b"three\n"
    os.close(reading)


def test_standard_output_is_never_closed_by_it_and_its_flags_stay(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    before = os.dup(1)
    os.dup2(writing, 1)
    try:
        with bench_of("-", tmp_path) as bench:
            bench.write(b"one\n")
            bench.write(b"two\n", after_s=5)
        assert os.get_blocking(1)
        os.write(1, b"others\n")
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(writing)
    assert os.read(reading, 100) == b"one\ntwo\nothers\n"
    os.close(reading)
