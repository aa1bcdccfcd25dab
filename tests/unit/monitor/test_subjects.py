from __future__ import annotations

import gc
import math
from threading import Thread
from types import FunctionType, ModuleType
from typing import Literal, get_args

import numpy as np
import pytest

from kernels.lanes import TYPE_ERROR_NAN
from sidecar.config.load import load_config
from sidecar.config.model import AlarmConfig, Config
from sidecar.drift.detector import DETECTORS, Detector
from sidecar.monitor import subjects as subjects_module
from sidecar.monitor.ledger import Ledger
from sidecar.monitor.subjects import LEAST_RING_ROWS, MOST_SUBJECTS, STAGED_CELLS, Subjects
from sidecar.payload.columns import Columns, intern_schema
from sidecar.payload.message import Message
from sidecar.payload.registry import decode
from sidecar.profile.feature import Role
from sidecar.profile.units import stamps_of
from tests.support.pushing import push

WORD_BYTES = 8
MEBIBYTE = 1 << 20


def columns(n_rows: int, width: int) -> Columns:
    """One input tensor whose values count up from 0."""
    data = ",".join(map(str, range(n_rows * width)))
    body = f'{{"inputs":[{{"name":"x","shape":[{n_rows},{width}],"datatype":"FP64","data":[{data}]}}]}}'
    headers = {"content-type": "application/json"}
    message = Message("request", "POST", "/v2/models/m/infer", headers, body.encode())
    return decode(message, body_limit_bytes=1 << 22)


def ring_bytes(subjects: Subjects) -> int:
    """What all feature rings hold once every place of them has been written."""
    rings = [subject.ring for subject in subjects.all()]
    return sum(ring.capacity_rows * (ring.width + 1) * WORD_BYTES for ring in rings)


@pytest.mark.parametrize("width", [1, 2, 4, 20, 31])
def test_a_feature_ring_is_written_all_over_within_a_quarter_of_a_mebibyte(width: int) -> None:
    subjects = Subjects(load_config(""), None, lambda: None)
    assert push(subjects, columns(1, width), "input", "m", None, 1)
    assert MEBIBYTE // 8 < ring_bytes(subjects) <= MEBIBYTE // 4


def test_a_wide_model_has_room_for_so_many_rows_all_the_same() -> None:
    subjects = Subjects(load_config(""), None, lambda: None)
    assert push(subjects, columns(1, 200), "input", "m", None, 1)
    (subject,) = subjects.all()
    assert subject.ring.capacity_rows == LEAST_RING_ROWS


def test_callers_that_make_up_models_cannot_make_us_hold_more_than_sixteen_mebibytes_of_rings() -> None:
    subjects = Subjects(load_config(""), None, lambda: None)
    kept = [
        push(subjects, columns(1, 4), "input", f"m{number}", None, 1) for number in range(MOST_SUBJECTS + 2)
    ]
    assert kept == [True] * MOST_SUBJECTS + [False] * 2
    assert ring_bytes(subjects) <= 16 * MEBIBYTE


def test_callers_that_make_up_models_cannot_make_us_hold_more_than_the_memory_of_all() -> None:
    subjects = Subjects(load_config("{window: {memory_bytes: 30_000_000}}"), None, lambda: None)
    kept = [push(subjects, columns(1, 60), "input", f"m{number}", None, 1) for number in range(12)]
    assert 0 < sum(kept) < 12
    assert kept == sorted(kept, reverse=True)
    stated = [sum(subject.most_bytes.values()) for subject in subjects.all()]
    assert 30_000_000 - stated[0] < sum(stated) <= 30_000_000
    assert push(subjects, columns(1, 60), "input", "m0", None, 1)  # what is watched already goes on
    assert push(subjects, columns(1, 1), "input", "small", None, 1)


def test_for_whom_there_is_no_room_costs_nothing_from_the_second_message_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    subjects = Subjects(load_config("{window: {memory_bytes: 1_000_000}}"), None, lambda: None)
    messages = [columns(1, 60) for _ in range(3)]
    assert not push(subjects, messages[0], "input", "m", None, 1)
    monkeypatch.setattr(subjects_module, "name_columns", None)
    assert not any(push(subjects, message, "input", "m", None, 1) for message in messages)


