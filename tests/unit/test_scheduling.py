"""Each in a process of its own, for there is no way back."""

from __future__ import annotations

import subprocess
import sys

# Reads the calling thread's policy, nice value and slice; systems before Linux 6.12 know no slice and tell 0.
LOOK = """
import ctypes, os, platform, struct, threading
from sidecar import scheduling
def look():
    shape = struct.Struct("=IIQiIQQQ")
    held = ctypes.create_string_buffer(shape.size)
    number = {"x86_64": 315, "aarch64": 275}[platform.machine()]
    assert ctypes.CDLL(None).syscall(number, 0, held, shape.size, 0) == 0
    _, policy, _, nice, _, slice_ns, _, _ = shape.unpack(held.raw)
    found.append((policy, nice, slice_ns))
found = []
"""


def seen(code: str) -> list[tuple[int, int, int]]:
    shown = subprocess.run([sys.executable, "-c", LOOK + code], capture_output=True, text=True, check=True)
    return [tuple(entry) for entry in eval(shown.stdout)]


def test_a_worker_keeps_its_priority_and_has_its_turns_sooner() -> None:
    before, after = seen("look(); scheduling.step_forward(); look(); print(found)")
    assert after[:2] == before[:2]
    assert after[2] in (0, 100_000)


def test_the_monitor_and_its_threads_are_nice_pre_empt_nobody_and_have_long_turns() -> None:
    code = (
        "look(); scheduling.step_back(); look()\n"
        "thread = threading.Thread(target=look); thread.start(); thread.join(); print(found)"
    )
    before, after, thread = seen(code)
    assert after == thread
    assert after[:2] == (3, min(before[1] + 10, 19))  # 3 is SCHED_BATCH
    assert after[2] in (0, 20_000_000)


def test_a_waking_worker_has_the_shorter_slice() -> None:
    """The rule that lets it interrupt the monitor."""
    from sidecar.scheduling import LONG_SLICE_NS, SHORT_SLICE_NS

    assert SHORT_SLICE_NS < LONG_SLICE_NS
