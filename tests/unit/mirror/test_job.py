from __future__ import annotations

import pytest

from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.choice import key_hash
from sidecar.mirror.job import KEPT_BYTES


class Searched(bytes):
    """A body that counts how often it is searched."""

    searches = 0

    def __contains__(self, part):
        self.searches += 1
        return super().__contains__(part)


def config(**settings):
    return ShadowConfig(name="s", url="http://127.0.0.1:1", **settings)


@pytest.mark.parametrize(
    ("path", "inference"),
    [
        ("/v2/models/m/infer", True),
        ("/v2/models/m/versions/3/infer", True),
        ("/v1/models/m:predict", True),
        ("/v1/models/m/versions/3:predict", True),
        ("/invocations", True),
        ("/v2/models/m/ready", False),
        ("/v2/models/m/infer/", False),
        ("/v2/repository/index", False),
        ("/metrics", False),
    ],
)
def test_what_asks_a_model_for_an_answer(job, path, inference):
    assert job(path=path).is_inference is inference


def test_a_request_is_its_own_key(job):
    assert job(7).key(config()) == "0000000000000007"
    assert job(headers={"x-request-id": "abc"}).key(config()) == "abc"


def test_a_session_is_the_key_of_all_its_requests(job):
    by_session = config(by="session", session_header="X-Chat")
    assert job(1, headers={"x-chat": "c1"}).key(by_session) == job(2, headers={"x-chat": "c1"}).key(
        by_session
    )
    assert job(3).key(by_session) == "0000000000000003"


@pytest.mark.parametrize(
    ("body", "key"),
    [
        (b'{"parameters": {"sequence_id": 42, "sequence_start": true}}', "42"),
        (b'{"parameters": {"sequence_id" : "a\\"b"}}', 'a"b'),
        (b'{"inputs": []}', "0000000000000001"),
    ],
)
def test_a_sequence_is_the_key_of_all_its_requests(job, body, key):
    assert job(body=body).key(config(by="sequence")) == key


def test_tensors_in_shared_memory_cannot_be_mirrored(job):
    assert job(body=b'{"parameters": {"shared_memory_region": "in"}}').uses_shared_memory
    assert not job().uses_shared_memory


def test_a_body_is_searched_once_however_many_shadows_ask(job):
    body = Searched(b"x")
    given = job(body=body)
    assert [given.uses_shared_memory for _ in range(3)] == [False] * 3
    assert body.searches == 1


def test_both_bodies_are_held(job, answer):
    assert job(body=b"12345", primary=answer(body=b"678")).size_bytes == 8


@pytest.mark.parametrize(
    ("value", "key"),
    [
        (b'"\\ud800"', "\ud800"),
        (b'"\\x"', '"\\x"'),
        (b"007", "007"),
        (b"1" * 5000, "1" * 5000),
        (b'"\xff"', '"\xff"'),
    ],
    ids=["a lone surrogate", "no escape", "leading zeros", "more digits than an int", "no UTF-8"],
)
def test_a_sequence_whose_name_is_odd_is_one_too(job, value, key):
    given = job(body=b'{"parameters": {"sequence_id": ' + value + b"}}")
    assert given.key(config(by="sequence")) == key
    assert 0 <= key_hash(key) < 1 << 64


def test_what_is_long_is_not_kept_once_it_is_read(job):
    short, long = job(), job(body=b" " * (KEPT_BYTES + 1))
    assert short.inputs(1 << 20) is short.inputs(1 << 20)
    assert long.inputs(1 << 20) is not long.inputs(1 << 20)
