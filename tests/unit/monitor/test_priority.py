from __future__ import annotations

import subprocess
import sys


def test_a_thread_that_stepped_back_is_nice_and_pre_empts_nobody() -> None:
    """In a process of its own, for there is no way back."""
    code = (
        "import os, threading; from sidecar.monitor.priority import NICE, step_back\n"
        "step_back(); found = []\n"
        "look = lambda: found.append((os.sched_getscheduler(0) == os.SCHED_BATCH, os.nice(0) >= NICE))\n"
        "look(); thread = threading.Thread(target=look); thread.start(); thread.join(); print(found)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.strip() == "[(True, True), (True, True)]"
