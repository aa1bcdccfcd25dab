"""The entry points of the children, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys

# Stands in for the monitor, and tells how many threads BLAS has begun by then.
CODE = """
import os, sys, types
from types import SimpleNamespace
from sidecar import compose
def run_monitor(config, **estate):
    import numpy as np
    np.ones((600, 600)) @ np.ones((600, 600))
    print(os.environ["OPENBLAS_NUM_THREADS"], len(os.listdir("/proc/self/task")))
    return 0
sys.modules["sidecar.monitor.app"] = types.SimpleNamespace(run_monitor=run_monitor)
estate = SimpleNamespace(
    rings=(), hand_offs=(), admin_listener=None, life=(0,), state_path=None, board=None, started_unix_ns=0
)
compose._monitor_main(None, estate, None)
"""


def told(**environ: str) -> list[str]:
    kept = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    command = [sys.executable, "-c", CODE]
    shown = subprocess.run(command, env={**kept, **environ}, capture_output=True, text=True, check=True)
    return shown.stdout.split()


def test_the_monitor_multiplies_on_one_thread() -> None:
    assert told() == ["1", "1"]


def test_who_sets_the_threads_has_them() -> None:
    assert told(OPENBLAS_NUM_THREADS="2")[0] == "2"
