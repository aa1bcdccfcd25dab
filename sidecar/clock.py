"""Clocks: the only place that reads the time. Pure rooms take time as an argument.

`mono_ns` never goes back and is shared by the processes of one machine (CLOCK_MONOTONIC on Linux);
`unix_ns` is wall time.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What a shell needs to know of time; tests pass a fake."""

    def mono_ns(self) -> int: ...

    def unix_ns(self) -> int: ...


class SystemClock:
    """The machine's clocks."""

    def mono_ns(self) -> int:
        return time.monotonic_ns()

    def unix_ns(self) -> int:
        return time.time_ns()
