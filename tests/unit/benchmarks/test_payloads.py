from __future__ import annotations

import json

import pytest

from benchmarks.payloads import JSON_LENGTH, PAYLOADS


def test_sizes_are_what_the_tables_say() -> None:
    assert {name: len(payload.body) for name, payload in PAYLOADS.items() if not payload.headers} == {
        "small": 200,
        "wide": 4096,
        "image-down": 200,
        "large-down": 200,
    }
    assert len(PAYLOADS["small"].answer) == 123
    assert 150_528 < len(PAYLOADS["image"].body) < 151_000
    assert 1_048_576 < len(PAYLOADS["large"].body) < 1_049_000


@pytest.mark.parametrize("name", ["small", "wide"])
def test_json_bodies_hold_as_many_numbers_as_their_shape(name: str) -> None:
    (tensor,) = json.loads(PAYLOADS[name].body)["inputs"]
    assert len(tensor["data"]) == tensor["shape"][0] * tensor["shape"][1]


@pytest.mark.parametrize("name", ["image", "large"])
def test_binary_bodies_are_their_json_and_then_the_bytes_it_announces(name: str) -> None:
    payload = PAYLOADS[name]
    length = int(payload.headers[JSON_LENGTH])
    (tensor,) = json.loads(payload.body[:length])["inputs"]
    assert len(payload.body) - length == tensor["parameters"]["binary_data_size"]
    (answer,) = json.loads(payload.answer[: payload.answer_json_bytes])["outputs"]
    assert len(payload.answer) - payload.answer_json_bytes == answer["parameters"]["binary_data_size"]


def test_head_frames_the_body() -> None:
    head = PAYLOADS["image"].head("127.0.0.1:1")
    assert head.startswith(b"POST /v2/models/image/infer HTTP/1.1\r\nHost: 127.0.0.1:1\r\n")
    assert head.endswith(f"Content-Length: {len(PAYLOADS['image'].body)}\r\n\r\n".encode())


@pytest.mark.parametrize("size", ["image", "large"])
def test_one_way_payloads_are_large_on_one_side_only(size: str) -> None:
    both, up, down = PAYLOADS[size], PAYLOADS[f"{size}-up"], PAYLOADS[f"{size}-down"]
    assert (up.body, len(up.answer)) == (both.body, 123)
    assert (len(down.body), down.answer) == (200, both.answer)
