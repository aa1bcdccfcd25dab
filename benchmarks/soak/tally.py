"""What the callers saw, counted; and when a worker was killed, which alone excuses a broken connection."""

from __future__ import annotations

import threading
import time
from collections import Counter

from benchmarks.soak.verdict import Ask, Outcome

MOST_FAULTS = 20  # kept for the report; all are counted
KILL_SLACK_S = 0.5  # a connection that was refused just when the worker died is noticed a little later
UNSEEN = frozenset({"nothing", "late"})  # requests that the sidecar need not have seen


class Tally:
    """Counts outcomes; used by all callers at once.

    Attributes:
        outcomes: how often, by kind of caller and outcome.
        n_seen_surely: exchanges that the sidecar must have counted, since it answered them.
        n_seen_perhaps: further ones of which only the sidecar knows whether their heads reached it.
        faults: the first violations, one line each; `n_faults` is how many there were.
    """

    def __init__(self) -> None:
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.n_seen_surely = self.n_seen_perhaps = self.n_faults = 0
        self.faults: list[str] = []
        self._kills_s: list[float] = []
        self._lock = threading.Lock()

    def worker_dies(self) -> None:
        """Notes that a worker is about to be killed."""
        with self._lock:
            self._kills_s.append(time.monotonic())

    def _killed_since(self, opened_s: float) -> bool:
        return any(kill_s >= opened_s - KILL_SLACK_S for kill_s in self._kills_s)

    def add(self, kind: str, ask: Ask, outcome: Outcome, opened_s: float) -> None:
        """Counts one judged answer on a connection that was opened at `opened_s`."""
        with self._lock:
            name, fault = outcome.name, outcome.fault
            if name in UNSEEN:
                self.n_seen_perhaps += 1
            else:
                self.n_seen_surely += 1
            # The kernel ends a killed worker's connections, and an HTTP/1.0 answer may have no other end
            broken = name == "nothing" or (name == "truncated" and ask.old)
            if broken and self._killed_since(opened_s):
                name, fault = "worker killed", ""
            self.outcomes[kind, name] += 1
            if fault:
                self._fault(f"{kind}: {ask.method} {ask.path}: {name}: {fault}")

    def add_unanswered(self, kind: str, name: str, n: int = 1, *, perhaps_seen: bool = True) -> None:
        """Counts requests whose answers nobody waited for or may expect."""
        with self._lock:
            self.outcomes[kind, name] += n
            self.n_seen_perhaps += n if perhaps_seen else 0

    def add_fault(self, kind: str, fault: str) -> None:
        """Counts a violation that is no single answer's."""
        with self._lock:
            self.outcomes[kind, "wrong"] += 1
            self._fault(f"{kind}: {fault}")

    def _fault(self, line: str) -> None:
        self.n_faults += 1
        if len(self.faults) < MOST_FAULTS:
            self.faults.append(line)

    def table(self) -> list[list[str]]:
        """A line a kind of caller: its outcomes, most frequent first."""
        kinds: dict[str, list[tuple[str, int]]] = {}
        for (kind, name), n in self.outcomes.most_common():
            kinds.setdefault(kind, []).append((name, n))
        return [
            [kind, f"{sum(n for _, n in found):,}", ", ".join(f"{name} {n:,}" for name, n in found)]
            for kind, found in sorted(kinds.items())
        ]
