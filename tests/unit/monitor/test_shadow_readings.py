from __future__ import annotations

import json

from sidecar.config.shadow import ShadowConfig
from sidecar.mirror.answer import Answer
from sidecar.mirror.job import Job
from sidecar.mirror.shadow import Shadow
from sidecar.monitor.shadow_readings import shadow_families
from sidecar.telemetry.prometheus import render

PATH = "/v2/models/m/infer"


def answer(value: float, **more: object) -> Answer:
    output = {"name": "y", "datatype": "FP64", "shape": [1], "data": [value]}
    return Answer(200, {}, json.dumps({"outputs": [output]}).encode(), 0.01, **more)  # type: ignore[arg-type]


def fed() -> Shadow:
    shadow = Shadow(ShadowConfig(name="s", url="http://127.0.0.1:1", concurrency=3), 1 << 20, 0.0)
    for number, shown in enumerate((1.0, 2.0)):
        job = Job(number, bytes(8), "POST", PATH, PATH, {}, b"{}", answer(1.0))
        assert shadow.take(job, 0.0)
        shadow.end(job, answer(shown), 0.0)
    shadow.skip("tunnel")
    return shadow


def test_what_is_known_of_a_shadow_is_exported() -> None:
    text = render(shadow_families([fed()]))
    assert 'model_shadow_exchanges_total{shadow="s",mirrored="true",reason="answered"} 2' in text
    assert 'model_shadow_exchanges_total{shadow="s",mirrored="false",reason="tunnel"} 1' in text
    assert 'model_shadow_compared_total{shadow="s"} 2' in text
    assert 'model_shadow_disagreement{shadow="s",bound="rate"} 0.5' in text
    assert 'model_shadow_verdict{shadow="s",verdict="undecided"} 1' in text
    assert 'model_shadow_verdict{shadow="s",verdict="worse"} 0' in text
    assert 'model_shadow_latency_seconds{shadow="s",side="primary",percentile="p50"}' in text


def test_what_is_not_known_yet_has_no_point() -> None:
    shadow = Shadow(ShadowConfig(name="s", url="http://127.0.0.1:1"), 1 << 20, 0.0)
    text = render(shadow_families([shadow]))
    assert "model_shadow_latency_seconds{" not in text
    assert 'bound="rate"' not in text
    assert 'model_shadow_compared_total{shadow="s"} 0' in text


def test_without_shadows_there_is_nothing() -> None:
    assert shadow_families([]) == []


def test_pairs_that_were_not_compared_are_exported_by_reason() -> None:
    shadow = Shadow(ShadowConfig(name="s", url="http://127.0.0.1:1", noise_ratio=1.0), 1 << 20, 0.0)
    job = Job(1, bytes(8), "POST", PATH, PATH, {}, b"{}", answer(1.0))
    assert shadow.take(job, 0.0)
    shadow.end(job, Answer(503), 0.0)
    assert shadow.take_noise(job)
    shadow.end_noise(job, answer(1.0))
    text = render(shadow_families([shadow]))
    assert 'model_shadow_uncompared_total{shadow="s",reason="failed"} 1' in text
    assert 'model_shadow_uncompared_total{shadow="s",reason="fault"} 0' in text
    assert 'model_shadow_asked_again_total{shadow="s",reason="answered"} 1' in text


def test_counters_begin_with_the_monitor_and_gauges_go_on() -> None:
    before, after = (
        fed(),
        Shadow(ShadowConfig(name="s", url="http://127.0.0.1:1", concurrency=3), 1 << 20, 9.0),
    )
    after.restore(before.to_state("http://127.0.0.1:2", 9.0), 9.0)
    after.lose(3)  # what came after the checkpoint: this monitor is the first to count it
    text = render(shadow_families([after]))
    assert 'model_shadow_exchanges_total{shadow="s",mirrored="true",reason="answered"} 0' in text
    assert 'model_shadow_exchanges_total{shadow="s",mirrored="false",reason="tunnel"} 0' in text
    assert 'model_shadow_exchanges_total{shadow="s",mirrored="false",reason="restart"} 3' in text
    assert 'model_shadow_compared_total{shadow="s"} 0' in text
    assert 'model_shadow_disagreement{shadow="s",bound="rate"} 0.5' in text
    job = Job(9, bytes(8), "POST", PATH, PATH, {}, b"{}", answer(1.0))
    assert after.take(job, 9.0)
    after.end(job, answer(1.0), 9.0)
    assert 'model_shadow_compared_total{shadow="s"} 1' in render(shadow_families([after]))
    assert after.summary()["compared"] == 3