def test_a_message_longer_than_the_ring_arrives_whole_and_in_order() -> None:
    subjects = Subjects(load_config(""), None, lambda: None)
    assert push(subjects, columns(1, 2), "input", "m", None, 1)
    (subject,) = subjects.all()
    n_rows = 2 * subject.ring.capacity_rows + 3
    blocks: list[np.ndarray] = []
    subject.ring.drain(lambda block, stamps: None)
    pushing = Thread(target=push, args=(subjects, columns(n_rows, 2), "input", "m", None, 1))
    pushing.start()
    while pushing.is_alive() or len(subject.ring):
        if subject.ring.drain(lambda block, stamps: blocks.append(block.copy())):
            subjects.room.set()
    pushing.join()
    expected = np.arange(2.0 * n_rows).reshape(n_rows, 2)
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


def drained(subjects: Subjects) -> list[tuple[list[float], list[int]]]:
    """First cells and stamps of the rows that have come to each subject."""
    seen = []
    for subject in subjects.all():
        rows: tuple[list[float], list[int]] = ([], [])
        subject.ring.drain(
            lambda block, stamps, rows=rows: (rows[0].extend(block[:, 0]), rows[1].extend(stamps.tolist()))
        )
        seen.append(rows)
    return seen


def test_rows_of_a_batch_come_together_in_order_each_with_its_own_time() -> None:
    subjects = Subjects(load_config(""), None, lambda: None)
    for moment, (n_rows, width) in enumerate([(1, 1), (3, 1), (1, 2), (0, 1), (2, 1)]):
        assert subjects.stage(columns(n_rows, width), "input", f"m{width}", None, 2 * moment, 5)
    assert drained(subjects) == [([], []), ([], [])]
    subjects.flush()
    assert drained(subjects) == [
        ([0.0, 0.0, 1.0, 2.0, 0.0, 1.0], [0, *stamps_of(3, 2, 5), *stamps_of(2, 8, 5)]),
        ([0.0], [4]),
    ]
    subjects.flush()
    assert drained(subjects) == [([], []), ([], [])]


def test_many_rows_do_not_wait_for_the_end_of_the_batch() -> None:
    subjects = Subjects(load_config(""), None, lambda: None)
    for n_rows in (2, STAGED_CELLS - 2):
        assert drained(subjects) in ([], [([], [])])
        assert subjects.stage(columns(n_rows, 1), "input", "m", None, 2, 5)
    ((cells, _),) = drained(subjects)
    assert len(cells) == STAGED_CELLS


def test_a_message_without_rows_makes_a_subject_and_sends_nothing() -> None:
    subjects = Subjects(load_config(""), None, lambda: None)
    assert push(subjects, columns(0, 2), "input", "m", None, 1)
    assert push(subjects, columns(0, 2), "input", "m", None, 1)
    assert drained(subjects) == [([], [])]


MOMENT = 1_700_000_000 * 10**9


def vectors(n_rows: int, width: int, seed: int) -> Columns:
    """One message with an embedding of normal components."""
    rows = np.random.default_rng(seed).normal(size=(n_rows, width))
    data = ",".join(map(str, rows.ravel().round(4).tolist()))
    body = f'{{"inputs":[{{"name":"e","shape":[{n_rows},{width}],"datatype":"FP32","data":[{data}]}}]}}'
    message = Message("request", "POST", "/v2/models/m/infer", {}, body.encode())
    return decode(message, body_limit_bytes=1 << 22)


