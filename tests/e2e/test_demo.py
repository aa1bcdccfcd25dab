"""The demonstration as users start it, and its model server by itself."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path

import numpy as np
import pytest

from sidecar.demo.flights import FEATURES, Flights, load_flights, split_flights
from sidecar.demo.model import train_model
from sidecar.demo.traffic import encode_request
from tests.support.running import PATIENCE_S

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def flights() -> Flights:
    return load_flights()


@pytest.fixture(scope="module")
def server(flights: Flights, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HTTPConnection]:
    path = tmp_path_factory.mktemp("server") / "model.json"
    train_model(flights.take(split_flights(flights).training)).save(path)
    command = [sys.executable, "-m", "sidecar.demo.server", "--model", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as running:
        assert running.stderr is not None
        host, port = json.loads(running.stderr.readline())["traffic"].split(":")
        connection = HTTPConnection(host, int(port), timeout=PATIENCE_S)
        yield connection
        connection.close()
        running.terminate()
        assert running.wait(PATIENCE_S) == 0


def _ask(server: HTTPConnection, method: str, path: str, body: bytes | None = None) -> tuple[int, object]:
    server.request(method, path, body, {"content-type": "application/json"} if body is not None else {})
    answer = server.getresponse()
    return answer.status, json.loads(answer.read())


def test_the_model_server_speaks_v2(server: HTTPConnection, flights: Flights) -> None:
    assert _ask(server, "GET", "/v2")[0] == 200
    assert _ask(server, "GET", "/v2/health/live") == (200, {"live": True})
    assert _ask(server, "GET", "/v2/health/ready") == (200, {"ready": True})
    assert _ask(server, "GET", "/v2/models/late/ready") == (200, {"name": "late", "ready": True})
    status, about = _ask(server, "GET", "/v2/models/late")
    assert status == 200
    assert isinstance(about, dict)
    assert [column["name"] for column in about["inputs"]] == list(FEATURES)
    missing = np.flatnonzero(np.isnan(flights.numeric["temp"]))[:2]
    status, answer = _ask(server, "POST", "/v2/models/late/infer", encode_request(flights.cells(), missing))
    assert status == 200
    assert isinstance(answer, dict)
    assert [(output["name"], output["shape"]) for output in answer["outputs"]] == [
        ("late_probability", [2]),
        ("late", [2]),
    ]


def test_the_model_server_refuses_what_it_cannot_answer(server: HTTPConnection) -> None:
    status, answer = _ask(server, "POST", "/v2/models/late/infer", b'{"inputs": 3}')
    assert status == 400
    assert isinstance(answer, dict)
    assert answer["error"].startswith("body: expected an inference request, got ")
    assert _ask(server, "POST", "/v2/models/early/infer", b"{}") == (
        404,
        {"error": "path: expected one of model 'late', got POST /v2/models/early/infer"},
    )


def _start_demo(*arguments: str, folder: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sidecar", "demo", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"TMPDIR": str(folder)},
        start_new_session=True,
    )


def _processes(folder: Path) -> set[str]:
    """Ids of all processes that a demonstration started: their standard error is its file, deleted or not."""
    found = set()
    for stderr in Path("/proc").glob("[0-9]*/fd/2"):
        try:
            if str(stderr.readlink()).startswith(f"{folder}/"):
                found.add(stderr.parts[2])
        except OSError:
            continue  # another user's, or gone meanwhile
    return found


def _assert_nothing_left(folder: Path) -> None:
    assert [path.name for path in folder.iterdir()] == []
    assert _processes(folder) == set()


def test_the_demonstration_finds_the_drift_and_nothing_before_it(tmp_path: Path) -> None:
    with _start_demo("--seconds", "20", folder=tmp_path) as demo:
        output, _ = demo.communicate(timeout=4 * PATIENCE_S)
    assert demo.returncode == 0, output
    assert "no drift     none claimed while there was none" in output
    drifted = re.search(r"^  drifted +(.*)$", output, re.MULTILINE)
    assert drifted is not None, output
    names = {part.split(" ")[0] for part in drifted[1].split(", ")}
    assert {"temp", "dewp"} <= names
    assert re.search(r"^  requests .* answered .*, 0 failed", output, re.MULTILINE), output
    assert "DOES NOT BALANCE" not in output
    _assert_nothing_left(tmp_path)


def test_an_interrupted_demonstration_leaves_nothing_behind(tmp_path: Path) -> None:
    with _start_demo(folder=tmp_path) as demo:
        assert demo.stdout is not None
        seen, n_processes = [], 0
        for line in demo.stdout:
            seen.append(line)
            if line.startswith("traffic "):
                n_processes = len(_processes(tmp_path))
                demo.send_signal(signal.SIGINT)
                break
        rest, _ = demo.communicate(timeout=PATIENCE_S)
    assert demo.returncode == 130, "".join(seen) + rest
    assert rest.endswith("sidecar demo: interrupted\n")
    assert n_processes == 4  # model server, supervisor, worker, monitor
    _assert_nothing_left(tmp_path)
