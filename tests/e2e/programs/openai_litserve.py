"""What the openai client sees of a LitServe server (`litserve_app.py`).

The second argument is a folder for the doors that hold streams back; each way of asking has its own.
"""

from __future__ import annotations

import asyncio
import json
import sys
import urllib.request
from pathlib import Path

import openai
from outcome import case, report

MODEL = "tiny"
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "Tells it",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
N_CALLS = 20


def client(address: str, **how: object) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://{address}/v1", api_key="none", max_retries=0, timeout=30, **how)


def user(text: str) -> list[dict[str, str]]:
    return [{"role": "system", "content": "Say it back."}, {"role": "user", "content": text}]


def plain(answer: object) -> object:
    """As JSON, without what the server makes up for each answer."""
    return {name: value for name, value in answer.to_dict().items() if name not in ("id", "created")}


def posted(address: str, path: str, body: object) -> urllib.request.Request:
    headers = {"content-type": "application/json"}
    return urllib.request.Request(f"http://{address}{path}", json.dumps(body).encode(), headers)


@case
def a_whole_answer(address: str) -> object:
    return plain(client(address).chat.completions.create(model=MODEL, messages=user("one two three")))


@case
def a_stream(address: str) -> object:
    ask = client(address).chat.completions.create
    return [plain(event) for event in ask(model=MODEL, messages=user("one two three"), stream=True)]


@case
def a_stream_with_usage(address: str) -> object:
    events = client(address).chat.completions.create(
        model=MODEL, messages=user("one two"), stream=True, stream_options={"include_usage": True}
    )
    return [plain(event) for event in events]


@case
def a_tool_call(address: str) -> object:
    ask = client(address).chat.completions.create
    return plain(ask(model=MODEL, messages=user("call the tool"), tools=[TOOL], tool_choice="auto"))


@case
def a_tool_call_in_a_stream(address: str) -> object:
    ask = client(address).chat.completions.create
    return [
        plain(event) for event in ask(model=MODEL, messages=user("call the tool"), tools=[TOOL], stream=True)
    ]


@case
def the_first_word_comes_before_the_last_is_said(address: str) -> object:
    door = Path(sys.argv[2], "chat")
    ask = client(address).chat.completions.create
    said = []
    for event in ask(model=MODEL, messages=user(f"first hold:{door} last"), stream=True):
        said.append(event.choices[0].delta.content)
        if said[-1] == "first ":
            said.append("opened")
            door.touch()  # a proxy that waits for more before it sends would wait here for ever
    return [word for word in said if word]


@case
def lines_of_json_come_one_by_one(address: str) -> object:
    door = Path(sys.argv[2], "lines")
    request = posted(address, "/stream", {"prompt": f"first hold:{door} last"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        pieces = [answer.read1(), b"opened"]
        door.touch()
        pieces.append(answer.read())
        return [answer.status, answer.getheader("content-type"), *(piece.decode() for piece in pieces)]


@case
def a_prediction(address: str) -> object:
    with urllib.request.urlopen(posted(address, "/predict", {"input": [1, 2, 3, 4]}), timeout=30) as answer:
        return [answer.status, json.load(answer)]


@case
def a_prediction_that_fails(address: str) -> object:
    return urllib.request.urlopen(posted(address, "/predict", {"wrong": 1}), timeout=30)


@case
def a_path_that_is_not_there(address: str) -> object:
    return plain(client(address).embeddings.create(model=MODEL, input="x"))


@case
def a_body_that_is_refused(address: str) -> object:
    try:
        return plain(client(address).chat.completions.create(model=MODEL, messages=[{"content": "no role"}]))
    except openai.UnprocessableEntityError as exc:
        return [exc.status_code, exc.response.text]


@case
def streams_at_once_on_the_async_client(address: str) -> object:
    async def listen(asking: openai.AsyncOpenAI, number: int) -> str:
        messages = user(f"number {number} of {N_CALLS}")
        events = await asking.chat.completions.create(model=MODEL, messages=messages, stream=True)
        return "".join([event.choices[0].delta.content or "" async for event in events])

    async def ask() -> list[str]:
        async with openai.AsyncOpenAI(
            base_url=f"http://{address}/v1", api_key="none", max_retries=0
        ) as asking:
            return await asyncio.gather(*(listen(asking, number) for number in range(N_CALLS)))

    return asyncio.run(ask())


if __name__ == "__main__":
    report(openai.OpenAIError, OSError)