def test_an_embedding_is_one_group_of_features_and_goes_on_from_a_checkpoint() -> None:
    config = load_config("reference: {auto_rows: 300}\nwindow: {min_rows: 100}")
    subjects = Subjects(config, None, lambda: None)
    for seed in range(6):
        assert push(subjects, vectors(100, 96, seed), "input", "m", None, MOMENT)
    (subject,) = subjects.all()
    assert subject.ring.width == 96
    subject.ring.drain(lambda block, stamps: subject.add(block, stamps, MOMENT))
    subject.judge(MOMENT)
    report = subject.report
    assert report is not None
    assert [verdict.spec.name for verdict in report.verdicts][:2] == ["e.norm", "e.p00"]
    assert len(report.verdicts) == len(subject.missing) == 17
    assert {verdict.state for verdict in report.verdicts} == {"ok"}
    document = report.drift_json()["multivariate"]["input"]
    assert (document["features"], document["rows"], document["reference_rows"]) == (17, 300, 300)
    assert document["embeddings"][0]["beyond_limit"] is False
    again = Subjects(config, None, lambda: None)
    assert again.restore(subjects.to_state()) == []
    (restored,) = again.all()
    assert restored.analysis.report(MOMENT).drift_json() == report.drift_json()


def fed(*shapes: tuple[int, int]) -> Subjects:
    subjects = Subjects(load_config(""), None, lambda: None)
    for n_rows, width in shapes:
        assert push(subjects, columns(n_rows, width), "input", f"m{width}", None, 1_000_000_000)
    for subject in subjects.all():
        subject.ring.drain(lambda block, stamps, s=subject: s.add(block, stamps, 1_000_000_000))
        subject.judge(1_000_000_000)
    return subjects


def test_quality_goes_on_with_the_analysis() -> None:
    states = fed((300, 2)).to_state()
    resumed = Subjects(load_config(""), None, lambda: None)
    assert resumed.restore(states) == []
    assert resumed.to_state() == states


def test_what_no_longer_fits_into_the_memory_of_all_is_not_gone_on_with() -> None:
    states = fed((300, 2), (300, 3)).to_state()
    least = Subjects(load_config("{window: {memory_bytes: 1_000_000}}"), None, lambda: None)
    assert least.restore(states) == ["window.memory_bytes: expected room for 'm3', got too little"]
    assert [subject.analysis.model for subject in least.all()] == ["m2"]


@pytest.mark.parametrize("damage", ["gone", "cut", "other"])
def test_a_damaged_quality_starts_anew_and_the_analysis_goes_on(damage: str) -> None:
    states = fed((300, 2)).to_state()
    whole, fresh = states[0].pop("quality"), fed((1, 2)).to_state()[0]["quality"]
    if damage == "cut":
        states[0]["quality"] = {**whole, "alarm": None, "watch": {**whole["watch"], "granules": [[0]]}}
    elif damage == "other":
        states[0]["quality"] = fed((300, 3)).to_state()[0]["quality"]
    resumed = Subjects(load_config(""), None, lambda: None)
    assert len(resumed.restore(states)) == 1
    (subject,) = resumed.all()
    states[0].pop("quality", None)
    assert subject.analysis.to_state() == states[0]
    assert subject.quality.to_state()["watch"]["granules"] == []
    assert subject.quality.to_state()["watch"].keys() == fresh["watch"].keys()


def test_a_row_from_the_future_does_not_stop_the_quality_s_clock() -> None:
    subjects = Subjects(load_config(""), None, lambda: None)
    second = 1_000_000_000
    for now in (100 * second, 200 * second, 300 * second):
        for stamp in (now, now + 10**6 * second):
            assert push(subjects, columns(10, 2), "input", "m", None, stamp)
        (subject,) = subjects.all()
        subject.ring.drain(lambda block, stamps, now=now, s=subject: s.add(block, stamps, now))
        subject.judge(now)
    assert subject.quality.to_state()["start_unix_ns"] == 300 * second
    assert subject.quality_report is not None
    assert subject.quality_report.rows == 60


@pytest.mark.parametrize(("unit", "chosen"), [("request", 1), ("row", 7)])
def test_one_row_of_a_message_stands_for_its_exchange(unit: Literal["request", "row"], chosen: int) -> None:
    subjects = Subjects(Config(alarm=AlarmConfig(unit=unit)), None, lambda: None)
    places = []
    for exchange_id in range(40):
        assert push(subjects, columns(7, 2), "input", "m", None, 1001, exchange_id)
        stamps: list[int] = []
        subjects.all()[0].ring.drain(lambda block, times: stamps.extend(times.tolist()))  # noqa: B023
        assert len(stamps) == 7
        assert set(stamps) <= {1000, 1001}
        assert stamps.count(1000) == chosen
        places.append(stamps.index(1000))
    assert len(set(places)) == (7 if unit == "request" else 1)


