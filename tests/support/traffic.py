"""Callers that keep sending while a test does its worst."""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Any

from tests.support.running import PATIENCE_S


def infer_body(rows: Sequence[Sequence[float]], name: str = "x") -> bytes:
    """A V2 request with one FP64 tensor."""
    tensor = {
        "name": name,
        "shape": [len(rows), len(rows[0])],
        "datatype": "FP64",
        "data": [list(row) for row in rows],
    }
    return json.dumps({"inputs": [tensor]}).encode()


def post_all(port: int, bodies: Sequence[bytes], path: str = "/v2/models/m/infer") -> Counter[int]:
    """Sends bodies one after the other on one connection; how often each status came."""
    statuses: Counter[int] = Counter()
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    for body in bodies:
        connection.request("POST", path, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        statuses[answer.status] += 1
    connection.close()
    return statuses


PAUSE_S = 0.01


class Load:
    """Threads that post the same body until told to stop, some hundred times a second.

    Each pauses between two requests: callers who never do leave nothing of a single core to the monitor,
    which gives way to all others, and the ring runs over.

    Attributes:
        statuses: answers by status.
        errors: what failed below HTTP, by exception.
    """

    def __init__(self, port: int, body: bytes, n_callers: int = 4) -> None:
        self.statuses: Counter[int] = Counter()
        self.errors: Counter[str] = Counter()
        self._port, self._body = port, body
        self._stop = threading.Event()
        self._lock = threading.Lock()  # of the counts
        self._threads = [threading.Thread(target=self._call) for _ in range(n_callers)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def n_answers(self) -> int:
        """All answers so far."""
        with self._lock:
            return self.statuses.total()

    def _count(self, counts: Counter[Any], what: object) -> None:
        with self._lock:
            counts[what] += 1

    def _call(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE_S)
        while not self._stop.wait(PAUSE_S):
            try:
                connection.request("POST", "/v2/models/m/infer", self._body)
                answer = connection.getresponse()
                answer.read()
            except (OSError, http.client.HTTPException) as exc:
                self._count(self.errors, type(exc).__name__)
                connection.close()
            else:
                self._count(self.statuses, answer.status)
        connection.close()
