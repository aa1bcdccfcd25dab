from __future__ import annotations

import json

import pytest

from benchmarks.soak.answers import Form, body_of, form_of, path_of, pieces_of


@pytest.mark.parametrize("framing", ["length", "final", "chunked", "close", "sse"])
def test_a_path_says_what_it_asks_for(framing: str) -> None:
    assert form_of(path_of(framing, 10, 2, 3, "1-2")) == Form(framing, 10, 2, 3, "1-2")


@pytest.mark.parametrize("framing", ["infer", "tunnel"])
def test_paths_of_one_form_carry_only_the_tag(framing: str) -> None:
    form = form_of(path_of(framing, 10, 2, 3, "1-2"))
    assert (form.framing, form.tag) == (framing, "1-2")


def test_the_body_depends_on_method_path_and_request_body() -> None:
    path = path_of("length", 100, 1, 0, "1-1")
    bodies = {
        body_of("GET", path, b""),
        body_of("POST", path, b""),
        body_of("POST", path, b"x"),
        body_of("POST", path_of("length", 100, 1, 0, "1-2"), b""),
    }
    assert len(bodies) == 4
    assert {len(body) for body in bodies} == {100}
    assert body_of("GET", path, b"") == body_of("GET", path, b"")


def test_an_inference_is_answered_in_the_v2_protocol() -> None:
    (tensor,) = json.loads(body_of("POST", path_of("infer", 0, 1, 0, "1-1"), b"x"))["outputs"]
    assert len(tensor["data"]) == 2


def test_a_stream_has_one_event_a_piece() -> None:
    body = body_of("POST", path_of("sse", 0, 20, 5, "1-1"), b"{}")
    pieces = pieces_of(body, 20)
    assert len(pieces) == 20
    assert all(piece.startswith(b"data: ") and piece.endswith(b"\n\n") for piece in pieces)


@pytest.mark.parametrize(("n_bytes", "n_pieces"), [(0, 3), (1, 3), (3, 3), (10, 3), (1000, 7)])
def test_pieces_make_up_the_body_and_none_is_empty(n_bytes: int, n_pieces: int) -> None:
    body = bytes(range(256)) * 4
    pieces = pieces_of(body[:n_bytes], n_pieces)
    assert b"".join(pieces) == body[:n_bytes]
    assert all(pieces)
    assert len(pieces) <= n_pieces
