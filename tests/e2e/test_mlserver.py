"""A real MLServer answers its own client through the sidecar as it does directly, and its features are
watched.

MLServer lives in an environment of its own (`.venv-peers`, made by `make test`): its dependencies are not
ours.
"""

from __future__ import annotations

import http.client
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running import ROOT, Sidecar, eventually

PEERS = ROOT / ".venv-peers" / "bin"
TRAIN = """
import joblib, numpy, sys
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
x, y = load_iris(return_X_y=True)
joblib.dump(LogisticRegression(max_iter=500).fit(x, y), sys.argv[1])
"""
CLIENT = """
import json, sys
import numpy, tritonclient.http as client
from sklearn.datasets import load_iris
x, _ = load_iris(return_X_y=True)
server = client.InferenceServerClient(sys.argv[1])
assert server.is_server_ready() and server.is_model_ready("iris")
classes = []
for start in range(0, 150, 10):
    tensor = client.InferInput("predict", [10, 4], "FP64")
    tensor.set_data_from_numpy(x[start:start + 10], binary_data=False)
    wanted = client.InferRequestedOutput("predict", binary_data=False)
    answer = server.infer("iris", [tensor], outputs=[wanted])
    classes += answer.as_numpy("predict").ravel().tolist()
print(json.dumps(classes))
"""

pytestmark = [pytest.mark.peers, pytest.mark.slow, pytest.mark.timeout(180)]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def mlserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    assert (PEERS / "mlserver").exists(), "MLServer is missing: `make peers` installs it into .venv-peers"
    folder = tmp_path_factory.mktemp("mlserver")
    model = {
        "name": "iris",
        "implementation": "mlserver_sklearn.SKLearnModel",
        "parameters": {"uri": "./iris.joblib", "version": "v1"},
    }
    ports = {"http_port": free_port(), "grpc_port": free_port(), "metrics_port": free_port()}
    (folder / "model-settings.json").write_text(json.dumps(model))
    (folder / "settings.json").write_text(json.dumps({"host": "127.0.0.1", "parallel_workers": 0, **ports}))
    subprocess.run([PEERS / "python", "-c", TRAIN, folder / "iris.joblib"], check=True, timeout=120)
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen([PEERS / "mlserver", "start", "."], cwd=folder, stdout=log, stderr=log)
    try:
        eventually(lambda: is_ready(ports["http_port"], folder / "log", server), 120)
        yield ports["http_port"]
    finally:
        server.terminate()
        server.wait(30)


def is_ready(port: int, log: Path, server: subprocess.Popen[bytes]) -> bool:
    assert server.poll() is None, log.read_text()
    return exchange(port, "GET", "/v2/models/iris/ready")[0] == 200


def exchange(port: int, method: str, path: str, body: bytes | None = None) -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request(method, path, body, {"content-type": "application/json"} if body else {})
    answer = connection.getresponse()
    received = answer.status, answer.read()
    connection.close()
    return received


def predict(port: int) -> list[int]:
    done = subprocess.run(
        [PEERS / "python", "-c", CLIENT, f"127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    classes: list[int] = json.loads(done.stdout)
    return classes


def test_its_own_client_sees_no_difference_and_its_features_are_watched(mlserver: int) -> None:
    settings = {"SIDECAR_REFERENCE__AUTO_ROWS": "100", "SIDECAR_TAP__CPU_BUDGET_CORES": "8"}
    with Sidecar(f"http://127.0.0.1:{mlserver}", **settings) as sidecar:
        sidecar.monitored()
        assert predict(sidecar.traffic) == predict(mlserver)
        document = eventually(lambda: (found := sidecar.get("/api/v1/drift"))["features"] and found)
        assert (document["model"], document["version"]) == ("iris", "v1")
        names = [(entry["name"], entry["role"]) for entry in document["features"]]
        assert names == [*((f"predict[{place}]", "input") for place in range(4)), ("predict", "output")]
        assert sidecar.settled(17)["analysed"] == 15


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        (
            "POST",
            "/v2/models/iris/infer",
            b'{"id":"1","inputs":[{"name":"predict","shape":[1,4],"datatype":"FP64","data":[5,3,1,0]}]}',
        ),
        (
            "POST",
            "/v2/models/iris/versions/v1/infer",
            b'{"id":"1","inputs":[{"name":"predict","shape":[1,4],"datatype":"FP64","data":[[5,3,1,0]]}]}',
        ),
        ("POST", "/v2/models/iris/infer", b"{broken"),
        ("POST", "/v2/models/none/infer", b'{"id":"1","inputs":[]}'),
        ("GET", "/v2/models/iris", None),
        ("GET", "/v2", None),
        ("GET", "/v2/health/live", None),
    ],
)
def test_bodies_are_identical(mlserver: int, method: str, path: str, body: bytes | None) -> None:
    with Sidecar(f"http://127.0.0.1:{mlserver}") as sidecar:
        assert exchange(sidecar.traffic, method, path, body) == exchange(mlserver, method, path, body)
