from __future__ import annotations

import time
from dataclasses import replace

from benchmarks.soak.answers import path_of
from benchmarks.soak.tally import MOST_FAULTS, Tally
from benchmarks.soak.verdict import Ask, Outcome

ASK = Ask("GET", path_of("length", 10, 1, 0, "1-1"))
NOTHING = Outcome("nothing", "closed without a byte of an answer")
TRUNCATED = Outcome("truncated", "3 of 10 bytes as if they were all")


def test_a_violation_is_counted_and_named() -> None:
    tally = Tally()
    tally.add("kind", ASK, NOTHING, time.monotonic())
    assert tally.n_faults == 1
    assert tally.faults == ["kind: GET /length/10/1/0/1-1: nothing: closed without a byte of an answer"]


def test_an_answer_is_seen_surely_and_silence_only_perhaps() -> None:
    tally = Tally()
    for outcome in (Outcome("exact"), Outcome("refused 502"), Outcome("cut"), NOTHING):
        tally.add("kind", ASK, outcome, time.monotonic())
    tally.add_unanswered("kind", "left in the body")
    tally.add_unanswered("kind", "left in the head", perhaps_seen=False)
    assert (tally.n_seen_surely, tally.n_seen_perhaps) == (3, 2)


def test_a_killed_worker_excuses_silence_on_connections_that_were_open() -> None:
    tally = Tally()
    opened_s = time.monotonic()
    tally.worker_dies()
    tally.add("kind", ASK, NOTHING, opened_s)
    assert (tally.n_faults, tally.outcomes["kind", "worker killed"]) == (0, 1)
    tally.add("kind", ASK, NOTHING, opened_s + 60.0)
    assert tally.n_faults == 1


def test_a_killed_worker_excuses_no_wrong_byte() -> None:
    tally = Tally()
    tally.worker_dies()
    tally.add("kind", ASK, Outcome("wrong", "byte 3 of 10 differs"), time.monotonic())
    assert tally.n_faults == 1


def test_a_killed_worker_excuses_a_short_answer_only_where_its_end_is_all_that_frames_it() -> None:
    tally = Tally()
    tally.worker_dies()
    tally.add("kind", replace(ASK, old=True), TRUNCATED, time.monotonic())
    assert tally.n_faults == 0
    tally.add("kind", ASK, TRUNCATED, time.monotonic())
    assert tally.n_faults == 1


def test_all_violations_are_counted_and_the_first_are_kept() -> None:
    tally = Tally()
    for _ in range(MOST_FAULTS + 5):
        tally.add("kind", ASK, TRUNCATED, time.monotonic())
    assert (tally.n_faults, len(tally.faults)) == (MOST_FAULTS + 5, MOST_FAULTS)


def test_the_table_has_a_line_a_kind() -> None:
    tally = Tally()
    for outcome in (Outcome("exact"), Outcome("exact"), Outcome("cut")):
        tally.add("b", ASK, outcome, time.monotonic())
    tally.add_unanswered("a", "left in the head")
    assert tally.table() == [["a", "1", "left in the head 1"], ["b", "3", "exact 2, cut 1"]]
