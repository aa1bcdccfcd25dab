"""What KServe's own clients see of a server of KServe's SDK is the same through the sidecar: REST on httpx
(V1, V2, binary tensors, errors) and gRPC."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.support.listening import free_port
from tests.support.mlserver import exchange
from tests.support.peers import PROGRAMS, outcomes, require_peer, serving
from tests.support.running import Sidecar

ENVIRONMENT = ".venv-peers-kserve"
# Of each case, a part of what is seen: so that both ways failing alike is no success.
REST = {
    "health": "[True, True, True, False]",
    "a_v1_prediction": "{'predictions': [3.0, 0.4]}",
    "a_v1_explanation": "{'explanations': [0.1, 0.2, 0.3, 0.4]}",
    "a_v2_inference_in_json": "[['y', [2], 'FP64', [3.0, 0.4]]]",
    "binary_tensors_both_ways": "['x', [1000, 100], 'FP32', True]",
    "a_model_that_is_not_there": "'404 Not Found' for url",
    "instances_that_are_no_numbers": 'Expected "instances" to be a list, ',
    "many_at_once": "[3.0], [3.3",
}
GRPC = {
    "health": "[True, True, True]",
    "an_inference": "['7', 'linear', [3.0, 0.4]]",
    "a_large_tensor_both_ways": "[[4000, 100], True]",
    "a_model_that_is_not_there": "Model with name none does not exist.",
    "many_at_once": "[3.0, 0.4], [6.0, 0.8]",
}

pytestmark = [pytest.mark.peers, pytest.mark.slow]


@dataclass(frozen=True, slots=True)
class KServe:
    """Loopback ports of a running server."""

    http: int
    grpc: int


@pytest.fixture(scope="module")
def kserve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KServe]:
    ports = KServe(free_port(), free_port())
    flags = ["--http_port", str(ports.http), "--grpc_port", str(ports.grpc)]
    command = [require_peer(ENVIRONMENT, "python"), PROGRAMS / "kserve_app.py", *flags]

    def is_ready() -> bool:
        return exchange(ports.http, "GET", "/v2/models/echo/ready")[0] == 200

    with serving(command, tmp_path_factory.mktemp("kserve"), is_ready):
        yield ports


def ask(program: str, port: int) -> dict[str, Any]:
    return outcomes(require_peer(ENVIRONMENT, "python"), program, f"127.0.0.1:{port}")


@pytest.fixture(scope="module")
def rest(kserve: KServe) -> dict[str, dict[str, Any]]:
    with Sidecar(f"http://127.0.0.1:{kserve.http}") as sidecar:
        ports = {"direct": kserve.http, "sidecar": sidecar.traffic}
        return {way: ask("kserve_rest.py", port) for way, port in ports.items()}


@pytest.fixture(scope="module")
def grpc_direct(kserve: KServe) -> dict[str, Any]:
    return ask("kserve_grpc.py", kserve.grpc)


@pytest.fixture(scope="module")
def grpc_through(kserve: KServe) -> dict[str, Any]:
    with Sidecar(f"http://127.0.0.1:{kserve.grpc}") as sidecar:
        return ask("kserve_grpc.py", sidecar.traffic)


@pytest.mark.parametrize("case", REST)
def test_an_outcome_over_rest_is_the_servers_own(rest: dict[str, dict[str, Any]], case: str) -> None:
    assert REST[case] in str(rest["direct"][case])
    assert rest["sidecar"][case] == rest["direct"][case]


@pytest.mark.parametrize("case", GRPC)
def test_a_case_over_grpc_ends_as_the_server_means_it(grpc_direct: dict[str, Any], case: str) -> None:
    assert GRPC[case] in str(grpc_direct[case])


@pytest.mark.parametrize("case", GRPC)
def test_an_outcome_over_grpc_is_the_servers_own(
    grpc_direct: dict[str, Any], grpc_through: dict[str, Any], case: str
) -> None:
    assert grpc_through[case] == grpc_direct[case]


def test_every_case_is_looked_at(rest: dict[str, dict[str, Any]], grpc_direct: dict[str, Any]) -> None:
    assert (set(rest["direct"]), set(grpc_direct)) == (set(REST), set(GRPC))
