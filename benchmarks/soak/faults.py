"""What is broken, and when: a schedule that follows from the seed, and the hands that carry it out."""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.children import Child, answers
from benchmarks.harness import process_tree
from benchmarks.peers.registry import ROOT, SIDECAR
from benchmarks.soak.tally import Tally

# Seconds from one to the next, on average. Those that end a process of the sidecar come only in the first
# part of a run: in the second one the processes live, so that a line can be laid through their memory.
ALWAYS_S: Mapping[str, float] = {"upstream killed": 9.0, "line killed": 20.0}
EARLY_S: Mapping[str, float] = {
    "monitor killed": 12.0,
    "monitor stopped": 15.0,
    "reload": 10.0,
    "worker killed": 60.0,
}


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing to break, so many seconds after the load began."""

    at_s: float
    name: str


def schedule(seed: int, seconds: float, early_s: float) -> list[Fault]:
    """The faults in order: of each kind one at a random place of every stretch, and one at least."""
    rng = random.Random(f"{seed} faults")
    found = []
    for table, until_s in ((ALWAYS_S, seconds), (EARLY_S, early_s)):
        for name, every_s in table.items():
            n = max(1, round(until_s / every_s))
            found += [Fault((place + rng.random()) * until_s / n, name) for place in range(n)]
    return sorted(found)


class Stage:
    """The model server and the bad line, which are killed and started again on the same ports.

    Args:
        folder: for logs and the journal.
        ports: `upstream` and `line`.
        seed: the run's.
        sabotage: what the line does beyond its faults; `none` or `flip`.
    """

    def __init__(self, folder: Path, ports: Mapping[str, int], seed: int, sabotage: str) -> None:
        self.journal = folder / "journal"
        self._folder = folder
        self._ports = ports
        self._seed = seed
        self._sabotage = sabotage
        self._n_starts = 0
        self._children: dict[str, Child] = {}

    def start(self, name: str) -> None:
        """Starts `upstream` or `line` and waits until it listens."""
        self._n_starts += 1
        port = self._ports[name]
        if name == "upstream":
            arguments = ["benchmarks.soak.server", "--port", str(port), "--journal", str(self.journal)]
        else:
            arguments = [
                "benchmarks.soak.line",
                "--port",
                str(port),
                "--upstream",
                str(self._ports["upstream"]),
            ]
            arguments += ["--seed", str(self._seed * 1000 + self._n_starts), "--sabotage", self._sabotage]
        command, environment = [sys.executable, "-m", *arguments], {"PYTHONPATH": str(ROOT)}
        self._children[name] = Child(name, command, self._folder, environment=environment)
        self._children[name].wait_until(lambda: answers(port))

    def kill(self, name: str) -> None:
        """Ends it as `kill -9` does."""
        os.kill(self._children[name].pid, signal.SIGKILL)
        self._children[name].stop()

    def stop(self) -> None:
        """Ends both."""
        for child in self._children.values():
            child.stop()


class Hands:
    """Carries out faults.

    Args:
        stage: model server and line.
        sidecar_pid: the supervisor's process id.
        tally: learns of killed workers.
        seed: the run's.

    Attributes:
        done: how often each fault was carried out.
    """

    def __init__(self, stage: Stage, sidecar_pid: int, tally: Tally, seed: int) -> None:
        self._stage = stage
        self._sidecar_pid = sidecar_pid
        self._tally = tally
        self._rng = random.Random(f"{seed} hands")
        self.done: Counter[str] = Counter()
        self._acts: dict[str, Callable[[], None]] = {
            "upstream killed": lambda: self._replace("upstream"),
            "line killed": lambda: self._replace("line"),
            "monitor killed": lambda: self._signal("monitor", signal.SIGKILL),
            "monitor stopped": self._stop_monitor,
            "reload": lambda: os.kill(self._sidecar_pid, signal.SIGHUP),
            "worker killed": self._kill_worker,
        }

    def carry_out(self, faults: list[Fault], begin_s: float, until: threading.Event) -> None:
        """All of them at their times (`begin_s` is time.monotonic's), unless told to stop."""
        for fault in faults:
            if until.wait(max(0.0, begin_s + fault.at_s - time.monotonic())):
                return
            self._acts[fault.name]()
            self.done[fault.name] += 1

    def _replace(self, name: str) -> None:
        self._stage.kill(name)
        time.sleep(self._rng.uniform(0.1, 0.8))  # the fault itself: nobody is there for so long
        self._stage.start(name)

    def _pids(self, role: str) -> list[int]:
        return [pid for pid in process_tree(self._sidecar_pid) if SIDECAR.role_of(pid) == role]

    def _signal(self, role: str, number: signal.Signals) -> None:
        for pid in self._pids(role):
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def _stop_monitor(self) -> None:
        self._signal("monitor", signal.SIGSTOP)
        time.sleep(self._rng.uniform(0.3, 1.5))  # the fault itself
        self._signal("monitor", signal.SIGCONT)

    def _kill_worker(self) -> None:
        self._tally.worker_dies()
        self._signal("worker", signal.SIGKILL)
