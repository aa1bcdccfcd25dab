"""What tritonclient's gRPC clients see of an MLServer with the models `iris` and `talk`.

The second argument is the address of the server itself: what happened there is asked there.
"""

from __future__ import annotations

import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import tritonclient.grpc as client
from outcome import case, report
from tritonclient.utils import InferenceServerException

FLOWERS = np.array([[5.1, 3.5, 1.4, 0.2], [6.7, 3.1, 4.7, 1.5], [6.3, 3.3, 6.0, 2.5]])
N_CHANNELS = 20
PATIENCE_S = 30
# Without it the channels of one process share one connection.
OWN_CONNECTION = [("grpc.use_local_subchannel_pool", 1)]


def tensor(rows: np.ndarray) -> client.InferInput:
    made = client.InferInput("predict", list(rows.shape), "FP64")
    made.set_data_from_numpy(rows)
    return made


def text(words: str) -> client.InferInput:
    made = client.InferInput("text", [1], "BYTES")
    made.set_data_from_numpy(np.array([words.encode()], dtype=np.object_))
    return made


def classes(answer: client.InferResult) -> list[int]:
    return answer.as_numpy("predict").ravel().tolist()


def said(answer: client.InferResult) -> str:
    return answer.as_numpy("text").ravel()[0].decode()


@case
def health_and_metadata(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        flags = [server.is_server_live(), server.is_server_ready(), server.is_model_ready("iris")]
        server_said = server.get_server_metadata(as_json=True)
        return [flags, server_said, server.get_model_metadata("iris", as_json=True)]


@case
def one_inference(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        answer = server.infer("iris", [tensor(FLOWERS)], request_id="7", headers={"x-team": "flowers"})
        response = answer.get_response()
        return {"classes": classes(answer), "id": response.id, "version": response.model_version}


@case
def a_compressed_request(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        rows = np.repeat(FLOWERS, 1000, axis=0)
        kinds = {
            how: classes(server.infer("iris", [tensor(rows)], compression_algorithm=how))
            for how in ("gzip", "deflate")
        }
        return [kinds["gzip"] == kinds["deflate"], kinds["gzip"][::1000]]


@case
def a_model_that_is_not_there(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        return classes(server.infer("none", [tensor(FLOWERS)]))


@case
def a_tensor_of_the_wrong_width(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        return classes(server.infer("iris", [tensor(FLOWERS[:, :3])]))


@case
def a_service_that_is_not_there(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        return server.get_cuda_shared_memory_status(as_json=True)


@case
def a_deadline(address: str) -> object:
    with client.InferenceServerClient(address) as server:
        return said(server.infer("talk", [text("wait")], client_timeout=0.3))


@case
def many_channels_at_once(address: str) -> object:
    def ask(number: int) -> list[object]:
        with client.InferenceServerClient(address, channel_args=OWN_CONNECTION) as server:
            answers = [
                server.infer("iris", [tensor(FLOWERS[i % 3 :])], request_id=f"{number}.{i}") for i in range(5)
            ]
        return [[answer.get_response().id, classes(answer)] for answer in answers]

    with ThreadPoolExecutor(N_CHANNELS) as callers:
        return list(callers.map(ask, range(N_CHANNELS)))


@case
def a_cancelled_call_reaches_the_server(address: str) -> object:
    with client.InferenceServerClient(sys.argv[2]) as direct, client.InferenceServerClient(address) as server:
        _, n_cancelled = counts_when_waiting(direct, 0)
        call = server.async_infer("talk", [text("wait")], callback=lambda answer, error: None)
        n_waiting, _ = counts_when_waiting(direct, 1)
        call.cancel()
        n_left, n_cancelled_now = counts_when_waiting(direct, 0)
        return [n_waiting, n_left, n_cancelled_now - n_cancelled]


def counts_when_waiting(direct: client.InferenceServerClient, n_wanted: int) -> list[int]:
    """How many calls wait and were cancelled, once as many wait as are wanted or patience ends."""
    end_s = time.monotonic() + PATIENCE_S
    while True:
        found = [int(word) for word in said(direct.infer("talk", [text("counts")])).split() if word.isdigit()]
        if found[0] == n_wanted or time.monotonic() > end_s:
            return found
        time.sleep(0.02)  # between two looks at a condition


if __name__ == "__main__":
    report(InferenceServerException)
