from __future__ import annotations

from threading import Thread
from typing import Literal

import numpy as np
import pytest

from sidecar.config.load import load_config
from sidecar.config.model import AlarmConfig, Config
from sidecar.monitor.subjects import LEAST_RING_ROWS, MOST_SUBJECTS, Subjects
from sidecar.payload.columns import Columns
from sidecar.payload.message import Message
from sidecar.payload.registry import decode

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
    assert subjects.push(columns(1, width), "input", "m", None, 1)
    assert MEBIBYTE // 8 < ring_bytes(subjects) <= MEBIBYTE // 4


def test_a_wide_model_has_room_for_so_many_rows_all_the_same() -> None:
    subjects = Subjects(load_config(""), None, lambda: None)
    assert subjects.push(columns(1, 200), "input", "m", None, 1)
    (subject,) = subjects.all()
    assert subject.ring.capacity_rows == LEAST_RING_ROWS


def test_callers_that_make_up_models_cannot_make_us_hold_more_than_sixteen_mebibytes_of_rings() -> None:
    subjects = Subjects(load_config(""), None, lambda: None)
    kept = [
        subjects.push(columns(1, 4), "input", f"m{number}", None, 1) for number in range(MOST_SUBJECTS + 2)
    ]
    assert kept == [True] * MOST_SUBJECTS + [False] * 2
    assert ring_bytes(subjects) <= 16 * MEBIBYTE


def test_a_message_longer_than_the_ring_arrives_whole_and_in_order() -> None:
    subjects = Subjects(load_config(""), None, lambda: None)
    assert subjects.push(columns(1, 2), "input", "m", None, 1)
    (subject,) = subjects.all()
    n_rows = 2 * subject.ring.capacity_rows + 3
    blocks: list[np.ndarray] = []
    subject.ring.drain(lambda block, stamps: None)
    pushing = Thread(target=subjects.push, args=(columns(n_rows, 2), "input", "m", None, 1))
    pushing.start()
    while pushing.is_alive() or len(subject.ring):
        if subject.ring.drain(lambda block, stamps: blocks.append(block.copy())):
            subjects.room.set()
    pushing.join()
    expected = np.arange(2.0 * n_rows).reshape(n_rows, 2)
    np.testing.assert_array_equal(np.concatenate(blocks), expected)


@pytest.mark.parametrize(("unit", "chosen"), [("request", 1), ("row", 7)])
def test_one_row_of_a_message_stands_for_its_exchange(unit: Literal["request", "row"], chosen: int) -> None:
    subjects = Subjects(Config(alarm=AlarmConfig(unit=unit)), None, lambda: None)
    places = []
    for exchange_id in range(40):
        assert subjects.push(columns(7, 2), "input", "m", None, 1001, exchange_id)
        stamps: list[int] = []
        subjects.all()[0].ring.drain(lambda block, times: stamps.extend(times.tolist()))  # noqa: B023
        assert len(stamps) == 7
        assert set(stamps) <= {1000, 1001}
        assert stamps.count(1000) == chosen
        places.append(stamps.index(1000))
    assert len(set(places)) == (7 if unit == "request" else 1)


def test_single_row_stands_for_its_exchange() -> None:
    subjects = Subjects(Config(), None, lambda: None)
    assert subjects.push(columns(1, 2), "input", "m", None, 1001, 5)
    seen: list[int] = []
    subjects.all()[0].ring.drain(lambda block, times: seen.extend(times.tolist()))
    assert seen == [1000]
