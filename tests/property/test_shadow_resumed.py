"""A shadow that is checkpointed and gone on with, anywhere and any number of times, tells what one tells that
was never interrupted: its JSON, findings, changes of the verdict, and metrics."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgpack import packb, unpackb

from sidecar.config.model import Config
from sidecar.config.shadow import FieldConfig, ShadowConfig
from sidecar.log import Log
from sidecar.mirror.answer import Answer
from sidecar.mirror.axes import LEARN_REQUESTS
from sidecar.mirror.job import Job
from sidecar.mirror.resuming import Resuming
from sidecar.mirror.shadow import Shadow
from sidecar.mirror.thread import Mirror
from sidecar.monitor.shadow_readings import shadow_families
from sidecar.telemetry.points import Attributes

UPSTREAM = "http://127.0.0.1:1"
TABLE, CHAT = "/v2/models/m/infer", "/chat"
N_PAIRS = LEARN_REQUESTS + 100
Series = tuple[str, Attributes]
WORDS = ("cat", "dog", "the cat sat on the mat", "the dog sat on the mat", "", "Ü")
FIELDS = (
    FieldConfig(name="score", kind="score", threshold=0.5),
    FieldConfig(name="winner", kind="class"),
    FieldConfig(name="ranks", kind="ranking"),
    FieldConfig(name="vector", kind="embedding"),
    FieldConfig(name="text", kind="text"),
)
CONFIG = ShadowConfig(
    name="s",
    url="http://127.0.0.1:2",
    routes=(TABLE, CHAT),
    fields=FIELDS,
    noise_ratio=0.7,
    most_per_s=1e9,
    alpha=0.4,
    exemplars=7,
    redact=("secret",),
)


class Clock:
    def mono_ns(self) -> int:
        return 0

    def unix_ns(self) -> int:
        return 0


class Told(Log):
    """Keeps what is told of verdicts."""

    def __init__(self) -> None:
        super().__init__("t", "json")
        self.verdicts: list[dict[str, Any]] = []

    def info(self, event: str, **fields: Any) -> None:
        if event == "shadow_verdict":
            self.verdicts.append(fields)


def tensor(name: str, values: Any, datatype: str = "FP64") -> dict[str, Any]:
    shape = np.shape(values)
    return {"name": name, "datatype": datatype, "shape": list(shape), "data": np.ravel(values).tolist()}


def outputs_of(rng: np.random.Generator, rows: int) -> bytes:
    outputs = [
        tensor("score", np.round(rng.random(rows), 1)),
        tensor("plain", np.round(rng.normal(size=rows), 2)),
        *(tensor(name, np.round(rng.random((rows, 4)), 1)) for name in ("winner", "ranks", "vector")),
        tensor("label", rng.choice(WORDS[:2], rows), "BYTES"),
        tensor("text", rng.choice(WORDS, rows), "BYTES"),
    ]
    return json.dumps({"model_name": "m", "outputs": outputs}).encode()


def document_of(rng: np.random.Generator) -> bytes:
    return json.dumps({"text": str(rng.choice(WORDS)), "usage": {"tokens": int(rng.integers(3))}}).encode()


@dataclass
class Stream:
    """Random requests and answers of all kinds; the shadow differs more where `x` is high."""

    rng: np.random.Generator
    numbers: count[int] = field(default_factory=count)

    def body(self, path: str, rows: int) -> bytes:
        return document_of(self.rng) if path == CHAT else outputs_of(self.rng, rows)

    def answer(self, body: bytes) -> Answer:
        """The body most of the time."""
        latency_s = float(self.rng.exponential(0.01))
        match self.rng.integers(40):
            case 0:
                return Answer(int(self.rng.choice([404, 500, 503])), {}, b"", latency_s)
            case 1:
                return Answer(0, {}, b"", latency_s, "timeout")
            case 2:
                return Answer(200, {"content-encoding": "br"}, b"?", latency_s)
            case _:
                return Answer(200, {}, body, latency_s)

    def pair(self) -> tuple[Job, Answer, Answer]:
        rng, number = self.rng, next(self.numbers)
        path = CHAT if rng.random() < 0.2 else TABLE
        rows = int(rng.integers(1, 4))
        x = np.round(rng.random(rows), 2)
        inputs = [
            tensor("x", x),
            tensor("secret", rng.random(rows)),
            tensor("city", rng.choice(WORDS, rows), "BYTES"),
        ]
        asked = json.dumps({"inputs": inputs}).encode()
        body = self.body(path, rows)
        other = self.body(path, rows + int(rng.random() < 0.1))
        job = Job(number, number.to_bytes(8, "big"), "POST", path, path, {}, asked, self.answer(body))
        shown = other if rng.random() < (0.9 if x.max() > 0.7 else 0.1) else body
        return job, self.answer(shown), self.answer(other if rng.random() < 0.1 else body)


class Life:
    """A mirror in which pairs are taken by hand, in one life after the other."""

    def __init__(self) -> None:
        self.told = Told()
        self.n_taken = 0
        self._ended: Counter[Series] = Counter()  # what the counters had come to in the lives before
        self.begin(None)

    def begin(self, saved: Any) -> None:
        self.mirror = Mirror(Config(upstream=UPSTREAM, shadows=(CONFIG,)), Clock(), self.told)
        self.resuming = Resuming(self.mirror.shadows, UPSTREAM, 1)
        assert self.resuming.restore(saved, self.n_taken, 0.0, self.told) == 0

    @property
    def shadow(self) -> Shadow:
        return self.mirror.shadows[0]

    def take(self, job: Job, shown: Answer, again: Answer) -> None:
        self.n_taken += 1
        if self.shadow.take(job, 0.0):
            self.shadow.end(job, shown, 0.0)
            if self.shadow.take_noise(job):
                self.shadow.end_noise(job, again)
        self.mirror.tell_verdicts()

    @property
    def counters(self) -> Counter[Series]:
        """All increases, in all lives, as `increase()` has them of counters that begin anew."""
        return self._ended + Counter(dict(self._points("counter")))

    @property
    def gauges(self) -> dict[Series, float]:
        return dict(self._points("gauge"))

    def _points(self, kind: str) -> Iterator[tuple[Series, float]]:
        for family in shadow_families(self.mirror.shadows):
            for point in family.points if family.instrument.kind == kind else ():
                yield (family.instrument.name, point.attributes), point.value

    def die_and_go_on(self) -> None:
        self._ended = self.counters
        self.begin(unpackb(packb(self.resuming.to_state(0.0))))


def same(one: Life, other: Life) -> None:
    assert one.shadow.to_json() == other.shadow.to_json()
    assert one.shadow.comparison.findings() == other.shadow.comparison.findings()
    assert one.gauges == other.gauges
    assert one.counters == other.counters
    assert one.told.verdicts == other.told.verdicts
    assert one.shadow.to_state(UPSTREAM, 0.0) == other.shadow.to_state(UPSTREAM, 0.0)


@given(seed=st.integers(0, 2**32), ends=st.sets(st.integers(0, N_PAIRS), max_size=6))
@settings(
    deadline=None,
    max_examples=4,
    phases=(Phase.explicit, Phase.reuse, Phase.generate),  # hundreds of pairs each: none is worth shrinking
    suppress_health_check=[HealthCheck.too_slow],
)
def test_nothing_tells_that_it_was_ever_interrupted(seed: int, ends: set[int]) -> None:
    stream = Stream(np.random.default_rng(seed))
    whole, killed = Life(), Life()
    for place in range(N_PAIRS):
        if place in ends:
            killed.die_and_go_on()
            same(killed, whole)
        pair = stream.pair()
        whole.take(*pair)
        killed.take(*pair)
    killed.die_and_go_on()
    same(killed, whole)


@pytest.fixture(scope="module")
def lived() -> Life:
    stream, life = Stream(np.random.default_rng(1)), Life()
    for _ in range(2 * N_PAIRS):
        life.take(*stream.pair())
    return life


def test_the_stream_has_something_of_everything_that_is_kept(lived: Life) -> None:
    told = lived.shadow.to_json()
    kinds = {"score", "value", "class", "ranking", "embedding", "text", "json"}
    assert {entry["kind"] for entry in told["fields"]} == kinds
    assert min(told["compared"], *(told["uncompared"][reason] for reason in ("failed", "undecoded"))) > 0
    assert told["disagreement"]["noise_pairs"] > 0
    assert told["segments"]
    assert len(told["exemplars"]) == 7
    assert lived.told.verdicts
