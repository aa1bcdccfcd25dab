"""Five shadows that misbehave and one that does not, behind one sidecar at once: callers and the good shadow
notice nothing, and what became of every copy is told exactly."""

from __future__ import annotations

import http.client
import json
import re
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from benchmarks.children import answers
from tests.support.lifecycle import settings
from tests.support.listening import free_port
from tests.support.peers import serving
from tests.support.running import PATIENCE_S, ROOT, Sidecar, eventually
from tests.support.traffic import infer_body
from tests.support.upstream import FakeUpstream, Request, with_length

PATH = "/v2/models/m/infer"
N_WAVES, N_CALLERS, N_EACH, N_LOOKS = 10, 4, 15, 7
N_INFERENCES = N_WAVES * N_CALLERS * N_EACH
ENDS = {  # how copies may end that reach a shadow of this manner
    "hang": {"timeout"},
    "trickle": {"timeout"},
    "reset": {"broken"},
    "flood": {"too_long"},
    "nonsense": {"broken", "answered"},
    "good": {"answered"},
}
BOUNDED = {"busy", "rate", "breaker_open"}
SAMPLE = re.compile(r'^model_shadow_(exchanges_total|in_flight)\{shadow="([a-z]+)"[^}]*\} (\d+)$', re.M)


def timeout_s_of(name: str) -> float:
    """Short for those who are to run into it."""
    return 1.0 if ENDS[name] == {"timeout"} else PATIENCE_S


def asked(caller: int, number: int) -> bytes:
    """From one row to forty, no two alike."""
    return infer_body([[caller + row / 7.0, float(number)] for row in range(1 + number % 40)])


def answer_to(body: bytes) -> bytes:
    """What the model answers: the sum of each row, in a text that no two JSON writers would write alike."""
    (tensor,) = json.loads(body)["inputs"]
    sums = [sum(row) for row in tensor["data"]]
    output = {"name": "y", "datatype": "FP64", "shape": [len(sums)], "data": sums}
    return json.dumps({"model_name": "m", "outputs": [output]}, indent=len(sums) % 3).encode()


def serve(request: Request) -> bytes:
    return with_length(answer_to(request.body) if request.body else b"ready")


@dataclass(frozen=True, slots=True)
class Run:
    """What was seen of a run whose copies have all ended.

    Attributes:
        wrong: requests whose answer was not the upstream's, byte for byte.
        shadows: entries of `GET /api/v1/shadow`, by name.
        metrics: by shadow, the sum over the metric's reasons of exchanges, and of those on their way.
        n_seen: exchanges by the sidecar's own accounting.
        n_faults: faults of the mirror's own, by its log.
    """

    wrong: list[tuple[int, int]]
    shadows: dict[str, dict[str, Any]]
    metrics: Counter[str]
    n_seen: int
    n_faults: int


