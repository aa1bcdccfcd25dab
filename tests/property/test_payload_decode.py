"""Any bytes at all give columns that hold together, or a PayloadError, and never show a payload's values."""

from __future__ import annotations

import gzip
import json
import zlib
from contextlib import suppress
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.errors import PayloadError
from sidecar.payload.columns import Columns, Direction, intern_schema
from sidecar.payload.message import Message
from sidecar.payload.registry import decode
from tests.support.capture import list_cases, read_exchanges

MARK = "sEcReT"  # in every text value and never in a name, so that its presence in a message is a leak
NUMBER = 80736251  # the same for numbers

PATHS = st.sampled_from(["/v2/models/m/infer", "/v1/models/m:predict", "/v1/models/m:explain", ""])
DIRECTIONS = st.sampled_from(["request", "response"])
HEADERS = st.dictionaries(
    st.sampled_from(["content-encoding", "inference-header-content-length", "x-request-id", "content-type"]),
    st.sampled_from(["gzip", "deflate", "identity", "br", "0", "7", "-1", "", "application/json"]),
)

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.just(NUMBER),
    st.integers(),
    st.floats(),
    st.just(10**320),
    st.just(MARK),
    st.text(max_size=5).map(lambda text: MARK + text),
)
NAMES = st.sampled_from(["a", "b", "x[0]", "x", "b64", "datatype", "\n", "é", ""])
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=12,
)
TYPES = st.sampled_from(["FP32", "INT64", "BOOL", "BYTES", "FP16", "STRING", MARK])
SHAPES = st.lists(st.sampled_from([0, 1, 2, 3, -1, 10**9, 10**30]), max_size=4)


@st.composite
def tensors(draw: st.DrawFn) -> dict[str, Any]:
    """A tensor whose data often fits its shape."""
    shape = draw(SHAPES)
    size = int(np.prod(shape, dtype=object)) if shape else 1
    fits = 0 <= size <= 30
    data = draw(st.lists(LEAVES, min_size=size, max_size=size) | VALUES) if fits else draw(VALUES)
    tensor = {"name": draw(NAMES), "shape": shape, "datatype": draw(TYPES), "data": data}
    for name in draw(st.sets(st.sampled_from(sorted(tensor)), max_size=1)):
        if draw(st.booleans()):
            tensor[name] = draw(VALUES)
    return tensor


BODIES = st.one_of(
    st.fixed_dictionaries({}, optional={
        "inputs": st.lists(tensors(), max_size=4) | VALUES,
        "outputs": st.lists(tensors(), max_size=4) | VALUES,
        "instances": VALUES,
        "predictions": st.lists(VALUES, max_size=4),
        "id": LEAVES,
        "model_name": LEAVES,
        "model_version": LEAVES,
    }),
    VALUES,
)  # fmt: skip


def check(message: Message) -> Columns | None:
    """Decodes and looks whether all that the contract says holds."""
    try:
        columns = decode(message)
    except PayloadError as exc:
        shown, found = str(exc), None
        assert "\n" not in shown
    else:
        found = columns
        shown = "\n".join(columns.faults)
        names, kinds = columns.schema.names, columns.schema.kinds
        assert columns.schema is intern_schema(names, kinds)
        assert len(names) == len(kinds) == len(set(names)) > 0
        assert columns.numeric.shape == (columns.rows, kinds.count("numeric"))
        assert columns.numeric.dtype == np.float64
        assert columns.numeric.flags.c_contiguous
        assert len(columns.texts) == kinds.count("categorical")
        for texts in columns.texts:
            assert len(texts) == columns.rows
            "".join(text for text in texts if text is not None).encode()
        "".join(names).encode()
        assert not any("\n" in fault for fault in columns.faults)
    assert MARK not in shown
    assert str(NUMBER) not in shown
    return found


@settings(deadline=None)
@given(PATHS, DIRECTIONS, HEADERS, st.binary(max_size=200))
def test_any_bytes(path: str, direction: Direction, headers: dict[str, str], body: bytes) -> None:
    check(Message(direction, "POST", path, headers, body))


@settings(max_examples=400, deadline=None)
@given(PATHS, DIRECTIONS, BODIES, st.sampled_from([None, "gzip", "deflate"]))
def test_nearly_right_documents(path: str, direction: Direction, document: Any, coding: str | None) -> None:
    body = json.dumps(document).encode()
    if coding is not None:
        body = gzip.compress(body) if coding == "gzip" else zlib.compress(body)
    check(Message(direction, "POST", path, {} if coding is None else {"content-encoding": coding}, body))


MESSAGES = [
    message
    for server, case in list_cases()
    if server in ("kserve", "mlserver", "triton", "torchserve")
    for request, response, _ in read_exchanges(server, case)
    for message in (request, response)
    if 0 < len(message.body) < 2000
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(MESSAGES), st.data())
def test_broken_captures(message: Message, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(message.body)))
    length = data.draw(st.integers(0, 4))
    body = message.body[:at] + data.draw(st.binary(max_size=4)) + message.body[at + length :]
    with suppress(PayloadError):
        decode(Message(message.direction, message.method, message.path, message.headers, body))


MATRICES = st.integers(1, 6).flatmap(
    lambda width: st.lists(
        st.lists(
            st.none() | st.floats(width=64) | st.integers(-(2**53), 2**53), min_size=width, max_size=width
        ),
        min_size=1,
        max_size=6,
    )
)


@settings(deadline=None)
@given(MATRICES)
def test_every_form_of_a_matrix_reads_alike(rows: list[list[float | None]]) -> None:
    expected = np.array(rows, dtype=np.float64)
    height, width = expected.shape
    flat = [value for row in rows for value in row]
    tensor = {"name": "x", "shape": [height, width], "datatype": "FP64"}
    columns = [
        {"name": f"c{at}", "shape": [height], "datatype": "FP64", "data": [row[at] for row in rows]}
        for at in range(width)
    ]
    named = {column["name"]: column["data"] for column in columns}
    v2, v1 = "/v2/models/m/infer", "/v1/models/m:predict"
    forms: list[tuple[str, dict[str, Any]]] = [
        (v2, {"inputs": [{**tensor, "data": flat}]}),
        (v2, {"inputs": [{**tensor, "data": rows}]}),
        (v2, {"inputs": columns}),
        (v1, {"instances": rows}),
        (v1, {"instances": [{f"c{at}": value for at, value in enumerate(row)} for row in rows]}),
        (v1, {"inputs": rows}),
        (v1, {"inputs": named}),
    ]
    for path, document in forms:
        found = check(Message("request", "POST", path, {}, json.dumps(document).encode()))
        assert found is not None
        np.testing.assert_array_equal(found.numeric, expected)
        assert found.faults == ()
