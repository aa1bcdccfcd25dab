"""TensorFlow Serving's REST protocol, KServe's V1: rows under `instances`, or tensors under `inputs`."""

from __future__ import annotations

from typing import Any

from msgspec import UNSET, Struct
from msgspec.json import Decoder as JsonDecoder

from sidecar.errors import Malformed, UnknownProtocol
from sidecar.payload.columns import COLUMN_LIMIT, Columns
from sidecar.payload.document import read_json
from sidecar.payload.message import Message, find_request_id
from sidecar.payload.route import Route, parse_v1_path
from sidecar.payload.rows import RowReader, Table
from sidecar.payload.shape import sniff

_NO_ROUTE = Route(None, None, "predict")


class PredictRequest(Struct, gc=False):
    """Body of a request: one of the two forms."""

    instances: Any = UNSET
    inputs: Any = UNSET


class PredictResponse(Struct, gc=False):
    """Body of a response: one of the two forms."""

    predictions: Any = UNSET
    outputs: Any = UNSET


_REQUEST = JsonDecoder(PredictRequest)
_RESPONSE = JsonDecoder(PredictResponse)


class V1Decoder:
    """Reads requests and responses of `/v1/models/{model}:predict`, and requests of `:explain`.

    Args:
        column_limit: most columns of a message.
    """

    name = "v1"

    def __init__(self, column_limit: int = COLUMN_LIMIT) -> None:
        self._reader = RowReader(self.name, column_limit)

    def matches(self, message: Message) -> bool:
        """Whether the path, or without one the body, is of this protocol.

        Args:
            message: any message.

        Returns:
            True when `decode` is the one to try.
        """
        if message.path:
            return message.method == "POST" and parse_v1_path(message.path) is not None
        return sniff(message.body, message.direction) == self.name

    def decode(self, message: Message) -> Columns:
        """The message's columns.

        Args:
            message: one that matches, its body without content coding.

        Returns:
            Columns named after the features of a row, or after the field where these have no names.

        Raises:
            Malformed: not the JSON that the protocol asks for.
            TooManyColumns: the rows have more columns than the limit.
            UnknownProtocol: a message of another verb, whose rows mean something else.
        """
        route = parse_v1_path(message.path) or _NO_ROUTE
        if route.verb != "predict" and (route.verb, message.direction) != ("explain", "request"):
            raise UnknownProtocol(self.name, f"a {message.direction} of :{route.verb} is not decoded")
        if message.direction == "request":
            request = read_json(message.body, _REQUEST, self.name)
            table = self._read("instances", request.instances, "inputs", request.inputs)
        else:
            response = read_json(message.body, _RESPONSE, self.name)
            table = self._read("predictions", response.predictions, "outputs", response.outputs)
        return Columns(
            self.name,
            message.direction,
            route.model,
            route.version,
            find_request_id(message.headers),
            table.rows,
            table.schema,
            table.numeric,
            table.texts,
            table.faults,
        )

    def _read(self, row_field: str, rows: Any, tensor_field: str, tensors: Any) -> Table:
        if (rows is UNSET) == (tensors is UNSET):
            got = "neither" if rows is UNSET else "both"
            raise Malformed(self.name, f"body: expected either {row_field} or {tensor_field}, got {got}")
        if rows is UNSET:
            return self._reader.read_tensors(tensor_field, tensors)
        if not isinstance(rows, list):
            raise Malformed(self.name, f"{row_field}: expected array, got {type(rows).__name__}")
        return self._reader.read_rows(row_field, rows)
