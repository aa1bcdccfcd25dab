"""A real MLServer, with models of a test's own or with two: `iris` (scikit-learn) and `talk` (streams,
waits to be cancelled)."""

from __future__ import annotations

import http.client
import json
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.listening import free_port
from tests.support.peers import PROGRAMS, require_peer, serving
from tests.support.running import PATIENCE_S

ENVIRONMENT = ".venv-peers"
MODELS = {
    "iris": {
        "name": "iris",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "../iris.joblib", "version": "v1"},
    },
    "talk": {"name": "talk", "implementation": "talk.Talk", "parameters": {"version": "t1"}},
}


@dataclass(frozen=True, slots=True)
class MlServer:
    """Loopback ports of a running MLServer."""

    http: int
    grpc: int


@contextmanager
def mlserver(folder: Path) -> Iterator[MlServer]:
    """Starts MLServer in this folder, its models trained and ready, and ends it."""
    (folder / "talk").mkdir()
    shutil.copy(PROGRAMS / "talk.py", folder / "talk")
    train("train_iris.py", folder / "iris.joblib")
    with serving_models(folder, MODELS) as running:
        yield running


def train(program: str, *arguments: str | Path) -> None:
    """Runs a program that trains, in MLServer's environment."""
    python = require_peer(ENVIRONMENT, "python")
    subprocess.run([python, PROGRAMS / program, *arguments], check=True, timeout=4 * PATIENCE_S)


@contextmanager
def serving_models(folder: Path, models: Mapping[str, Mapping[str, Any]]) -> Iterator[MlServer]:
    """Starts MLServer in this folder, ready when the block begins.

    Args:
        folder: holds whatever the models are made of.
        models: their settings by name; each gets a folder of its own in `folder`.
    """
    for name, settings in models.items():
        (folder / name).mkdir(exist_ok=True)
        (folder / name / "model-settings.json").write_text(json.dumps(settings))
    ports = {"http_port": free_port(), "grpc_port": free_port(), "metrics_port": free_port()}
    # Streams of events need both: no worker processes, and no gzip of MLServer's own.
    server_settings = {"host": "127.0.0.1", "parallel_workers": 0, "gzip_enabled": False, **ports}
    (folder / "settings.json").write_text(json.dumps(server_settings))

    def is_ready() -> bool:
        paths = (f"/v2/models/{name}/ready" for name in models)
        return all(exchange(ports["http_port"], "GET", path)[0] == 200 for path in paths)

    with serving([require_peer(ENVIRONMENT, "mlserver"), "start", "."], folder, is_ready):
        yield MlServer(ports["http_port"], ports["grpc_port"])


def exchange(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    """Status and body of one exchange with the server at this loopback port."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    connection.request(method, path, body, {"content-type": "application/json"} if body else {})
    answer = connection.getresponse()
    received = answer.status, answer.read()
    connection.close()
    return received
