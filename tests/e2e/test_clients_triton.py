"""What tritonclient sees of a real MLServer over HTTP is the same through the sidecar: answers, errors,
refusals, streams, and many calls at once."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.support.mlserver import ENVIRONMENT, MlServer
from tests.support.peers import outcomes, require_peer
from tests.support.running import Sidecar

# Of each case, a part of what is seen: so that both ways failing alike is no success.
FACTS = {
    "health_and_metadata": "[[True, True, True], {'name': 'mlserver'",
    "one_inference": "{'classes': [0, 1, 2], 'id': '7', 'version': 'v1'}",
    "an_inference_by_version": "{'classes': [0, 1, 2], 'id': '7', 'version': 'v1'}",
    "a_gzip_request": "{'classes': [0, 1, 2], 'id': '7', 'version': 'v1'}",
    "a_gzip_response": "{'classes': [0, 1, 2], 'id': '7', 'version': 'v1'}",
    "a_deflate_request": "[422]",
    "binary_tensors": "[422]",
    "a_model_that_is_not_there": "[404] Model none not found",
    "a_tensor_of_the_wrong_width": "[500]",
    "an_output_that_is_not_there": "[400] SKLearnModel only supports",
    "a_body_that_is_no_json": "'status': 422, 'reason': 'Unprocessable Entity'",
    "a_body_without_inputs": "'status': 422, 'reason': 'Unprocessable Entity'",
    "a_body_of_a_megabyte": "[50000,1]",
    "a_stream_of_events": '"data":["three"]}]}',
    # MLServer answers 500, says nothing of closing, and closes: whoever reuses that connection at once loses.
    "good_calls_right_behind_broken_ones": str(["[500]", [0, 1, 2]] * 10),
    "many_at_once_on_a_pool": "['63', [0, 1, 2]]]",
    "many_at_once_on_the_async_client": "['63', [0, 1, 2]]]",
    "the_async_clients_own_content_type": "[422]",
}
# Where objects lay in the server's memory when it wrote a trace.
ADDRESS = re.compile(r"0x[0-9a-f]+")

pytestmark = [pytest.mark.peers, pytest.mark.slow]


@pytest.fixture(scope="module")
def seen(mlserver: MlServer) -> dict[str, dict[str, Any]]:
    """The outcomes of all cases, asked of the server and through a sidecar."""
    python = require_peer(ENVIRONMENT, "python")
    with Sidecar(f"http://127.0.0.1:{mlserver.http}") as sidecar:
        ports = {"direct": mlserver.http, "sidecar": sidecar.traffic}
        return {way: outcomes(python, "triton_http.py", f"127.0.0.1:{port}") for way, port in ports.items()}


def test_every_case_is_looked_at(seen: dict[str, dict[str, Any]]) -> None:
    assert list(FACTS.keys() ^ seen["direct"].keys()) == []


@pytest.mark.parametrize("case", FACTS)
def test_the_outcome_is_the_servers_own(seen: dict[str, dict[str, Any]], case: str) -> None:
    direct, through = (ADDRESS.sub("0x", str(seen[way][case])) for way in ("direct", "sidecar"))
    assert FACTS[case] in direct
    assert through == direct
