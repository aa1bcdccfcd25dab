"""The demonstration's callers: HTTP requests in a planned order, at a planned pace, over a few connections.

A plan is made of phases, a phase of batches; batch i of n is due i/n of the way through its phase. A machine
that cannot keep up leaves overdue batches out and counts them, so that later months still come in time.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import numpy as np

from sidecar.clock import Clock
from sidecar.demo.flights import FEATURES, I64, Cells, Flights, Split
from sidecar.demo.model import DATATYPES, MODEL_NAME, PROBABILITY

INFER_PATH = f"/v2/models/{MODEL_NAME}/infer"
CONNECTIONS = 4
MEAN_ROWS = 16  # in a request; sizes are drawn from 1 to 31
QUIET_SHARE = 0.4  # of the traffic's time, for the rows that have not drifted
OVERDUE_S = 0.5
TIMEOUT_S = 10.0
HEADERS = {"content-type": "application/json"}
MONTHS = ("January", "February", "March", "April", "May", "June", "July", "August")


@dataclass(frozen=True, slots=True)
class Batch:
    """One request.

    Attributes:
        rows: positions of its flights in the file.
        when: what the calendar shows while it is sent.
    """

    rows: I64
    when: str


@dataclass(frozen=True, slots=True)
class Phase:
    """Batches in the order of sending.

    Attributes:
        title: for the screen.
        batches: what is sent.
        seconds: time over which they are spread.
    """

    title: str
    batches: tuple[Batch, ...]
    seconds: float


@dataclass(slots=True)
class Tally:
    """What the callers have seen so far.

    Attributes:
        requests: answered with a prediction for every row.
        rows: in those requests.
        failed: refused, broken off, or with another answer than expected.
        left_out: never sent, to keep time.
        when: the calendar now.
        first_failure: what the first failed request met.
    """

    requests: int = 0
    rows: int = 0
    failed: int = 0
    left_out: int = 0
    when: str = ""
    first_failure: str | None = None

    def fail(self, reason: str) -> None:
        """Counts a failed request."""
        self.failed += 1
        self.first_failure = self.first_failure or reason


def plan_phases(flights: Flights, split: Split, seconds: float, seed: int = 29) -> tuple[Phase, Phase]:
    """The two phases: rows like the training rows, then the months that follow.

    Args:
        flights: all rows.
        split: how they are used.
        seconds: time for both phases.
        seed: for the sizes of the requests.
    """
    rng = np.random.default_rng(seed)
    quiet = tuple(Batch(rows, "January to March") for rows in _cut(split.held_out, rng))
    later = tuple(Batch(rows, _name_day(flights, rows[0])) for rows in _cut(split.later, rng))
    return (
        Phase("January to March, rows the model never saw", quiet, QUIET_SHARE * seconds),
        Phase("April to August, day by day", later, (1.0 - QUIET_SHARE) * seconds),
    )


def _name_day(flights: Flights, row: np.int64) -> str:
    return f"{MONTHS[flights.month[row] - 1]} {flights.day[row]}"


def _cut(rows: I64, rng: np.random.Generator) -> list[I64]:
    sizes = rng.integers(1, 2 * MEAN_ROWS, size=2 * len(rows) // MEAN_ROWS + 1)
    ends = np.cumsum(sizes)
    return [part for part in np.split(rows, ends[ends < len(rows)]) if len(part)]


class Callers:
    """Sends batches and counts what came back.

    Args:
        session: aiohttp's client; the caller closes it.
        url: the sidecar's address for callers, `http://host:port`.
        cells: all flights' features, from `Flights.cells`.
        clock: for the pace.
    """

    def __init__(self, session: aiohttp.ClientSession, url: str, cells: Cells, clock: Clock) -> None:
        self.tally = Tally()
        self._session = session
        self._url = url + INFER_PATH
        self._cells = cells
        self._clock = clock

    async def play(self, phase: Phase) -> None:
        """Sends one phase; returns when its last answer is there."""
        queue = Queue(phase, self._clock)
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._connection(queue))
        self.tally.left_out += queue.left_out

    async def _connection(self, queue: Queue) -> None:
        while (due := queue.take()) is not None:
            batch, wait_s = due
            if wait_s > 0.0:
                await asyncio.sleep(wait_s)
            self.tally.when = batch.when
            await self.send(batch)

    async def send(self, batch: Batch) -> None:
        """Sends one request and reads its answer."""
        request = encode_request(self._cells, batch.rows)
        try:
            async with self._session.post(self._url, data=request, headers=HEADERS) as answer:
                body = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as exc:
            self.tally.fail(f"{type(exc).__name__}: {exc}")
            return
        if answer.status != 200:
            self.tally.fail(f"status {answer.status}: {body[:200].decode(errors='replace')}")
        elif count_predictions(body) != len(batch.rows):
            self.tally.fail(f"expected {len(batch.rows)} predictions, got {count_predictions(body)}")
        else:
            self.tally.requests += 1
            self.tally.rows += len(batch.rows)


@dataclass(slots=True)
class Queue:
    """Hands out the batches of a phase when they are due.

    Attributes:
        phase: what to send.
        clock: for the pace; the phase begins when the queue is made.
        left_out: batches passed over because they were overdue.
    """

    phase: Phase
    clock: Clock
    left_out: int = 0
    _next: int = 0
    _start_ns: int = field(init=False)

    def __post_init__(self) -> None:
        self._start_ns = self.clock.mono_ns()

    def take(self) -> tuple[Batch, float] | None:
        """The next batch and how long to wait before sending it, in seconds; None at the end."""
        n_batches = len(self.phase.batches)
        elapsed_s = (self.clock.mono_ns() - self._start_ns) / 1e9
        earliest = int((elapsed_s - OVERDUE_S) / self.phase.seconds * n_batches)
        if earliest > self._next:
            earliest = min(earliest, n_batches)
            self.left_out += earliest - self._next
            self._next = earliest
        if self._next >= n_batches:
            return None
        batch = self.phase.batches[self._next]
        due_s = self._next / n_batches * self.phase.seconds
        self._next += 1
        return batch, max(0.0, due_s - elapsed_s)


def encode_request(cells: Cells, rows: I64) -> bytes:
    """The body of a V2 request: one input for each feature, a missing value as null."""
    picked = rows.tolist()
    inputs: list[dict[str, Any]] = []
    for name in FEATURES:
        data = [cells[name][row] for row in picked]
        inputs.append({"name": name, "shape": [len(picked)], "datatype": DATATYPES[name], "data": data})
    return msgspec.json.encode({"inputs": inputs})


class _Output(msgspec.Struct, frozen=True):
    name: str
    data: list[Any]


class _Answer(msgspec.Struct, frozen=True):
    outputs: list[_Output]


_ANSWER = msgspec.json.Decoder(_Answer)


def count_predictions(body: bytes) -> int:
    """Rows that a V2 response predicts; 0 when it is no such response."""
    try:
        outputs = _ANSWER.decode(body).outputs
    except (msgspec.DecodeError, UnicodeDecodeError):
        return 0
    return next((len(output.data) for output in outputs if output.name == PROBABILITY), 0)
