"""Open Inference Protocol, version 2, as JSON (KServe, Triton, MLServer, Seldon, OpenVINO, TorchServe).

Traffic repeats itself: the same tensors with the same shapes. All that follows from names, types and shapes
alone (column names, the schema, who is numeric, what was odd) is worked out once and kept as a plan, so
that a message costs its parse, one look-up and one copy of its numbers. The batch size belongs to the
shapes; a plan per batch size is small.

MLServer's `np` and `pd` content types need no telling apart: a column of a data frame is a tensor of shape
[B] or [B, 1].
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import chain
from math import prod
from typing import Annotated, Any, TypeAlias

import numpy as np
from msgspec import Meta, Struct, field
from msgspec.json import Decoder as JsonDecoder

from sidecar.errors import Malformed, UnknownProtocol
from sidecar.payload.cells import (
    check_names,
    check_size,
    clip_faults,
    count_faults,
    flatten,
    name_columns,
    settle_rows,
    show_name,
    to_floats,
    to_matrix,
    to_texts,
)
from sidecar.payload.columns import (
    COLUMN_LIMIT,
    F64,
    NAME_LIMIT,
    BoundedTable,
    Columns,
    Kind,
    Schema,
    intern_schema,
)
from sidecar.payload.document import read_json
from sidecar.payload.message import Message, find_request_id
from sidecar.payload.route import parse_v2_path
from sidecar.payload.shape import sniff

NUMERIC_TYPES = frozenset(
    ["BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64", "FP16", "FP32", "FP64"]
)
TEXT_TYPE = "BYTES"  # BF16, which Triton adds, has no form in JSON
HEADER_LENGTH = "inference-header-content-length"
RANK_LIMIT = 32  # dimensions; as numpy 1 had it, and with SIZE_LIMIT it keeps the product of a shape short
SIZE_LIMIT = 1 << 40  # length of a dimension
PLAN_COLUMNS = 1 << 17  # columns of all plans together, about 16 MB of names

Key: TypeAlias = tuple[tuple[str, str, tuple[int, ...]], ...]
Texts: TypeAlias = tuple[list[str | None], ...]


class Tensor(Struct, gc=False):
    """One input or output; `data` flat or nested, empty when the data is elsewhere."""

    name: Annotated[str, Meta(max_length=NAME_LIMIT)]
    shape: Annotated[tuple[Annotated[int, Meta(ge=0, le=SIZE_LIMIT)], ...], Meta(max_length=RANK_LIMIT)]
    datatype: str
    data: list[Any] = field(default_factory=list)


class InferRequest(Struct, gc=False):
    """Body of a request, as far as it matters here."""

    inputs: Annotated[list[Tensor], Meta(min_length=1)]
    id: str | int | None = None
    model_name: str | None = None


class InferResponse(Struct, gc=False):
    """Body of a response, as far as it matters here."""

    outputs: Annotated[list[Tensor], Meta(min_length=1)]
    id: str | int | None = None
    model_name: str | None = None
    model_version: str | int | None = None


_REQUEST = JsonDecoder(InferRequest)
_RESPONSE = JsonDecoder(InferResponse)


@dataclass(frozen=True, slots=True)
class Part:
    """What one tensor contributes."""

    name: str
    length: int  # values that its shape asks for
    rows: int
    width: int  # values a row
    is_numeric: bool
    stays: bool  # False when its rows belong to none of the message's


@dataclass(frozen=True, slots=True)
class Plan:
    """All that names, types and shapes of a message decide."""

    rows: int
    schema: Schema
    numeric_names: tuple[str, ...]
    parts: tuple[Part, ...]
    lengths: list[int]
    is_single: bool  # one numeric tensor: its data are the matrix
    is_dense: bool  # numeric throughout, and the tensors' data in a row are the columns in a row
    faults: tuple[str, ...]


class V2Decoder:
    """Reads requests and responses of `/v2/models/{model}/infer`.

    Args:
        column_limit: most columns of a message.
    """

    name = "v2"

    def __init__(self, column_limit: int = COLUMN_LIMIT) -> None:
        self._column_limit = column_limit
        self._plans: BoundedTable[Key, Plan] = BoundedTable(PLAN_COLUMNS)

    def matches(self, message: Message) -> bool:
        """Whether the path, or without one the body, is of this protocol.

        Args:
            message: any message.

        Returns:
            True when `decode` is the one to try.
        """
        if message.path:
            return parse_v2_path(message.path) is not None and message.method == "POST"
        return HEADER_LENGTH in message.headers or sniff(message.body, message.direction) == self.name

    def decode(self, message: Message) -> Columns:
        """The message's columns.

        Args:
            message: one that matches, its body without content coding.

        Returns:
            Columns named after the tensors.

        Raises:
            Malformed: not the JSON that the protocol asks for.
            TooManyColumns: the tensors have more columns than the limit.
            UnknownProtocol: tensors in binary or in shared memory.
        """
        route = parse_v2_path(message.path)
        model, version = (route.model, route.version) if route else (None, None)
        if HEADER_LENGTH in message.headers:
            _refuse_binary(message)
        if message.direction == "request":
            request = read_json(message.body, _REQUEST, self.name)
            tensors, given_id, named = request.inputs, request.id, request.model_name
        else:
            response = read_json(message.body, _RESPONSE, self.name)
            tensors, given_id, named = response.outputs, response.id, response.model_name
            if response.model_version not in (None, ""):
                version = str(response.model_version)
        key = tuple([(tensor.name, tensor.datatype, tensor.shape) for tensor in tensors])
        plan = self._plans.get(key)
        if plan is None:
            plan = self._make_plan(key)
        numeric, texts, faults = _fill(plan, tensors, message.body)
        request_id = find_request_id(message.headers) if given_id in (None, "") else str(given_id)
        return Columns(
            self.name,
            message.direction,
            model or named or None,
            version,
            request_id,
            plan.rows,
            plan.schema,
            numeric,
            texts,
            faults,
        )

    def _make_plan(self, key: Key) -> Plan:
        rows, stays, faults = settle_rows(
            [name for name, _, _ in key], [shape[0] if shape else 1 for *_, shape in key]
        )
        parts = tuple(_make_part(*item, stay) for item, stay in zip(key, stays, strict=True))
        kept = [part for part in parts if part.stays]
        n_columns = sum(part.width for part in kept)
        check_size(self.name, rows, n_columns, self._column_limit)
        names: list[str] = []
        kinds: list[Kind] = []
        for part in kept:
            names += name_columns(part.name, part.width)
            kinds += ["numeric" if part.is_numeric else "categorical"] * part.width
        check_names(self.name, names)
        plain = all(part.is_numeric and part.rows == rows for part in parts)
        plan = Plan(
            rows=rows,
            schema=intern_schema(tuple(names), tuple(kinds)),
            numeric_names=tuple(name for name, kind in zip(names, kinds, strict=True) if kind == "numeric"),
            parts=parts,
            lengths=[part.length for part in parts],
            is_single=plain and len(parts) == 1,
            is_dense=plain and (rows == 1 or all(part.width == 1 for part in parts)),
            faults=tuple(faults),
        )
        self._plans.put(key, plan, 8 + n_columns)
        return plan


def _make_part(name: str, datatype: str, shape: tuple[int, ...], stays: bool) -> Part:
    width = prod(shape[1:])
    if width == 0:
        raise Malformed("v2", f"{show_name(name)}: expected values in each row, got a dimension of 0")
    if datatype not in NUMERIC_TYPES and datatype != TEXT_TYPE:
        raise Malformed("v2", f"{show_name(name)}: expected a datatype of the protocol, got another")
    rows = shape[0] if shape else 1
    return Part(name, rows * width, rows, width, datatype != TEXT_TYPE, stays)


def _refuse_binary(message: Message) -> None:
    """Lets a message pass whose JSON is all of it, although it has the header."""
    length = message.headers[HEADER_LENGTH].strip()
    if length != str(len(message.body)):
        raise UnknownProtocol("v2", "binary tensors are not decoded")


def _fill(plan: Plan, tensors: list[Tensor], body: bytes) -> tuple[F64, Texts, tuple[str, ...]]:
    if plan.is_single:
        values = tensors[0].data
        if len(values) != plan.lengths[0] or (values and type(values[0]) is list):
            values = _settle_data(tensors[0], plan.parts[0], body)
        floats, strange = to_floats(values)
        matrix = np.frombuffer(floats).reshape(plan.rows, plan.parts[0].width)
        if not strange:
            return matrix, (), ()
        width = plan.parts[0].width
        return matrix, (), clip_faults(count_faults((at % width for at in strange), plan.numeric_names))
    if plan.is_dense:
        data = [tensor.data for tensor in tensors]
        values = list(chain.from_iterable(data))
        if [len(item) for item in data] == plan.lengths and list not in map(type, values):
            matrix, lines = to_matrix(values, plan.numeric_names, plan.rows)
            return matrix, (), clip_faults(lines)
    return _fill_mixed(plan, tensors, body)


def _fill_mixed(plan: Plan, tensors: list[Tensor], body: bytes) -> tuple[F64, Texts, tuple[str, ...]]:
    """Any tensors: texts beside numbers, several widths, nested data, one to repeat or to leave out."""
    values: list[Any] = []
    texts: list[list[str | None]] = []
    faults = [*plan.faults]
    names = iter(plan.schema.names)
    for tensor, part in zip(tensors, plan.parts, strict=True):
        data = tensor.data
        if len(data) != part.length or (data and type(data[0]) is list):
            data = _settle_data(tensor, part, body)
        if not part.stays:
            continue
        times = 1 if part.rows == plan.rows else plan.rows
        for at, name in zip(range(part.width), names, strict=False):
            cells = data[at :: part.width] * times
            if part.is_numeric:
                values += cells
                continue
            column, lines = to_texts(cells, name)
            texts.append(column)
            faults += lines
    matrix, lines = to_matrix(values, plan.numeric_names, plan.rows)
    return matrix, tuple(texts), clip_faults(faults + lines)


def _settle_data(tensor: Tensor, part: Part, body: bytes) -> list[Any]:
    """Nested data made flat; raises when there is none, or not as much as the shape says."""
    where = show_name(tensor.name)
    if not tensor.data and part.length:
        if b'"binary_data_size"' in body:
            raise UnknownProtocol("v2", "binary tensors are not decoded")
        if b'"shared_memory_region"' in body:
            raise UnknownProtocol("v2", "tensors in shared memory are not decoded")
        raise Malformed("v2", f"{where}: expected data, got none")
    if len({len(row) if type(row) is list else -1 for row in tensor.data}) > 1:
        raise Malformed("v2", f"{where}: expected rows of one length, got several")
    data = flatten(tensor.data)
    if len(data) != part.length:
        raise Malformed("v2", f"{where}: expected {part.length} values for its shape, got {len(data)}")
    return data