def test_single_row_stands_for_its_exchange() -> None:
    subjects = Subjects(Config(), None, lambda: None)
    assert push(subjects, columns(1, 2), "input", "m", None, 1001, 5)
    seen: list[int] = []
    subjects.all()[0].ring.drain(lambda block, times: seen.extend(times.tolist()))
    assert seen == [1000]


def test_a_value_of_a_wrong_type_is_not_missing_as_well() -> None:
    subjects = fed((300, 2))
    (subject,) = subjects.all()
    block = np.array([[np.nan, 1.0], [TYPE_ERROR_NAN, 1.0], [np.nan, TYPE_ERROR_NAN]])
    subject.add(block, np.full(3, 1_000_000_000), 1_000_000_000)
    assert subject.missing.tolist() == [2, 0]


def detectors_of(subjects: Subjects) -> list[Detector]:
    """Every detector that anything of the subjects judges by; those of ledgers follow one, for snapshots."""
    seen: dict[int, object] = {id(subjects): subjects}
    queue: list[object] = [subjects]
    while queue:
        for held in gc.get_referents(queue.pop()):
            if id(held) not in seen and not isinstance(held, type | ModuleType | FunctionType | Ledger):
                seen[id(held)] = held
                queue.append(held)
    return [held for held in seen.values() if isinstance(held, Detector)]


def judged() -> Subjects:
    """Inputs and outputs of one model, their references learnt."""
    config = load_config("window: {pane_s: 60}\nalarm: {false_alarm_days: 10}\nreference: {auto_rows: 100}")
    subjects = Subjects(config, None, lambda: None)
    for role in get_args(Role):
        assert push(subjects, columns(300, 2), role, "m", None, MOMENT)
    for subject in subjects.all():
        subject.ring.drain(lambda block, stamps, s=subject: s.add(block, stamps, MOMENT))
        subject.judge(MOMENT)
    return subjects


def test_all_detectors_of_a_model_share_its_false_alarms() -> None:
    """Each promises A panes; the mean of their values is a detector that promises A / n."""
    found = detectors_of(judged())
    assert len(found) == DETECTORS
    panes = [math.exp(one._log_alarm) / one.n_groups for one in found]
    assert 1 / sum(1 / one for one in panes) == pytest.approx(10 * 86_400 / 60)


def test_no_rate_is_watched_by_two_detectors() -> None:
    found = detectors_of(judged())
    of_quality = {place for one in found if one.rates.given.size for place in one.rates.places}
    of_features = {place for one in found if not one.rates.given.size for place in one.rates.places}
    assert {"missing", "type_error"} <= of_features
    assert "out_of_range" in of_quality
    assert not of_quality & of_features


def test_a_reference_learnt_from_copies_knows_no_more_of_their_range_than_their_requests() -> None:
    """2,000 rows of 50 equal ones each leave 2 in 41 of what comes beyond their extremes, not 2 in 2,001."""
    config = load_config("alarm: {false_alarm_days: 1}")
    subjects = Subjects(config, None, lambda: None)
    rng = np.random.default_rng(0)
    schema = intern_schema(("n",), ("numeric",))
    for request in range(600):
        now = MOMENT + request * 1_500_000_000
        rows = np.repeat(rng.normal(size=(1, 1)), 50, axis=0)
        copies = Columns("v2", "request", "m", None, None, 50, schema, rows, (), ())
        assert push(subjects, copies, "input", "m", None, now, request)
        (subject,) = subjects.all()
        subject.ring.drain(lambda block, stamps, s=subject, now=now: s.add(block, stamps, now))
        subject.judge(now)
    report = subject.quality_report
    assert report is not None
    states = {c.rate.name: v.state for c, v in zip(report.counts, report.verdicts, strict=True) if v}
    assert states["out_of_range"] == "ok"
