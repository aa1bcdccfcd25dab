from __future__ import annotations

import json

from sidecar.compare.text_meter import TextMeter


def call(arguments):
    return [{"function": {"name": "weather", "arguments": arguments}}]


def test_texts():
    meter = TextMeter()
    assert meter.add(["the cat sat", "yes", ""], ["the cat ran", "yes", ""]).tolist() == [True, False, False]
    found = meter.to_json()
    assert (found["rows"], round(found["same"], 4)) == (3, 0.6667)
    assert found["first_divergence"]["p1"] == 0.727  # 8 of 11 characters
    json.dumps(found, allow_nan=False)


def test_tool_calls():
    meter = TextMeter()
    assert not meter.add_tool_calls(call('{"a": 1, "b": 2}'), call('{"b":2,"a":1}'))
    assert meter.add_tool_calls(call('{"a": 1}'), None)
    assert not meter.add_tool_calls(None, [])
    assert meter.to_json()["tool_calls"] == {"answers": 2, "same": 0.5}


def test_before_the_first_text():
    json.dumps(TextMeter().to_json(), allow_nan=False)
