"""A file that lines are appended to, come what may: it is renamed under us, its disk fills, nobody reads it.

Lines wait in a buffer, bounded, and go out in one write a batch. What the file does not take stays in the
buffer and is tried again; what finds no room there is lost, and counted by reason. Nothing here waits: a pipe
is asked whether it has room, and takes at most what it promises to take (PIPE_BUF), for its open file is
shared with others, so that making it non-blocking would make it so for them.

A line that an ordinary file took only a part of is written again, whole, on a line of its own: the part may
be followed by anything by then. A pipe gets the rest of it.
"""

from __future__ import annotations

import errno
import os
import select
import stat
from pathlib import Path

from sidecar.clock import Clock
from sidecar.disk import reason_of
from sidecar.log import Log
from sidecar.telemetry.names import ACCESS_LOG_LINES, ACCESS_LOG_LOST, ACCESS_LOG_WAITING
from sidecar.telemetry.points import CounterSet, Family, single

STANDARD_OUTPUT = "-"
MOST_WAITING_BYTES = 1_048_576  # some thousand lines: seconds of a full disk, minutes of a quiet service
LOOK_NS = 1_000_000_000  # between two looks at whether the path still leads to our file; and two attempts
MODE = 0o640  # the log tells who asked for what

_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOCTTY | os.O_NONBLOCK


class LogFile:
    """Used by one thread but for `families`.

    Args:
        path: of the file, or `-` for standard output.
        clock: for the time between two looks.
        log: where a fault of the file is told, at most once a minute.
    """

    def __init__(self, path: str, clock: Clock, log: Log) -> None:
        self._path = path
        self._clock = clock
        self._log = log
        self._lost = CounterSet(ACCESS_LOG_LOST)
        self._waiting = bytearray()
        self._n_waiting = 0
        self._n_lines = 0
        self._fd = -1
        self._is_file = False
        self._torn = False  # the file ends within a line
        self._n_taken = 0  # bytes of the first waiting line that a pipe took
        self._reason = ""  # why the last attempt failed, empty when it did not
        self._look_ns = self._retry_ns = 0
        self._poll = select.poll()

    # --- lines

    def add(self, line: bytes) -> None:
        """Takes a line, to be written by `flush`.

        Args:
            line: with its newline, and no other.
        """
        if len(self._waiting) + len(line) > MOST_WAITING_BYTES:
            self.flush()
        if len(self._waiting) + len(line) > MOST_WAITING_BYTES:
            self._lose(1, self._reason or "busy")
            return
        self._waiting += line
        self._n_waiting += 1

    def flush(self) -> None:
        """Writes what waits, as far as the file takes it, after a look at whether it is still the file."""
        now_ns = self._clock.mono_ns()
        if now_ns >= self._look_ns:
            self._look(now_ns)
        if not self._waiting or self._fd < 0 or now_ns < self._retry_ns:
            return
        try:
            self._write()
        except OSError as exc:
            self._note(exc)
            if self._reason != "busy":
                self._retry_ns = now_ns + LOOK_NS
            if self._reason == "closed":
                self._give_up()
        else:
            self._reason = ""

    def close(self) -> None:
        """Writes what waits, counts what cannot be written as lost, and closes the file."""
        self._retry_ns = self._look_ns = 0
        self.flush()
        self._give_up()

    def families(self) -> list[Family]:
        """Lines written, lost and waiting. Called by: any thread."""
        return [
            single(ACCESS_LOG_LINES, self._n_lines),
            self._lost.family(),
            single(ACCESS_LOG_WAITING, self._n_waiting),
        ]

    def _lose(self, n_lines: int, reason: str) -> None:
        self._lost.add((("reason", reason),), n_lines)

    def _give_up(self) -> None:
        """What waits is lost; the next look opens the file again."""
        if self._n_waiting:
            self._lose(self._n_waiting, self._reason or "failed")
        self._waiting.clear()
        self._n_waiting = self._n_taken = 0
        self._close_file()

    def _note(self, exc: OSError) -> None:
        self._reason = reason_of(exc)
        self._log.limited("access_log_failed", path=self._path, reason=self._reason, fault=exc.strerror)

    # --- writing

    def _write(self) -> None:
        if self._torn and os.write(self._fd, b"\n"):
            self._torn = False
        n_done = self._n_taken
        waiting = memoryview(bytes(self._waiting))  # a copy: an error on its way up holds on to views
        try:
            while n_done < len(waiting):
                n_done += self._write_some(waiting[n_done:])
        finally:
            self._take_off(n_done)

    def _write_some(self, waiting: memoryview[int]) -> int:
        if self._is_file:
            return os.write(self._fd, waiting)
        if not self._poll.poll(0):
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return os.write(self._fd, waiting[: select.PIPE_BUF])

    def _take_off(self, n_done: int) -> None:
        """Takes the lines that are whole in the first `n_done` bytes out of the buffer."""
        n_whole = self._waiting.rfind(b"\n", 0, n_done) + 1
        n_lines = self._waiting.count(b"\n", 0, n_whole)
        del self._waiting[:n_whole]
        self._n_lines += n_lines
        self._n_waiting -= n_lines
        if self._is_file:
            self._torn = n_done > n_whole
        else:
            self._n_taken = n_done - n_whole

    # --- the file

    def _look(self, now_ns: int) -> None:
        self._look_ns = now_ns + LOOK_NS
        if self._fd >= 0 and self._moved() and self._path != STANDARD_OUTPUT:
            self._close_file()
        if self._fd < 0:
            try:
                self._open()
            except OSError as exc:
                self._note(exc)

    def _moved(self) -> bool:
        """Whether the path leads elsewhere by now: somebody has renamed or deleted our file."""
        ours = os.fstat(self._fd)
        try:
            there = Path(self._path).stat()
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False  # not to be known; what we hold still takes lines
        return (there.st_dev, there.st_ino) != (ours.st_dev, ours.st_ino)

    def _open(self) -> None:
        fd = os.dup(1) if self._path == STANDARD_OUTPUT else os.open(self._path, _FLAGS, MODE)
        found = os.fstat(fd)
        self._fd = fd
        self._is_file = stat.S_ISREG(found.st_mode)
        self._torn = self._is_file and found.st_size > 0 and _ends_within_a_line(fd, found.st_size)
        self._n_taken = self._retry_ns = 0
        if not self._is_file:
            self._poll.register(fd, select.POLLOUT)

    def _close_file(self) -> None:
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        if not self._is_file:
            self._poll.unregister(fd)
        try:
            os.close(fd)
        except OSError as exc:  # a disk that tells of a failed write only now, as NFS does
            self._note(exc)


def _ends_within_a_line(fd: int, size_bytes: int) -> bool:
    """Whether a predecessor was cut off; False when the file may not be read."""
    try:
        reading = os.open(f"/proc/self/fd/{fd}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return os.pread(reading, 1, size_bytes - 1) not in (b"\n", b"")
    finally:
        os.close(reading)
