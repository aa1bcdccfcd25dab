"""The judge of the soak lets pass what a caller may get, and nothing else."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from benchmarks.soak.answers import TAG_LINE, body_of, path_of
from benchmarks.soak.verdict import Answer, Ask, End, Outcome, judge

ASK = Ask("POST", path_of("length", 1000, 1, 0, "7-1"), b"question")
RIGHT = body_of(ASK.method, ASK.path, ASK.body)


def answer(body: bytes = RIGHT, end: End = End.WHOLE, tag: bytes = b"7-1", status: int = 200) -> Answer:
    lines = {TAG_LINE: tag, b"content-length": b"%d" % len(RIGHT)}
    return Answer(status, lines, body, end, n_raw_bytes=50)


def problem(status: int = 502, **changes: bytes) -> Answer:
    lines = {b"server": b"sidecar", b"content-type": b"application/problem+json"}
    lines |= {name.replace("_", "-").encode(): value for name, value in changes.items()}
    return Answer(status, lines, json.dumps({"status": status}).encode(), n_raw_bytes=50)


def named(outcome: Outcome) -> tuple[str, bool]:
    return outcome.name, bool(outcome.fault)


def test_the_exact_answer_is_allowed() -> None:
    assert judge(ASK, answer()) == Outcome("exact")


def test_one_turned_bit_is_found_and_its_place_named() -> None:
    turned = RIGHT[:500] + bytes([RIGHT[500] ^ 1]) + RIGHT[501:]
    assert judge(ASK, answer(turned)) == Outcome("wrong", "byte 500 of 1000 differs (1000 came)")


@pytest.mark.parametrize("end", [End.CLOSED, End.RESET])
def test_a_cut_after_the_answer_began_is_allowed(end: End) -> None:
    assert judge(ASK, answer(RIGHT[:300], end)) == Outcome("cut")
    assert judge(ASK, Answer(end=end, n_raw_bytes=5)) == Outcome("cut")


def test_a_cut_answer_with_a_wrong_byte_is_not() -> None:
    assert named(judge(ASK, answer(b"x" + RIGHT[1:300], End.RESET))) == ("wrong", True)


def test_an_end_before_any_byte_is_not() -> None:
    assert named(judge(ASK, Answer(end=End.CLOSED))) == ("nothing", True)


def test_part_of_an_answer_as_if_it_were_all_is_not() -> None:
    assert judge(ASK, answer(RIGHT[:300])) == Outcome("truncated", "300 of 1000 bytes as if they were all")


def test_bytes_behind_the_right_answer_are_not() -> None:
    assert named(judge(ASK, answer(RIGHT + b"x"))) == ("wrong", True)


def test_an_answer_that_the_model_server_itself_ends_may_be_short() -> None:
    ask = replace(ASK, path=path_of("close", 1000, 1, 0, "7-1"))
    assert judge(ask, answer(body_of(ask.method, ask.path, ask.body)[:300])) == Outcome("short")


def test_the_answer_to_another_request_is_not_allowed() -> None:
    assert judge(ASK, answer(tag=b"7-2")) == Outcome("wrong", "answer to b'7-2'")
    other = replace(ASK, body=b"another question")
    assert named(judge(other, answer())) == ("wrong", True)


def test_waiting_for_ever_is_not_allowed() -> None:
    assert named(judge(ASK, Answer(end=End.LATE))) == ("late", True)
    assert named(judge(ASK, answer(RIGHT[:10], End.LATE))) == ("late", True)


@pytest.mark.parametrize("status", [502, 503, 504])
def test_one_problem_document_is_allowed(status: int) -> None:
    assert judge(ASK, problem(status)) == Outcome(f"refused {status}")


@pytest.mark.parametrize(
    "wrong",
    [
        problem(server=b"nginx"),
        problem(content_type=b"text/html"),
        problem(status=400),  # the callers of the soak do nothing wrong
        replace(problem(), body=b"{"),
        replace(problem(), body=b'{"status": 504}'),
        replace(problem(), end=End.CLOSED),
    ],
)
def test_an_error_with_anything_odd_about_it_is_not(wrong: Answer) -> None:
    assert judge(ASK, wrong).fault


def test_head_is_judged_by_its_length() -> None:
    ask = replace(ASK, method="HEAD", body=b"")
    assert judge(ask, answer(b"")) == Outcome("exact")
    assert named(judge(ask, replace(answer(b""), lines={TAG_LINE: b"7-1"}))) == ("wrong", True)
