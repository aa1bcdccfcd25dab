"""Log lines: one constant event name and fields, as text on a terminal or JSON elsewhere, on standard error.

Payload values and secrets are never fields. A line that a fault could repeat goes through `limited`, which
writes it at most once a minute and says how many were left out.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime
from typing import Any, Literal, TextIO

from sidecar.clock import Clock, SystemClock

Level = Literal["debug", "info", "warning", "error"]
REPEAT_S = 60


class Log:
    """Writes the lines of one process.

    Args:
        role: `supervisor`, `worker 0`, `monitor`, ...
        log_format: `text`, `json`, or `auto`: text when the stream is a terminal.
        stream: where lines go.
        clock: for time stamps and the once-a-minute rule.
    """

    def __init__(
        self, role: str, log_format: str = "auto", stream: TextIO | None = None, clock: Clock | None = None
    ) -> None:
        self._role = role
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock if clock is not None else SystemClock()
        self._json = log_format == "json" or (log_format == "auto" and not self._stream.isatty())
        self._format = log_format
        self._last: dict[
            str, tuple[int, int]
        ] = {}  # event -> (when last written, how many were left out since)

    def for_role(self, role: str) -> Log:
        """The same log for another process."""
        return Log(role, self._format, self._stream, self._clock)

    def info(self, event: str, **fields: Any) -> None:
        """Writes a line of level info."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: Any) -> None:
        """Writes a line of level warning."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: Any) -> None:
        """Writes a line of level error."""
        self._write("error", event, fields)

    def limited(self, event: str, **fields: Any) -> None:
        """Writes a warning at most once a minute for each event name."""
        now_ns = self._clock.mono_ns()
        written_ns, left_out = self._last.get(event, (None, 0))
        if written_ns is not None and now_ns - written_ns < REPEAT_S * 1_000_000_000:
            self._last[event] = (written_ns, left_out + 1)
            return
        self._last[event] = (now_ns, 0)
        if left_out:
            fields["left_out"] = left_out
        self._write("warning", event, fields)

    def _write(self, level: Level, event: str, fields: dict[str, Any]) -> None:
        when = datetime.fromtimestamp(self._clock.unix_ns() / 1e9, UTC).isoformat(timespec="milliseconds")
        if self._json:
            line = json.dumps(
                {"ts": when, "level": level, "role": self._role, "event": event, **fields}, default=str
            )
        else:
            shown = " ".join(f"{name}={_shown(value)}" for name, value in fields.items())
            line = f"{when} {level:<7} {self._role:<10} {event} {shown}".rstrip()
        try:
            os.write(
                self._stream.fileno(), line.encode(errors="replace") + b"\n"
            )  # one write: lines never mix
        except (OSError, ValueError):
            return  # a log that cannot be written must not stop anything


def _shown(value: Any) -> str:
    text = str(value)
    return json.dumps(text) if " " in text or not text else text
