"""What gRPC clients see of a real MLServer is the same through the sidecar, which passes HTTP/2 on as it
comes: answers, status in trailers, metadata, deadlines, streams both ways, compression, cancelled calls."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.mlserver import ENVIRONMENT, MlServer
from tests.support.peers import outcomes, require_peer
from tests.support.running import Sidecar

# Of each case, a part of what is seen: so that both ways failing alike is no success.
FACTS = {
    "triton_grpc.py": {
        "health_and_metadata": "[[True, True, True], {'name': 'mlserver'",
        "one_inference": "{'classes': [0, 1, 2], 'id': '7', 'version': 'v1'}",
        "a_compressed_request": "[True, [0, 1, 2]]",
        "a_model_that_is_not_there": "[StatusCode.NOT_FOUND] Model none with version  not found",
        "a_tensor_of_the_wrong_width": "[StatusCode.INTERNAL] X has 3 features",
        "a_service_that_is_not_there": "[StatusCode.UNIMPLEMENTED] Method not found!",
        "a_deadline": "[StatusCode.DEADLINE_EXCEEDED]",
        "many_channels_at_once": "['19.4', [1, 2]]]]",
        "a_cancelled_call_reaches_the_server": "[1, 0, 1]",
    },
    "mlserver_grpc.py": {
        "a_call_and_its_metadata": "['hello', '7', 'StatusCode.OK', [], [['ce-specversion', '0.3']",
        "a_status_in_the_trailers": "['StatusCode.NOT_FOUND', 'Model none with version  not found'",
        "a_stream_both_ways": "[['one', 'two', 'three', 'four', 'five', 'six'], 'StatusCode.OK', [['ce-spec",
        "an_answer_comes_before_the_next_question": "['first', 'after-first']",
        "a_stream_that_its_caller_leaves": "['one', 'StatusCode.CANCELLED', 'still there']",
    },
}
CASES = [(program, case) for program, facts in FACTS.items() for case in facts]

pytestmark = [pytest.mark.peers, pytest.mark.slow]


def ask(port: int, direct: int) -> dict[str, dict[str, Any]]:
    python = require_peer(ENVIRONMENT, "python")
    return {
        program: outcomes(python, program, f"127.0.0.1:{port}", f"127.0.0.1:{direct}") for program in FACTS
    }


@pytest.fixture(scope="module")
def direct(mlserver: MlServer) -> dict[str, dict[str, Any]]:
    """The outcomes of all cases, asked of the server itself."""
    return ask(mlserver.grpc, mlserver.grpc)


@pytest.fixture(scope="module")
def through(mlserver: MlServer) -> dict[str, dict[str, Any]]:
    """The outcomes of all cases, asked through a sidecar."""
    with Sidecar(f"http://127.0.0.1:{mlserver.grpc}") as sidecar:
        return ask(sidecar.traffic, mlserver.grpc)


@pytest.mark.parametrize(("program", "case"), CASES)
def test_a_case_ends_as_the_server_means_it(
    direct: dict[str, dict[str, Any]], program: str, case: str
) -> None:
    assert FACTS[program][case] in str(direct[program][case])


@pytest.mark.parametrize(("program", "case"), CASES)
def test_the_outcome_is_the_servers_own(
    direct: dict[str, dict[str, Any]], through: dict[str, dict[str, Any]], program: str, case: str
) -> None:
    assert through[program][case] == direct[program][case]


def test_every_case_is_looked_at(direct: dict[str, dict[str, Any]]) -> None:
    assert {program: set(facts) for program, facts in FACTS.items()} == {
        program: set(seen) for program, seen in direct.items()
    }