def call(port: int, wave: int, caller: int, wrong: list[tuple[int, int]]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    for number in range(wave * N_EACH, (wave + 1) * N_EACH):
        body = asked(caller, number)
        connection.request("POST", PATH, body, {"content-type": "application/json"})
        answer = connection.getresponse()
        if (answer.status, answer.read()) != (200, answer_to(body)):
            wrong.append((caller, number))
    connection.close()


def shadows_of(sidecar: Sidecar) -> dict[str, dict[str, Any]]:
    return {entry["name"]: entry for entry in sidecar.get("/api/v1/shadow")["shadows"]}


def wait_for_the_good_one(sidecar: Sidecar, n_asked: int) -> None:
    eventually(lambda: shadows_of(sidecar)["good"]["compared"] == n_asked)


def ended(sidecar: Sidecar) -> dict[str, dict[str, Any]] | None:
    """The shadows once nothing is on its way, and the good one has compared everything."""
    found = shadows_of(sidecar)
    still = [name for name, entry in found.items() if entry["in_flight"] > 0]
    return found if not still and found["good"]["compared"] == N_INFERENCES else None


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    folder = tmp_path_factory.mktemp("shadows")
    ports = {name: free_port() for name in ENDS if name != "good"}
    program = [sys.executable, "-m", "benchmarks.bad_shadows"]
    command: list[str | Path] = [*program, *(f"{name}={port}" for name, port in ports.items())]

    def is_ready() -> bool:
        return all(answers(port) for port in ports.values())

    with (
        FakeUpstream(answer=serve) as primary,
        FakeUpstream(answer=serve) as good,
        serving(command, folder, is_ready, PYTHONPATH=str(ROOT)),
    ):
        small = {"answer_bytes": 1_000_000, "most_per_s": 1e6}
        shadows = [
            {"name": name, "url": f"http://127.0.0.1:{port}", "timeout_s": timeout_s_of(name), **small}
            for name, port in ports.items()
        ]
        url = f"http://127.0.0.1:{good.port}"
        # behind the others: what they do comes first
        shadows.append({"name": "good", "url": url, "most_per_s": 1e6, "concurrency": 1000})
        file = settings(folder, shadows=shadows)  # type: ignore[arg-type]
        upstream = f"http://127.0.0.1:{primary.port}"
        with Sidecar(upstream, "--config", str(file)) as sidecar:
            sidecar.monitored()
            wrong: list[tuple[int, int]] = []
            for wave in range(N_WAVES):
                callers = [
                    threading.Thread(target=call, args=(sidecar.traffic, wave, caller, wrong))
                    for caller in range(N_CALLERS)
                ]
                for thread in callers:
                    thread.start()
                for thread in callers:
                    thread.join()
                # the next wave when the good one has kept up, whatever the others are at
                wait_for_the_good_one(sidecar, (wave + 1) * N_CALLERS * N_EACH)
            for _ in range(N_LOOKS):
                assert b"200 OK" in sidecar.send(
                    b"GET /v2/health/ready HTTP/1.1\r\nHost: m\r\nConnection: close\r\n\r\n"
                )
            n_seen = sidecar.settled(N_INFERENCES + N_LOOKS)["seen"]
            found = eventually(lambda: ended(sidecar))
            metrics: Counter[str] = Counter()
            for name, shadow, count in SAMPLE.findall(sidecar.metrics()):
                metrics[f"{shadow} {name}"] += int(count)
            yield Run(wrong, found or {}, metrics, n_seen, len(sidecar.events("mirror_fault")))


class TestCallers:
    def test_get_the_exact_bytes_of_the_upstream(self, run: Run) -> None:
        assert run.wrong == []

    def test_are_all_seen(self, run: Run) -> None:
        assert run.n_seen == N_INFERENCES + N_LOOKS


class TestTheGoodShadow:
    def test_compares_every_inference_and_agrees(self, run: Run) -> None:
        good = run.shadows["good"]
        assert (good["compared"], good["undecoded"]) == (N_INFERENCES, 0)
        assert (good["disagreement"]["rate"], good["errors"]) == (0.0, {"primary": 0, "shadow": 0})
        assert good["skipped"] == {"not_inference": N_LOOKS}


class TestEveryShadow:
    @pytest.mark.parametrize("name", ENDS)
    def test_accounts_for_every_exchange_by_reason(self, run: Run, name: str) -> None:
        entry = run.shadows[name]
        assert entry["mirrored"] + sum(entry["skipped"].values()) == run.n_seen, entry
        assert sum(entry["ended"].values()) == entry["mirrored"]
        assert entry["skipped"]["not_inference"] == N_LOOKS

    @pytest.mark.parametrize("name", ENDS)
    def test_ends_copies_as_its_manner_is_and_skips_only_what_does_not_fit(self, run: Run, name: str) -> None:
        entry = run.shadows[name]
        assert entry["ended"].keys() == ENDS[name], entry
        assert entry["skipped"].keys() <= BOUNDED | {"not_inference"}, entry

    def test_causes_no_fault_of_the_mirror(self, run: Run) -> None:
        assert run.n_faults == 0
