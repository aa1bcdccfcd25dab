"""The monitor's place in the scheduler: behind the workers, and never long in front of anybody.

Three things together. A higher nice value: of a busy core it gets a tenth. SCHED_BATCH: waking up, it
pre-empts nobody. And a short slice (Linux 6.12 and later): a scheduler that lets a task finish its slice
would otherwise make a worker that wakes up wait for up to 3 ms. SCHED_IDLE would step back further, but a
busy model server would then stop monitoring altogether.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import struct

NICE = 10
SLICE_NS = 100_000  # the shortest that Linux takes

_SCHED_ATTR = struct.Struct("=IIQiIQQQ")  # size, policy, flags, nice, priority, runtime, deadline, period
_SCHED_SETATTR = {"x86_64": 314, "aarch64": 274}


def step_back() -> None:
    """Lowers the priority of this thread and of all that it starts from now on.

    What the system does not allow (an old kernel, a container's seccomp profile) is left out: traffic is safe
    without it, only less well served on a crowded machine.
    """
    os.nice(NICE)
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
    number = _SCHED_SETATTR.get(platform.machine())
    if number is not None:
        nice = os.getpriority(os.PRIO_PROCESS, 0)
        wanted = _SCHED_ATTR.pack(_SCHED_ATTR.size, os.SCHED_BATCH, 0, nice, 0, SLICE_NS, 0, 0)
        ctypes.CDLL(None).syscall(number, 0, wanted, 0)
