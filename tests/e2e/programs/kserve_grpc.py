"""What KServe's own gRPC client sees of a server of KServe's SDK (`kserve_app.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import grpc
import numpy as np
from kserve import InferenceGRPCClient, InferInput, InferRequest
from outcome import case, report

ROWS = np.array([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 1.0]])
N_CALLS = 40


def ask(address: str, question: Callable[[InferenceGRPCClient], Awaitable[object]]) -> object:
    async def within() -> object:
        async with InferenceGRPCClient(address, retries=2, timeout=30) as client:
            return await question(client)

    return asyncio.run(within())


def request(model: str, rows: np.ndarray) -> InferRequest:
    tensor = InferInput("x", list(rows.shape), "FP64")
    tensor.set_data_from_numpy(rows, binary_data=True)
    return InferRequest(model_name=model, infer_inputs=[tensor], request_id="7")


@case
def health(address: str) -> object:
    async def question(client: InferenceGRPCClient) -> object:
        flags = [await client.is_server_live(), await client.is_server_ready()]
        return [*flags, await client.is_model_ready("linear")]

    return ask(address, question)


@case
def an_inference(address: str) -> object:
    answer = ask(address, lambda client: client.infer(request("linear", ROWS)))
    return [answer.id, answer.model_name, answer.outputs[0].as_numpy().tolist()]


@case
def a_large_tensor_both_ways(address: str) -> object:
    rows = np.arange(400_000, dtype=np.float64).reshape(4000, 100)
    answer = ask(address, lambda client: client.infer(request("echo", rows)))
    return [answer.outputs[0].shape, np.array_equal(answer.outputs[0].as_numpy(), rows)]


@case
def a_model_that_is_not_there(address: str) -> object:
    try:
        return str(ask(address, lambda client: client.infer(request("none", ROWS))))
    except grpc.RpcError as exc:
        return [str(exc.code()), exc.details()]


@case
def many_at_once(address: str) -> object:
    async def question(client: InferenceGRPCClient) -> object:
        asked = (client.infer(request("linear", ROWS * number)) for number in range(N_CALLS))
        return [answer.outputs[0].as_numpy().tolist() for answer in await asyncio.gather(*asked)]

    return ask(address, question)


if __name__ == "__main__":
    report(grpc.RpcError)
