"""The thread that writes segments. Nobody waits for it: what it does not take is lost, counted by reason."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Final

from sidecar.clock import Clock
from sidecar.config.recording import RecordingConfig
from sidecar.disk import reason_of
from sidecar.log import Log
from sidecar.recording.folder import Folder
from sidecar.recording.records import VERSION, Opened, Record
from sidecar.recording.segment import Segment

WAKE_BYTES: Final = 1 << 20  # waiting, at which the thread does not wait for the next flush
RETRY_NS: Final = 1_000_000_000  # after a fault of the disk
TIDY_NS: Final = 60_000_000_000  # between two looks at what is too old
_S: Final = 1_000_000_000


class SegmentWriter:
    """Records in, files out.

    Args:
        config: where, and the bounds; `path` is set.
        version: of the software, for the segments' first record.
        clock: for names, ages and retries.
        log: where faults are told.

    Attributes:
        written: records that are in a segment and flushed.
        lost: records that are not, by reason.
        segments: closed ones in the folder, when it was last looked at.
        kept_bytes: of all segments, likewise.
    """

    def __init__(self, config: RecordingConfig, version: str, clock: Clock, log: Log) -> None:
        assert config.path is not None
        self._path = Path(config.path)
        self._config = config
        self._version = version
        self._clock = clock
        self._log = log
        self._condition = threading.Condition()
        self._waiting: list[Record] = []
        self._waiting_bytes = 0
        self._stopping = False
        self._folder: Folder | None = None
        self._segment: Segment | None = None
        self._unflushed = 0
        self._retry_ns = self._tidy_ns = 0
        self._closed_bytes = 0
        self._reason = "failed"  # of the last fault
        self._thread = threading.Thread(target=self._run, name="recorder", daemon=True)
        self.written = 0
        self.lost: Counter[str] = Counter()
        self.segments = 0

    @property
    def kept_bytes(self) -> int:
        """Bytes of all segments, the open one among them."""
        segment = self._segment
        return self._closed_bytes + (segment.n_bytes if segment is not None else 0)

    def start(self) -> None:
        """Starts the thread."""
        self._thread.start()

    def stop(self, limit_s: float) -> bool:
        """Writes what waits, closes the segment and ends.

        Returns:
            Whether it ended in time.
        """
        with self._condition:
            self._stopping = True
            self._condition.notify()
        self._thread.join(limit_s)
        return not self._thread.is_alive()

    def offer(self, record: Record, n_bytes: int) -> bool:
        """Takes a record, to be written soon. Called by: any thread.

        Args:
            record: any but `Opened`.
            n_bytes: about what it holds in memory.

        Returns:
            False when it is lost: too much waits.
        """
        with self._condition:
            if self._stopping or self._waiting_bytes + n_bytes > self._config.waiting_bytes:
                self.lost["busy"] += 1
                return False
            self._waiting.append(record)
            self._waiting_bytes += n_bytes
            if self._waiting_bytes >= WAKE_BYTES:
                self._condition.notify()
        return True

    # --- the thread

    def _run(self) -> None:
        ending = False
        while not ending:
            with self._condition:
                if not self._stopping and self._waiting_bytes < WAKE_BYTES:
                    self._condition.wait(self._config.flush_s)
                ending = self._stopping
                batch, self._waiting, self._waiting_bytes = self._waiting, [], 0
            self._take(batch, self._clock.mono_ns(), ending)
        if self._folder is not None:
            self._folder.close()

    def _take(self, batch: list[Record], now_ns: int, ending: bool) -> None:
        n_done = 0
        try:
            for record in batch if now_ns >= self._retry_ns else ():
                self._open_segment().add(record)
                n_done += 1
                self._unflushed += 1
                self._rotate(self._config.segment_bytes)
            if self._segment is not None and self._unflushed:
                self._segment.flush()
                self._note_flushed()
            self._rotate(0 if ending else self._config.segment_bytes)
            if self._folder is not None and now_ns >= self._tidy_ns:
                self._tidy_ns = now_ns + TIDY_NS
                self._tidy(self._folder)
        except OSError as exc:
            self._reason = reason_of(exc)
            self._log.limited(
                "recording_failed", path=str(self._path), reason=self._reason, fault=exc.strerror
            )
            self._give_up()
            self._retry_ns = now_ns + RETRY_NS
            if self._reason == "missing" and self._folder is not None:  # somebody has deleted it: made again
                self._folder.close()
                self._folder = None
        self._lose(len(batch) - n_done, self._reason)

    def _open_segment(self) -> Segment:
        if self._segment is None:
            if self._folder is None:
                self._folder = Folder(self._path)
                self._tidy_ns = 0
            unix_ns = self._clock.unix_ns()
            self._segment = self._folder.open_segment(unix_ns, self._config.compression)
            self._segment.add(Opened(VERSION, self._version, unix_ns))
        return self._segment

    def _rotate(self, most_bytes: int) -> None:
        """Closes the segment if it is large or old enough."""
        segment = self._segment
        if segment is None or self._folder is None:
            return
        age_ns = self._clock.unix_ns() - segment.opened_unix_ns
        if segment.n_bytes < most_bytes and 0 <= age_ns < self._config.segment_s * _S:
            return
        self._segment = None
        segment.close()
        self._note_flushed()
        self._tidy(self._folder)

    def _tidy(self, folder: Folder) -> None:
        oldest_ns = self._clock.unix_ns() - int(self._config.most_s * _S)
        open_bytes = self._segment.n_bytes if self._segment is not None else 0
        n_deleted, self._closed_bytes = folder.delete_beyond(
            max(0, self._config.most_bytes - open_bytes), oldest_ns
        )
        self.segments = len(folder.kept())
        if n_deleted:
            self._log.info("recording_deleted", segments=n_deleted)

    def _note_flushed(self) -> None:
        self.written += self._unflushed
        self._unflushed = 0

    def _give_up(self) -> None:
        segment, self._segment = self._segment, None
        self._lose(self._unflushed, self._reason)
        self._unflushed = 0
        if segment is not None:
            segment.give_up()

    def _lose(self, n: int, reason: str) -> None:
        if n:
            with self._condition:
                self.lost[reason] += n
