"""Routes: what is analysed, how much of it, with which limits; and what never enters the ring."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running import Sidecar, eventually, request, split
from tests.support.upstream import ANSWER, FakeUpstream, Request, with_length

BODY = b'{"inputs":[{"name":"x","datatype":"FP64","shape":[1],"data":[1.5]}]}'
CONFIG = """
tap:
  paths: ["/v2/**"]
  redact_headers: [X-Customer-Token]
access_log: {{path: "{log}"}}
routes:
  - {{path: "/v2/models/private/**", tap: false}}
  - {{path: "/v2/models/rare/infer", ratio: 0.25}}
  - {{path: "/small/*", body_bytes: 10}}
  - {{path: "/held", timeouts: {{first_byte_s: 0.5}}}}
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "access.log"


@pytest.fixture
def upstream() -> Iterator[FakeUpstream]:
    def answer(request: Request) -> bytes | None:
        secret = b"x-customer-token: theirs\r\nset-cookie: theirs\r\n"
        return with_length(ANSWER, extra=secret) if request.path.startswith("/v2/") else None

    with FakeUpstream(answer=answer) as server:
        yield server


@pytest.fixture
def sidecar(upstream: FakeUpstream, log: Path, tmp_path: Path) -> Iterator[Sidecar]:
    config = tmp_path / "sidecar.yaml"
    config.write_text(CONFIG.format(log=log))
    with Sidecar(f"http://127.0.0.1:{upstream.port}", "--config", str(config)) as running:
        yield running.monitored()


def infer(sidecar: Sidecar, model: str, n: int, *lines: str) -> None:
    one = request(f"/v2/models/{model}/infer", BODY, *lines, close=False)
    answer = sidecar.send(one * n + request("/v2/models/private/ready"))
    assert answer.count(b"HTTP/1.1 200 OK\r\n") == n + 1


def test_only_allowed_paths_are_analysed_and_the_rest_is_counted(sidecar: Sidecar) -> None:
    infer(sidecar, "m", 5)
    infer(sidecar, "private", 3)
    sidecar.send(request("/elsewhere", b"x"))
    found = sidecar.settled(11)
    assert (found["analysed"], found["dropped"]["excluded"]) == (5, 6)


def test_a_path_with_a_second_reading_gains_no_tap(sidecar: Sidecar) -> None:
    sidecar.send(request("/v2/models/m/../private/infer", BODY))
    sidecar.send(request("/v2/models/%70rivate/infer", BODY))
    assert sidecar.settled(2)["dropped"]["excluded"] == 2


def test_a_route_is_sampled_by_its_own_ratio(sidecar: Sidecar) -> None:
    """The numbers that are compared with the ratio are spread evenly, so the share is exact to a few."""
    infer(sidecar, "rare", 400)
    found = sidecar.settled(401)
    assert 98 <= found["analysed"] <= 102
    assert found["sampled_out"] == 400 - found["analysed"]


def test_a_route_has_limits_and_time_outs_of_its_own(sidecar: Sidecar, upstream: FakeUpstream) -> None:
    assert split(sidecar.send(request("/small/x", b"12345678901")))[0] == 413
    assert split(sidecar.send(request("/large/x", b"12345678901")))[0] == 200
    assert split(sidecar.send(request("/held")))[0] == 504
    assert [asked.path for asked in upstream.requests] == ["/large/x", "/held"]


def test_credentials_reach_the_model_and_nothing_else(
    sidecar: Sidecar, upstream: FakeUpstream, log: Path
) -> None:
    secrets = ("Authorization: Bearer hush", "Cookie: hush", "X-Customer-Token: hush", "X-Api-Key: hush")
    infer(sidecar, "m", 1, *secrets)
    assert upstream.requests[0].lines("x-customer-token") == [b"hush"]
    sidecar.settled(2)
    assert sidecar.holds_in_its_rings(b"/v2/models/m/infer")
    assert not sidecar.holds_in_its_rings(b"hush")
    assert not sidecar.holds_in_its_rings(b"theirs")
    text = eventually(lambda: log.read_text().count("\n") == 2 and log.read_text())
    targets = [json.loads(line)["target"] for line in text.splitlines()]
    assert targets == ["/v2/models/m/infer", "/v2/models/private/ready"]
    assert "hush" not in text
