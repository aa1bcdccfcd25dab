"""What KServe's own REST client (on httpx) sees of a server of KServe's SDK (`kserve_app.py`)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig
from kserve.errors import UnsupportedProtocol
from outcome import case, report

ROWS = np.array([[1.0, 2.0, 3.0, 4.0], [0.0, 0.0, 0.0, 1.0]])
JSON = {"content-type": "application/json"}
N_CALLS = 40


def ask(protocol: str, question: Callable[[InferenceRESTClient], Awaitable[object]]) -> object:
    async def within() -> object:
        config = RESTConfig(protocol=protocol, retries=0, timeout=30)
        async with InferenceRESTClient(config) as client:
            return await question(client)

    return asyncio.run(within())


def request(model: str, name: str, values: np.ndarray, kind: str, *, binary: bool) -> InferRequest:
    tensor = InferInput(name, list(values.shape), kind)
    tensor.set_data_from_numpy(values, binary_data=binary)
    return InferRequest(model_name=model, infer_inputs=[tensor], request_id="7")


def outputs(answer: object) -> list[object]:
    return [[one.name, one.shape, one.datatype, one.as_numpy().tolist()] for one in answer.outputs]


@case
def health(address: str) -> object:
    async def question(client: InferenceRESTClient) -> object:
        base = f"http://{address}"
        return [
            await client.is_server_live(base),
            await client.is_server_ready(base),
            await client.is_model_ready(base, "linear"),
            await client.is_model_ready(base, "none"),
        ]

    return ask("v2", question)


@case
def a_v1_prediction(address: str) -> object:
    sent = {"instances": ROWS.tolist()}
    return ask(
        "v1", lambda client: client.infer(f"http://{address}", sent, model_name="linear", headers=JSON)
    )


@case
def a_v1_explanation(address: str) -> object:
    sent = {"instances": ROWS.tolist()}
    return ask("v1", lambda client: client.explain(f"http://{address}", "linear", sent, headers=JSON))


@case
def a_v2_inference_in_json(address: str) -> object:
    sent = request("linear", "x", ROWS, "FP64", binary=False)
    return outputs(
        ask("v2", lambda client: client.infer(f"http://{address}", sent, model_name="linear", headers=JSON))
    )


@case
def binary_tensors_both_ways(address: str) -> object:
    sent = request("echo", "x", np.arange(100_000, dtype=np.float32).reshape(1000, 100), "FP32", binary=True)
    [[name, shape, kind, values]] = outputs(
        ask("v2", lambda client: client.infer(f"http://{address}", sent, model_name="echo"))
    )
    return [name, shape, kind, np.array_equal(values, np.arange(100_000).reshape(1000, 100))]


@case
def a_model_that_is_not_there(address: str) -> object:
    sent = {"instances": ROWS.tolist()}
    return ask("v1", lambda client: client.infer(f"http://{address}", sent, model_name="none", headers=JSON))


@case
def instances_that_are_no_numbers(address: str) -> object:
    sent = {"instances": "text"}
    return ask(
        "v1", lambda client: client.infer(f"http://{address}", sent, model_name="linear", headers=JSON)
    )


@case
def many_at_once(address: str) -> object:
    async def question(client: InferenceRESTClient) -> object:
        asked = (
            client.infer(
                f"http://{address}", {"instances": [[0, 0, number, 0]]}, model_name="linear", headers=JSON
            )
            for number in range(N_CALLS)
        )
        return [answer["predictions"] for answer in await asyncio.gather(*asked)]

    return ask("v1", question)


if __name__ == "__main__":
    report(httpx.HTTPError, UnsupportedProtocol)
