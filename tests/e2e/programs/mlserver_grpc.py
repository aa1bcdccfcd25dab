"""What the client stubs of MLServer itself see over gRPC: streams, metadata and status, call by call.

tritonclient's streams are of another type than MLServer's, so its own stubs speak here.
"""

from __future__ import annotations

import queue
from collections.abc import Iterator

import grpc
import mlserver.grpc.dataplane_pb2 as messages
from mlserver.grpc.dataplane_pb2_grpc import GRPCInferenceServiceStub as Service
from outcome import case, report

PATIENCE_S = 30


def words(text: str, model: str = "talk") -> messages.ModelInferRequest:
    contents = messages.InferTensorContents(bytes_contents=[text.encode()])
    tensor = messages.ModelInferRequest.InferInputTensor(
        name="text", datatype="BYTES", shape=[1], contents=contents
    )
    return messages.ModelInferRequest(model_name=model, id="7", inputs=[tensor])


def said(answer: messages.ModelInferResponse) -> str:
    return answer.outputs[0].contents.bytes_contents[0].decode()


def metadata(pairs: object) -> list[list[str]]:
    return [[name, str(value)] for name, value in pairs or ()]


@case
def a_call_and_its_metadata(address: str) -> object:
    with grpc.insecure_channel(address) as channel:
        sent = (("x-team", "words"), ("x-packed-bin", b"\x00\xff"))
        call = Service(channel).ModelInfer.with_call
        answer, done = call(words("hello"), metadata=sent, timeout=PATIENCE_S)
        seen = [metadata(done.initial_metadata()), metadata(done.trailing_metadata())]
        return [said(answer), answer.id, str(done.code()), *seen]


@case
def a_status_in_the_trailers(address: str) -> object:
    with grpc.insecure_channel(address) as channel:
        call = Service(channel).ModelInfer.future(words("hello", "none"), timeout=PATIENCE_S)
        error = call.exception()
        return [str(error.code()), error.details(), metadata(error.trailing_metadata())]


@case
def a_stream_both_ways(address: str) -> object:
    with grpc.insecure_channel(address) as channel:
        asked = iter([words("one two three"), words("four"), words("five six")])
        call = Service(channel).ModelStreamInfer(asked, timeout=PATIENCE_S)
        return [[said(answer) for answer in call], str(call.code()), metadata(call.trailing_metadata())]


@case
def an_answer_comes_before_the_next_question(address: str) -> object:
    with grpc.insecure_channel(address) as channel:
        heard: queue.Queue[str] = queue.Queue()

        def questions() -> Iterator[messages.ModelInferRequest]:
            yield words("first")
            yield words("after-" + heard.get(timeout=PATIENCE_S))  # held back answers would end here

        answers = []
        for answer in Service(channel).ModelStreamInfer(questions(), timeout=PATIENCE_S):
            answers.append(said(answer))
            heard.put(answers[-1])
        return answers


@case
def a_stream_that_its_caller_leaves(address: str) -> object:
    with grpc.insecure_channel(address) as channel:
        call = Service(channel).ModelStreamInfer(iter([words("one " * 100_000)]), timeout=PATIENCE_S)
        first = said(next(call))
        call.cancel()
        again = said(Service(channel).ModelInfer(words("still there"), timeout=PATIENCE_S))
        return [first, str(call.code()), again]


if __name__ == "__main__":
    report(grpc.RpcError)
