"""What the openai client sees of a real LitServe, and of captured answers of vLLM, is the same through the
sidecar: answers, streams as they come, usage, tools, errors, and aborts that reach the server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.listening import free_port
from tests.support.mlserver import exchange
from tests.support.peers import PROGRAMS, outcomes, require_peer, serving
from tests.support.replay import Replay
from tests.support.running import ROOT, Sidecar

ENVIRONMENT = ".venv-peers-openai"
CAPTURES = ROOT / "tests" / "corpus" / "wire" / "vllm"
# Of each case, a part of what is seen: so that both ways failing alike is no success.
LITSERVE = {
    "a_whole_answer": "'message': {'content': 'one two three '",
    "a_stream": "{'content': 'three '",
    "a_stream_with_usage": "'usage': {'completion_tokens': 0",
    "a_tool_call": "{'arguments': '{\"city\": \"Bonn\"}', 'name': 'weather'}",
    "a_tool_call_in_a_stream": "{'arguments': '{\"city\": \"Bonn\"}', 'name': 'weather'}",
    "the_first_word_comes_before_the_last_is_said": "['first ', 'opened', 'last ']",
    "lines_of_json_come_one_by_one": "[200, None, '{\"token\": \"first \"}\\n', 'opened', ",
    "a_prediction": "[200, {'output': 3.0}]",
    "a_prediction_that_fails": "HTTP Error 500: Internal Server Error",
    "a_path_that_is_not_there": "'raised': 'NotFoundError'",
    "a_body_that_is_refused": '[422, \'{"detail":[{"type":"missing"',
    "streams_at_once_on_the_async_client": "'number 19 of 20 '",
}
VLLM = {
    "a_whole_answer": "'object': 'chat.completion'",
    "log_probabilities": "'logprob': ",
    "two_choices": "'index': 1",
    "a_stream": "'finish_reason': 'length'",
    "a_stream_with_usage": "'choices': []",
    "a_stream_with_continuous_usage": "'usage': {",
    "embeddings": "'raised': 'NotFoundError'",
    "tools_that_are_refused": "'raised': 'BadRequestError'",
    "a_model_that_is_not_there": "'raised': 'NotFoundError'",
    "a_context_that_is_too_long": "'raised': 'BadRequestError'",
    "a_stream_of_a_model_that_is_not_there": "'raised': 'NotFoundError'",
    "every_event_but_the_end_comes_while_the_end_is_held_back": ", 'released']",
    "an_abort_reaches_the_server": ", 1]",
    "an_abort_of_the_async_client_reaches_the_server": ", 1]",
}
Seen = dict[str, dict[str, Any]]

pytestmark = [pytest.mark.peers, pytest.mark.slow]


# These callers leave milliseconds behind their request, sooner than half_close_s takes for leaving.
SOON = {"SIDECAR_TIMEOUTS__HALF_CLOSE_S": "0"}


def both(program: str, port: int, argument: Callable[[str], str]) -> Seen:
    """The outcomes of all cases, asked of the server and through a sidecar."""
    python = require_peer(ENVIRONMENT, "python")
    with Sidecar(f"http://127.0.0.1:{port}", **SOON) as sidecar:
        ports = {"direct": port, "sidecar": sidecar.traffic}
        return {
            way: outcomes(python, program, f"127.0.0.1:{port}", argument(way)) for way, port in ports.items()
        }


@pytest.fixture(scope="module")
def litserve(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    folder, port = tmp_path_factory.mktemp("litserve"), free_port()

    def doors(way: str) -> str:
        made = Path(folder, way)
        made.mkdir()
        return str(made)

    command = [require_peer(ENVIRONMENT, "python"), PROGRAMS / "litserve_app.py", str(port)]
    with serving(command, folder, lambda: exchange(port, "GET", "/health")[0] == 200):
        return both("openai_litserve.py", port, doors)


@pytest.fixture(scope="module")
def vllm() -> Seen:
    with Replay(CAPTURES) as server:
        return both("openai_replayed.py", server.port, lambda way: f"127.0.0.1:{server.port}")


@pytest.mark.parametrize("case", LITSERVE)
def test_an_outcome_of_litserve_is_its_own(litserve: Seen, case: str) -> None:
    assert LITSERVE[case] in str(litserve["direct"][case])
    assert litserve["sidecar"][case] == litserve["direct"][case]


@pytest.mark.parametrize("case", VLLM)
def test_an_outcome_of_vllm_is_its_own(vllm: Seen, case: str) -> None:
    assert VLLM[case] in str(vllm["direct"][case])
    assert vllm["sidecar"][case] == vllm["direct"][case]


def test_every_case_is_looked_at(litserve: Seen, vllm: Seen) -> None:
    assert (set(litserve["direct"]), set(vllm["direct"])) == (set(LITSERVE), set(VLLM))
