"""Every kind of output goes through a checkpoint without a change, wherever it is; hidden values stay out."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from sidecar.compare.outputs import METERS, MOST_OUTPUTS, OutputComparison
from sidecar.compare.redaction import Redaction
from sidecar.compare.state import OutputsState
from sidecar.config.shadow import FieldConfig
from sidecar.payload.columns import Columns, intern_schema

FIELDS = (
    FieldConfig(name="score", kind="score", threshold=0.5, absolute=0.1),
    FieldConfig(name="class", kind="class"),
    FieldConfig(name="rank", kind="ranking", top_k=2),
    FieldConfig(name="vector", kind="embedding", least=0.9),
    FieldConfig(name="text", kind="text"),
    FieldConfig(name="$", relative=0.1),
)
NUMBERS = ("score", "value", *(f"{name}[{k}]" for name in ("class", "rank", "vector") for k in range(3)))
SCHEMA = intern_schema((*NUMBERS, "label", "text"), ("numeric",) * len(NUMBERS) + ("categorical",) * 2)
WORDS = ("cat", "dog", "the cat sat on the mat", "the dog", "", "ü" * 300)

Pair = tuple[Any, Any, int]


def through(state: OutputsState) -> OutputsState:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=OutputsState)


def random_answer(rng: np.random.Generator, rows: int) -> Columns:
    numbers = np.round(rng.normal(size=(rows, len(NUMBERS))), 1)
    numbers[rng.random(numbers.shape) < 0.05] = np.nan
    texts = tuple(
        [None if rng.random() < 0.1 else str(rng.choice(WORDS)) for _ in range(rows)] for _ in range(2)
    )
    return Columns("v2", "response", "m", None, None, rows, SCHEMA, numbers, texts, ())


def random_pair(rng: np.random.Generator) -> Pair:
    priority = int(rng.integers(2**64, dtype=np.uint64))
    if rng.random() < 0.3:
        documents = [{f"key {rng.integers(3)}": float(rng.integers(3)), "n": 1} for _ in range(2)]
        return documents[0], documents[1], priority
    rows = int(rng.integers(1, 4))
    return random_answer(rng, rows), random_answer(rng, rows if rng.random() < 0.9 else rows + 1), priority


def take(comparison: OutputComparison, pair: Pair) -> None:
    primary, shadow, priority = pair
    if isinstance(primary, Columns):
        comparison.compare(primary, shadow, priority)
    else:
        comparison.compare_documents(primary, shadow)


@pytest.mark.parametrize("seed", range(8))
def test_one_that_goes_on_from_checkpoints_tells_what_one_that_never_ended_tells(seed: int) -> None:
    rng = np.random.default_rng(seed)
    whole, resumed = OutputComparison(FIELDS), OutputComparison(FIELDS)
    for _ in range(120):
        pair = random_pair(rng)
        take(whole, pair)
        take(resumed, pair)
        if rng.random() < 0.1:
            state = through(resumed.to_state())
            resumed = OutputComparison(FIELDS)
            resumed.restore(state)
    assert resumed.to_json() == whole.to_json()
    assert resumed.shapes_apart == whole.shapes_apart > 0
    assert {entry["kind"] for entry in whole.to_json()} == set(METERS)


def test_what_is_beyond_the_outputs_told_apart_keeps_the_rules_it_began_with() -> None:
    names = tuple(f"x{k}" for k in range(MOST_OUTPUTS + 3))
    fields = tuple(FieldConfig(name=name, absolute=float(k)) for k, name in enumerate(names))
    schema = intern_schema(names, ("numeric",) * len(names))

    def answer(value: float) -> Columns:
        numbers = np.full((1, len(names)), float(value))
        return Columns("v2", "response", "m", None, None, 1, schema, numbers, (), ())

    whole = OutputComparison(fields)
    whole.compare(answer(0.0), answer(MOST_OUTPUTS), 1)
    resumed = OutputComparison(fields)
    resumed.restore(through(whole.to_state()))
    for comparison in (whole, resumed):
        comparison.compare(answer(0.0), answer(MOST_OUTPUTS), 2)
    assert resumed.to_json() == whole.to_json()


SECRET = intern_schema(("open", "secret", "word"), ("numeric", "numeric", "categorical"))


def secrets(number: float, word: str) -> Columns:
    return Columns("v2", "response", "m", None, None, 1, SECRET, np.array([[0.25, number]]), ([word],), ())


def test_values_of_hidden_columns_are_not_in_it() -> None:
    comparison = OutputComparison((), Redaction(("secret", "word")))
    comparison.compare(secrets(0.1234567, "Alice"), secrets(0.7654321, "Bob"), 1)
    state = comparison.to_state()
    packed = msgspec.msgpack.encode(state)
    for hidden in (b"Alice", b"Bob", np.float64(0.1234567).tobytes(), np.float64(0.7654321).tobytes()):
        assert hidden not in packed
    assert np.float64(0.25).tobytes() in packed
    resumed = OutputComparison((), Redaction(("secret", "word")))
    resumed.restore(through(state))
    told = {entry["name"]: entry for entry in resumed.to_json()}
    assert told.keys() == {"open", "secret"}
    assert told["secret"]["absolute_error"] == comparison.to_json()[1]["absolute_error"]


def test_beyond_the_outputs_told_apart_hidden_ones_hide_what_they_share_a_place_with() -> None:
    names = tuple(f"x{k}" for k in range(MOST_OUTPUTS + 1))
    schema = intern_schema(names, ("categorical",) * len(names))
    comparison = OutputComparison((), Redaction((names[-1],)))
    for word in ("Alice", "Bob"):
        texts = tuple(["open"] for _ in names[:-1])
        answer = Columns("v2", "response", "m", None, None, 1, schema, np.empty((1, 0)), (*texts, [word]), ())
        comparison.compare(answer, answer, 1)
    assert b"Alice" not in msgspec.msgpack.encode(comparison.to_state())
    assert len(comparison.to_state().outputs) == MOST_OUTPUTS


def test_an_output_of_another_kind_than_its_meter_is_refused() -> None:
    comparison = OutputComparison(FIELDS)
    comparison.compare(secrets(1.0, "a"), secrets(1.0, "b"), 1)
    state = msgspec.to_builtins(comparison.to_state(), builtin_types=(bytes,))
    state["outputs"][0]["kind"] = "text"
    with pytest.raises(ValueError, match="an output of another kind"):
        OutputComparison(FIELDS).restore(msgspec.convert(state, OutputsState))
