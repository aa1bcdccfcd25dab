from __future__ import annotations

import json

import numpy as np

from sidecar.compare.redaction import NOTHING_HIDDEN, Redaction
from sidecar.mirror.exemplars import MOST_VALUES, REDACTED, TEXT_LIMIT, Exemplars
from sidecar.payload.columns import Columns, intern_schema


def columns(numbers, texts=None):
    texts = texts or {}
    names = (*numbers, *texts)
    kinds = ("numeric",) * len(numbers) + ("categorical",) * len(texts)
    matrix = np.array(list(numbers.values()), dtype=np.float64).reshape(len(numbers), -1).T
    rows = matrix.shape[0]
    schema = intern_schema(names, kinds)
    return Columns(
        "v2",
        "response",
        "m",
        None,
        None,
        rows,
        schema,
        np.ascontiguousarray(matrix),
        tuple(texts.values()),
        (),
    )


def test_a_pair_with_what_was_asked():
    kept = Exemplars(10, NOTHING_HIDDEN)
    kept.add(
        1,
        255,
        columns({"age": [1, 2]}, {"city": ["a", "b"]}),
        columns({"y": [3, 4]}),
        columns({"y": [3, 5]}),
        1,
    )
    assert kept.to_json() == [
        {
            "exchange_id": "00000000000000ff",
            "inputs": {"age": 2.0, "city": "b"},
            "primary": {"y": 4.0},
            "shadow": {"y": 5.0},
        }
    ]


def test_they_are_bounded_and_the_same_whatever_the_order():
    forward, backward = Exemplars(3, NOTHING_HIDDEN), Exemplars(3, NOTHING_HIDDEN)
    for number in range(20):
        for kept, place in ((forward, number), (backward, 19 - number)):
            kept.add(place, place, None, columns({"y": [place]}), columns({"y": [-1]}), 0)
    assert forward.to_json() == backward.to_json()
    assert len(forward.to_json()) == 3


def test_values_are_redacted_by_name():
    kept = Exemplars(1, Redaction(("name", "address[*]", "secret")))
    inputs = columns({"address[0]": [1], "age": [2]}, {"name": ["x"]})
    kept.add(1, 1, inputs, columns({"secret": [3]}), columns({"secret": [4]}), 0)
    (pair,) = kept.to_json()
    assert pair["inputs"] == {"address[0]": REDACTED, "age": 2.0, "name": REDACTED}
    assert pair["primary"] == pair["shadow"] == {"secret": REDACTED}


def test_long_texts_many_columns_and_odd_numbers():
    kept = Exemplars(1, NOTHING_HIDDEN)
    wide = columns(
        {f"x{number}": [(np.nan, np.inf)[number % 2]] for number in range(100)}, {"t": ["y" * 1000]}
    )
    kept.add(1, 1, wide, wide, wide, 0)
    (pair,) = kept.to_json()
    assert len(pair["inputs"]) == MOST_VALUES
    json.dumps(pair, allow_nan=False)
    text = Exemplars(1, NOTHING_HIDDEN)
    long = columns({"x": [1]}, {"t": ["y" * 1000]})
    text.add(1, 1, None, long, long, 0)
    assert len(text.to_json()[0]["primary"]["t"]) == TEXT_LIMIT


def test_none_are_kept_when_none_are_wanted():
    kept = Exemplars(0, NOTHING_HIDDEN)
    kept.add(1, 1, None, columns({"y": [1]}), columns({"y": [2]}), 0)
    assert kept.to_json() == []
