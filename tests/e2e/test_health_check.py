"""`/readyz` as the model server's own readiness, asked for again and again."""

from __future__ import annotations

import json
import urllib.error
import urllib.request

from tests.support.running import PATIENCE_S, Sidecar, eventually, request, split
from tests.support.upstream import FakeUpstream, Request, with_length

PATH = "/v2/health/ready"
CHECKED = {
    "SIDECAR_HEALTH_CHECK__PATH": PATH,
    "SIDECAR_HEALTH_CHECK__INTERVAL_S": "0.05",
    "SIDECAR_HEALTH_CHECK__UNHEALTHY": "2",
}


def loading(asked: Request) -> bytes | None:
    return with_length(b"", b"503 Service Unavailable") if asked.path == PATH else None


def readiness(sidecar: Sidecar) -> tuple[int, dict[str, str]]:
    try:
        with urllib.request.urlopen(
            f"http://127.0.0.1:{sidecar.health}/readyz", timeout=PATIENCE_S
        ) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, json.load(refusal)


def test_the_sidecar_is_ready_as_long_as_the_model_says_that_it_is(upstream: FakeUpstream) -> None:
    upstream.answer = loading
    with Sidecar(upstream.url, **CHECKED) as sidecar:
        eventually(lambda: upstream.requests)
        unready = (503, {"status": "unready", "reason": f"the upstream answered 503 to {PATH}"})
        eventually(lambda: readiness(sidecar) == unready)
        upstream.answer = None
        eventually(lambda: readiness(sidecar) == (200, {"status": "ok"}))
        upstream.answer = loading
        eventually(lambda: readiness(sidecar) == unready)
        assert split(sidecar.send(request("/echo", b"served all the same")))[2] == b"served all the same"


def test_checks_are_no_exchanges_and_keep_to_one_connection(upstream: FakeUpstream) -> None:
    with Sidecar(upstream.url, **CHECKED) as sidecar:
        eventually(lambda: len(upstream.requests) >= 5)
        assert upstream.n_connections == 1
        sidecar.monitored()
        assert split(sidecar.send(request("/echo", b"one")))[2] == b"one"
        assert sidecar.settled(1)["seen"] == 1


def test_a_model_that_hangs_in_its_check_is_not_ready_until_it_answers(upstream: FakeUpstream) -> None:
    checked = {**CHECKED, "SIDECAR_HEALTH_CHECK__PATH": "/held", "SIDECAR_HEALTH_CHECK__TIMEOUT_S": "0.1"}
    with Sidecar(upstream.url, **checked) as sidecar:
        late = "the upstream did not answer /held within 0.1 s"
        eventually(lambda: readiness(sidecar) == (503, {"status": "unready", "reason": late}))
        upstream.released.set()
        eventually(lambda: readiness(sidecar) == (200, {"status": "ok"}))
