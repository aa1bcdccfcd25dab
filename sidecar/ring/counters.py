"""The counters of a ring: one table, one owner a counter, one aligned 8-byte store a change.

Every exchange whose head was accepted is `seen`, and ends in exactly one settling counter: the worker's, when
no record of it reached the ring, or the monitor's. So at every moment

    seen == analysed + sampled_out + in_flight + sum(dropped)

where `in_flight` are those that no counter has settled yet. It survives kill -9 of either process because
each side of it can be computed anew by a successor: a new worker settles as `worker_died` what its
predecessor had seen and neither published nor dropped; a new reader settles as `monitor_died` what lies
before the tail and is in no counter.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, NamedTuple, TypedDict

from sidecar.ring.layout import COUNTER_SLOTS, word_of
from sidecar.ring.segment import Segment

Owner = Literal["worker", "monitor"]
Fate = Literal[
    "analysed",
    "sampled_out",
    "too_large",
    "decode_error",
    "undecoded",
    "failed",
    "excluded",
    "tunnel",
    "incomplete",
    "corrupt",
    "monitor_died",
]


class Counter(NamedTuple):
    """One counter: `role` says whether it settles an exchange and how."""

    name: str
    owner: Owner
    role: Literal["seen", "analysed", "sampled_out", "dropped", "count", "gauge"]
    meaning: str


COUNTERS = (
    Counter("seen", "worker", "seen", "exchanges whose head was accepted"),
    Counter("active", "worker", "gauge", "exchanges under way"),
    Counter("connections", "worker", "gauge", "open caller connections"),
    Counter("ring_full", "worker", "dropped", "the ring had no room for the final record"),
    Counter(
        "worker_died", "worker", "dropped", "the worker was killed before it had published the final record"
    ),
    Counter("write_failed", "worker", "dropped", "the system refused memory for the ring"),
    Counter("tap_failed", "worker", "dropped", "a fault in the tap, contained and logged"),
    Counter("pieces_lost", "worker", "count", "pieces of bodies that found no room"),
    Counter("rejected", "worker", "count", "malformed or oversized heads, answered with 4xx and not seen"),
    Counter("retried", "worker", "count", "requests sent a second time, on a fresh upstream connection"),
    Counter("upstream_errors", "worker", "count", "exchanges that the upstream failed"),
    Counter("request_bytes", "worker", "count", "bytes of request bodies"),
    Counter("response_bytes", "worker", "count", "bytes of response bodies"),
    Counter("late", "worker", "count", "connections ended by a time-out"),
    Counter(
        "overloaded", "worker", "count", "requests refused: too many waited for the upstream, or too long"
    ),
    Counter("connect_retries", "worker", "count", "attempts to connect to the upstream that were repeated"),
    Counter("breaker_opened", "worker", "count", "times that the upstream's breaker opened"),
    Counter("breaker_open", "worker", "gauge", "1 while the upstream's breaker is open"),
    Counter("upstream_healthy", "worker", "gauge", "1 while the health check, if any, finds it ready"),
    Counter("upstream_connections", "worker", "gauge", "open connections to the upstream"),
    Counter("upstream_waiting", "worker", "gauge", "requests waiting for one of them"),
    Counter("tunnels", "worker", "gauge", "open tunnels"),
    Counter("hand_offs", "worker", "count", "times that the monitor was woken"),
    Counter("analysed", "monitor", "analysed", "exchanges whose rows reached the statistics"),
    Counter(
        "sampled_out",
        "monitor",
        "sampled_out",
        "exchanges whose payload was not taken, by the ratio in force",
    ),
    Counter("too_large", "monitor", "dropped", "a body beyond tap.body_limit_bytes"),
    Counter("decode_error", "monitor", "dropped", "a body that is not what its protocol asks for"),
    Counter(
        "undecoded",
        "monitor",
        "dropped",
        "no decoder knows the exchange, or its model is one too many (`window.memory_bytes`)",
    ),
    Counter("failed", "monitor", "dropped", "the answer was not 2xx"),
    Counter("excluded", "monitor", "dropped", "the route's settings forbid analysing the payload"),
    Counter("tunnel", "monitor", "dropped", "the bytes of a tunnel are not analysed yet"),
    Counter("incomplete", "monitor", "dropped", "a side broke off, or pieces of a body were lost"),
    Counter("corrupt", "monitor", "dropped", "lay in a part of the ring that could not be read"),
    Counter(
        "monitor_died", "monitor", "dropped", "read by a monitor that was killed before it had settled them"
    ),
    Counter("records_read", "monitor", "count", "records of all kinds"),
    Counter("records_missing", "monitor", "count", "numbers missing in the sequence of records"),
    Counter("faults", "monitor", "count", "times that the reader had to skip to the next hand-off"),
)


def _lay_out() -> dict[str, int]:
    taken = {"worker": word_of("worker_counters"), "monitor": word_of("monitor_counters")}
    ends = {owner: first + COUNTER_SLOTS for owner, first in taken.items()}
    words = {}
    for counter in COUNTERS:
        words[counter.name] = taken[counter.owner]
        taken[counter.owner] += 1
    assert all(taken[owner] <= ends[owner] for owner in taken)
    return words


WORDS: dict[str, int] = _lay_out()
"""Index of each counter in `Segment.words`."""

GAUGES_AT_START = {
    c.name: int(c.name == "upstream_healthy") for c in COUNTERS if c.owner == "worker" and c.role == "gauge"
}
"""What a new worker's gauges show: an upstream that nobody asks for its health counts as healthy."""

