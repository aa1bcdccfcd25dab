"""What tritonclient's HTTP clients see of an MLServer with the models `iris` and `talk`."""

from __future__ import annotations

import asyncio
import http.client
import json

import numpy as np
import tritonclient.http as client
import tritonclient.http.aio as aio
from outcome import case, report
from tritonclient.utils import InferenceServerException

N_CALLS = 64
FLOWERS = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.1, 4.7, 1.5], [6.3, 3.3, 6.0, 2.5]])


def tensor(rows: np.ndarray, *, binary: bool = False) -> client.InferInput:
    made = client.InferInput("predict", list(rows.shape), "FP64")
    made.set_data_from_numpy(rows, binary_data=binary)
    return made


def wanted(*, binary: bool = False) -> list[client.InferRequestedOutput]:
    return [client.InferRequestedOutput("predict", binary_data=binary)]


def classes(answer: client.InferResult) -> list[int]:
    return answer.as_numpy("predict").ravel().tolist()


def infer(address: str, **how: object) -> dict[str, object]:
    with client.InferenceServerClient(address) as server:
        answer = server.infer("iris", [tensor(FLOWERS)], outputs=wanted(), request_id="7", **how)
        response = answer.get_response()
        return {"classes": classes(answer), "id": response["id"], "version": response["model_version"]}


def posted(address: str, path: str, body: bytes, **headers: str) -> dict[str, object]:
    connection = http.client.HTTPConnection(address, timeout=30)
    connection.request("POST", path, body, {"content-type": "application/json", **headers})
    answer = connection.getresponse()
    kept = ("content-type", "content-length", "content-encoding", "server", "ce-specversion")
    seen = {name: answer.getheader(name) for name in kept}
    text = answer.read().decode()
    connection.close()
    return {"status": answer.status, "reason": answer.reason, "body": text, **seen}


@case
def health_and_metadata(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        flags = [server.is_server_live(), server.is_server_ready(), server.is_model_ready("iris")]
        return [flags, server.get_server_metadata(), server.get_model_metadata("iris")]


@case
def one_inference(address: str) -> object:
    return infer(address)


@case
def an_inference_by_version(address: str) -> object:
    return infer(address, model_version="v1")


@case
def a_gzip_request(address: str) -> object:
    return infer(address, request_compression_algorithm="gzip")


@case
def a_deflate_request(address: str) -> object:
    return infer(address, request_compression_algorithm="deflate")


@case
def a_gzip_response(address: str) -> object:
    return infer(address, response_compression_algorithm="gzip")


@case
def binary_tensors(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        return classes(server.infer("iris", [tensor(FLOWERS, binary=True)], outputs=wanted(binary=True)))


@case
def a_model_that_is_not_there(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        return classes(server.infer("none", [tensor(FLOWERS)], outputs=wanted()))


@case
def an_output_that_is_not_there(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        outputs = [client.InferRequestedOutput("nothing", binary_data=False)]
        return server.infer("iris", [tensor(FLOWERS)], outputs=outputs).get_response()


@case
def a_body_that_is_no_json(address: str) -> object:
    return posted(address, "/v2/models/iris/infer", b"{broken")


@case
def a_body_without_inputs(address: str) -> object:
    return posted(address, "/v2/models/iris/infer", b'{"id":"1"}')


@case
def a_body_of_a_megabyte(address: str) -> object:
    rows = [[5.1, 3.5, 1.4, 0.2], [6.3, 3.3, 6.0, 2.5]] * 25_000
    inputs = [{"name": "predict", "shape": [len(rows), 4], "datatype": "FP64", "data": rows}]
    body = json.dumps({"id": "1", "inputs": inputs}).encode()
    return posted(address, "/v2/models/iris/infer", body)


@case
def a_stream_of_events(address: str) -> object:
    inputs = [{"name": "text", "shape": [1], "datatype": "BYTES", "data": ["one two three"]}]
    body = json.dumps({"id": "1", "inputs": inputs}).encode()
    return posted(address, "/v2/models/talk/generate_stream", body)


@case
def many_at_once_on_a_pool(address: str) -> object:
    with client.InferenceServerClient(address, concurrency=8) as server:
        asked = [
            server.async_infer("iris", [tensor(FLOWERS[i % 3 :])], outputs=wanted(), request_id=str(i))
            for i in range(N_CALLS)
        ]
        answers = [one.get_result() for one in asked]
    return [[answer.get_response()["id"], classes(answer)] for answer in answers]


async def ask_at_once(address: str, n_calls: int, headers: dict[str, str]) -> list[object]:
    async with aio.InferenceServerClient(address, conn_limit=8) as server:
        calls = (
            server.infer(
                "iris", [tensor(FLOWERS[i % 3 :])], outputs=wanted(), request_id=str(i), headers=headers
            )
            for i in range(n_calls)
        )
        answers = await asyncio.gather(*calls)
    return [[answer.get_response()["id"], classes(answer)] for answer in answers]


@case
def many_at_once_on_the_async_client(address: str) -> object:
    return asyncio.run(ask_at_once(address, N_CALLS, {"content-type": "application/json"}))


@case
def the_async_clients_own_content_type(address: str) -> object:
    return asyncio.run(ask_at_once(address, 1, {}))


@case
def a_tensor_of_the_wrong_width(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        return classes(server.infer("iris", [tensor(FLOWERS[:, :3])], outputs=wanted()))


@case
def good_calls_right_behind_broken_ones(address: str) -> object:
    seen = []
    for _ in range(10):
        try:
            a_tensor_of_the_wrong_width(address)
        except InferenceServerException as exc:
            seen.append(str(exc)[:5])
        seen.append(infer(address)["classes"])
    return seen


if __name__ == "__main__":
    report(InferenceServerException)
