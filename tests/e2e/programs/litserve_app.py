"""A LitServe server of three models without weights: `/predict`, `/stream` and OpenAI's chat.

The chat says the last message back, a word an answer. A word `hold:PATH` is a door: what follows waits until
that file exists.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import litserve

WEIGHTS = (0.1, 0.2, 0.3, 0.4)
TOOL_CALL = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "weather", "arguments": '{"city": "Bonn"}'},
}


class Linear(litserve.LitAPI):
    def setup(self, device: str) -> None:
        pass

    def decode_request(self, request: dict) -> list[float]:
        return request["input"]

    def predict(self, row: list[float]) -> float:
        return sum(weight * value for weight, value in zip(WEIGHTS, row, strict=True))

    def encode_response(self, output: float) -> dict:
        return {"output": output}


class Words(litserve.LitAPI):
    def setup(self, device: str) -> None:
        pass

    def decode_request(self, request: dict) -> str:
        return request["prompt"]

    def predict(self, prompt: str) -> Iterator[str]:
        yield from said(prompt)

    def encode_response(self, words: Iterator[str]) -> Iterator[dict]:
        for word in words:
            yield {"token": word}


class Chat(litserve.LitAPI):
    def setup(self, device: str) -> None:
        pass

    def predict(self, request: object) -> Iterator[dict | str]:
        text = request.messages[-1].content
        if text == "call the tool":
            yield {"role": "assistant", "content": "", "tool_calls": [TOOL_CALL]}
            return
        yield from said(text)


def said(text: str) -> Iterator[str]:
    for word in text.split(" "):
        if word.startswith("hold:"):
            while not Path(word.removeprefix("hold:")).exists():
                time.sleep(0.01)  # between two looks at the door
        else:
            yield word + " "


if __name__ == "__main__":
    models = [
        Linear(api_path="/predict"),
        Words(api_path="/stream", stream=True),
        Chat(spec=litserve.OpenAISpec()),
    ]
    server = litserve.LitServer(models, accelerator="cpu", workers_per_device=1)
    server.run(host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, num_api_servers=1)