MONITOR_SETTLING = tuple(
    c.name for c in COUNTERS if c.owner == "monitor" and c.role in ("analysed", "sampled_out", "dropped")
)
WORKER_SETTLING = tuple(c.name for c in COUNTERS if c.owner == "worker" and c.role == "dropped")
DROPPED = tuple(c.name for c in COUNTERS if c.role == "dropped")


class Accounting(TypedDict):
    """Where the exchanges are; `seen == analysed + sampled_out + in_flight + sum(dropped)`."""

    seen: int
    analysed: int
    sampled_out: int
    in_flight: int
    dropped: dict[str, int]


def read_counter(segment: Segment, name: str) -> int:
    """A counter's value.

    Args:
        segment: the ring.
        name: as in `COUNTERS`.

    Returns:
        The count or gauge, >= 0.

    Raises:
        KeyError: no such counter.

    Called by: either.
    """
    return segment.words[WORDS[name]]


def add_to_counter(segment: Segment, name: str, n: int = 1) -> None:
    """Adds to a counter.

    Args:
        segment: the ring.
        name: as in `COUNTERS`.
        n: how many, >= 0.

    Raises:
        KeyError: no such counter.

    Called by: the counter's owner only.
    """
    segment.words[WORDS[name]] += n


def settled_by_monitor(segment: Segment) -> int:
    """How many final records of this ring the monitor has settled, in all its lives."""
    words = segment.words
    return sum(words[WORDS[name]] for name in MONITOR_SETTLING)


def settle_dead_worker(segment: Segment) -> int:
    """Settles as `worker_died` what a worker that is gone had seen, and neither published nor dropped.

    Called again it changes nothing, so a kill in the middle does no harm.

    Args:
        segment: the ring of a worker that no longer runs.

    Returns:
        How many exchanges that were.

    Called by: the next writer, or the supervisor when there will be none.
    """
    words = segment.words
    others = sum(words[WORDS[name]] for name in WORKER_SETTLING if name != "worker_died")
    lost = words[WORDS["seen"]] - segment.read_publication().n_recorded - others
    newly = lost - words[WORDS["worker_died"]]
    words[WORDS["worker_died"]] = lost
    return newly


def accounting(segments: Iterable[Segment]) -> Accounting:
    """Where the exchanges of some rings are.

    Args:
        segments: the rings; counters are summed over them.

    Returns:
        The sums; `in_flight` is >= 0 and the identity holds exactly, whatever the owners do meanwhile.

    Called by: either.

    Ordering: settling counters are read before `seen`, and an exchange is seen long before it is settled, so
        what is read is never more settled than seen, but for a weakly ordered processor that shows a worker's
        two stores in the other order; then the later one is what is true of `seen` too.
    """
    total: Accounting = {
        "seen": 0,
        "analysed": 0,
        "sampled_out": 0,
        "in_flight": 0,
        "dropped": dict.fromkeys(DROPPED, 0),
    }
    for segment in segments:
        words = segment.words
        values = {name: words[WORDS[name]] for name in (*MONITOR_SETTLING, *WORKER_SETTLING)}
        settled = sum(values.values())
        seen = max(words[WORDS["seen"]], settled)
        total["seen"] += seen
        total["in_flight"] += seen - settled
        total["analysed"] += values["analysed"]
        total["sampled_out"] += values["sampled_out"]
        for name in DROPPED:
            total["dropped"][name] += values[name]
    return total
