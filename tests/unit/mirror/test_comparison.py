from __future__ import annotations

import gzip
import json
from collections import Counter

import pytest

from sidecar.config.shadow import FieldConfig, ShadowConfig
from sidecar.mirror import reading
from sidecar.mirror.answer import Answer
from sidecar.mirror.comparison import ShadowComparison
from sidecar.payload.registry import decode
from tests.support.looks import looked_at


def v2(value):
    output = {"name": "y", "datatype": "FP64", "shape": [1], "data": [value]}
    return json.dumps({"model_name": "m", "outputs": [output]}).encode()


def comparison(**settings):
    return ShadowComparison(ShadowConfig(name="s", url="http://127.0.0.1:1", **settings), 1 << 20)


def test_equal_answers(job, answer):
    same = comparison()
    for number in range(10):
        same.add(job(number, answer(1.0, 2.0)), answer(1.0, 2.0))
    found = same.to_json()
    assert (found["compared"], found["disagreement"]["rate"], found["verdict"]) == (10, 0.0, "undecided")
    assert found["fields"][0]["name"] == "y"
    json.dumps(found, allow_nan=False)


def test_a_request_s_disagreement_is_the_share_of_its_rows(job, answer):
    some = comparison()
    some.add(job(1, answer(1.0, 2.0)), answer(1.0, 3.0))
    assert some.to_json()["disagreement"]["rate"] == 0.5


def test_a_lying_shadow_is_worse_and_an_honest_one_equivalent(job, answer):
    lying, honest = comparison(noise_ratio=1.0), comparison(noise_ratio=1.0)
    for number in range(3000):
        given = job(number, answer(float(number), latency_s=0.01))
        for each, shown in ((lying, -1.0), (honest, float(number))):
            each.add(given, answer(shown, latency_s=0.01))
            each.add_noise(given, answer(float(number), latency_s=0.01))
    states = {finding.name: finding.state for finding in honest.findings()}
    assert states["agreement"] == states["latency_p50"] == "equivalent"
    assert lying.verdict() == "worse"
    assert "worse" not in states.values()


def test_errors_are_counted_and_not_compared(job, answer):
    failing = comparison()
    failing.add(job(1), answer(status=503))
    failing.add(job(2), answer(status=0, failure="timeout"))
    failing.add(job(3, answer(status=500)), answer(1.0))
    found = failing.to_json()
    assert (found["compared"], found["errors"]) == (0, {"primary": 1, "shadow": 2})


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"outputs": 3}'])
def test_an_answer_in_another_form_disagrees(job, answer, body):
    odd = comparison()
    odd.add(job(1), answer(body=body))
    assert odd.to_json()["disagreement"]["rate"] == 1.0


def test_json_that_is_no_table_is_compared_by_path(job, answer):
    chat = comparison()
    given = job(1, answer(body=b'{"text": "a", "n": 1}'), path="/chat")
    chat.add(given, answer(body=b'{"text": "b", "n": 1}'))
    assert chat.to_json()["fields"][0]["paths"] == [{"path": "text", "reason": "value", "documents": 1}]


def test_what_nobody_can_read_is_counted(job, answer):
    odd = comparison()
    odd.add(job(1, answer(body=b"\xff"), path="/image"), answer(body=b"\xff"))
    assert (odd.compared, odd.uncompared["undecoded"]) == (0, 1)


def test_the_primary_is_timed_by_its_second_asking_where_there_is_one(job, answer):
    asked = comparison(noise_ratio=0.5)
    given = job(1, answer(1.0, latency_s=5.0))
    asked.add(given, answer(1.0, latency_s=0.2))
    asked.add_noise(given, answer(1.0, latency_s=0.1))
    assert asked.to_json()["latency"]["primary_p50_s"] == pytest.approx(0.1, rel=0.02)
    assert asked.to_json()["latency"]["shadow_p50_s"] == pytest.approx(0.2, rel=0.02)


def test_before_the_first_pair():
    found = comparison().to_json()
    assert (found["verdict"], found["disagreement"]["rate"]) == ("undecided", None)
    json.dumps(found, allow_nan=False)


def packed(content):
    return Answer(200, {"content-encoding": "gzip"}, gzip.compress(content), 0.01)


def test_a_coded_answer_is_compared_by_its_content(job, answer):
    chat, table = comparison(), comparison()
    given = job(1, packed(b'{"text": "a"}'), path="/chat")
    chat.add(given, packed(b'{"text": "b"}'))
    chat.add(given, answer(body=b'{"text": "a"}'))
    table.add(job(2, packed(v2(1.0))), answer(1.0))
    assert (chat.to_json()["disagreement"]["rate"], chat.compared) == (0.5, 2)
    assert table.to_json()["disagreement"]["rate"] == 0.0


@pytest.mark.parametrize(
    "shown",
    [
        Answer(200, {}, b"<html>"),
        Answer(200, {"content-encoding": "gzip"}, b"no gzip"),
        Answer(200, {}, b"[" * 99_999),
    ],
    ids=["no JSON", "broken coding", "nested without end"],
)
def test_nonsense_in_place_of_a_document_disagrees(job, answer, shown):
    chat = comparison()
    chat.add(job(1, answer(body=b'{"text": "a"}'), path="/chat"), shown)
    assert chat.to_json()["disagreement"]["rate"] == 1.0


def test_of_a_coding_that_is_not_known_nothing_is_said(job, answer):
    odd = comparison()
    odd.add(job(1), Answer(200, {"content-encoding": "br"}, b"..."))
    assert odd.uncompared == {"failed": 0, "undecoded": 1, "fault": 0}


def test_every_pair_is_accounted_for(job, answer):
    some = comparison()
    for shown in (answer(1.0), answer(status=500), Answer(200, {"content-encoding": "br"}, b"")):
        some.add(job(1), shown)
    assert (some.compared, dict(some.uncompared)) == (1, {"failed": 1, "undecoded": 1, "fault": 0})


def test_what_all_shadows_compare_with_is_read_once(job, answer, monkeypatch):
    read = []
    monkeypatch.setattr(
        reading, "decode", lambda message, **more: read.append(message) or decode(message, **more)
    )
    given = job(
        1, answer(1.0), body=b'{"inputs": [{"name": "x", "datatype": "FP64", "shape": [1], "data": [1]}]}'
    )
    for _ in range(3):
        each = comparison()
        each.add(given, answer(2.0))
        each.add_noise(given, answer(3.0))
    assert Counter(message.direction for message in read) == {"request": 1, "response": 1 + 3 * 2}


def test_figures_may_be_asked_for_while_pairs_come_in(job, answer):
    busy = comparison(fields=(FieldConfig(name="y", kind="class"),))
    with looked_at(busy.to_json) as look:
        for number in range(3000):
            look()
            busy.add(
                job(number, answer(float(number % 60), status=200 + number % 90)), answer(float(number % 59))
            )


def test_a_pair_that_a_fault_of_ours_kept_from_being_read_is_counted_with_its_statuses(job, answer):
    odd, noted = comparison(), []
    odd._body_limit_bytes = "none"
    with pytest.raises(TypeError):
        odd.add(job(1), answer(1.0), lambda: noted.append(1))
    assert (odd.uncompared["fault"], odd.to_json()["statuses"][0]["count"], noted) == (1, 1, [1])
