"""A real MLServer answers its own client through the sidecar as it does directly, and its features are
watched.

MLServer lives in an environment of its own (`.venv-peers`, made by `make test`): its dependencies are not
ours.
"""

from __future__ import annotations

import json
import subprocess

import pytest

from tests.support.mlserver import ENVIRONMENT, MlServer, exchange
from tests.support.peers import require_peer
from tests.support.running import Sidecar, eventually

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

pytestmark = [pytest.mark.peers, pytest.mark.slow]


def predict(port: int) -> list[int]:
    done = subprocess.run(
        [require_peer(ENVIRONMENT, "python"), "-c", CLIENT, f"127.0.0.1:{port}"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    classes: list[int] = json.loads(done.stdout)
    return classes


def test_its_own_client_sees_no_difference_and_its_features_are_watched(mlserver: MlServer) -> None:
    settings = {"SIDECAR_REFERENCE__AUTO_ROWS": "100"}
    names = [*((f"predict[{place}]", "input") for place in range(4)), ("predict", "output")]
    with Sidecar(f"http://127.0.0.1:{mlserver.http}", **settings) as sidecar:
        sidecar.monitored()
        assert predict(sidecar.traffic) == predict(mlserver.http)
        document = eventually(
            lambda: len((found := sidecar.get("/api/v1/drift"))["features"]) == len(names) and found
        )
        assert (document["model"], document["version"]) == ("iris", "v1")
        assert [(entry["name"], entry["role"]) for entry in document["features"]] == names
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
def test_bodies_are_identical(mlserver: MlServer, method: str, path: str, body: bytes | None) -> None:
    with Sidecar(f"http://127.0.0.1:{mlserver.http}") as sidecar:
        assert exchange(sidecar.traffic, method, path, body) == exchange(mlserver.http, method, path, body)
