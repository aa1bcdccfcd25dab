"""What the openai client sees of answers that a real vLLM once gave, sent again chunk by chunk.

The second argument is the address of the server itself: what happened there is asked there.
"""

from __future__ import annotations

import asyncio
import sys
import time
import urllib.request

import openai
from outcome import case, report

PATIENCE_S = 20


def client(address: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"http://{address}/v1", api_key="none", max_retries=0, timeout=30)


def question(capture: str, hold: str = "") -> dict[str, object]:
    headers = {"x-capture": capture, "x-hold": hold} if hold else {"x-capture": capture}
    return {"model": "tiny", "messages": [{"role": "user", "content": "Say hi"}], "extra_headers": headers}


def chat(address: str, capture: str, **how: object) -> object:
    return client(address).chat.completions.create(**question(capture), **how)


def directly(path: str, body: bytes | None = None) -> str:
    with urllib.request.urlopen(f"http://{sys.argv[2]}{path}", body, timeout=30) as answer:
        return answer.read().decode()


def n_aborted_beyond(n_before: int) -> int:
    """How many more callers left, once one did or patience ends."""
    end_s = time.monotonic() + PATIENCE_S
    while (n_more := int(directly("/aborted")) - n_before) == 0 and time.monotonic() < end_s:
        time.sleep(0.02)  # between two looks at a condition
    return n_more


@case
def a_whole_answer(address: str) -> object:
    return chat(address, "chat").to_dict()


@case
def log_probabilities(address: str) -> object:
    return chat(address, "chat_logprobs").to_dict()


@case
def two_choices(address: str) -> object:
    return chat(address, "chat_n2").to_dict()


@case
def a_stream(address: str) -> object:
    return [event.to_dict() for event in chat(address, "chat_stream", stream=True)]


@case
def a_stream_with_usage(address: str) -> object:
    return [event.to_dict() for event in chat(address, "chat_stream_usage", stream=True)]


@case
def a_stream_with_continuous_usage(address: str) -> object:
    return [event.to_dict() for event in chat(address, "chat_stream_continuous_usage", stream=True)]


@case
def embeddings(address: str) -> object:
    headers = {"x-capture": "embeddings"}
    return client(address).embeddings.create(model="tiny", input="x", extra_headers=headers).to_dict()


@case
def tools_that_are_refused(address: str) -> object:
    return chat(address, "chat_tools").to_dict()


@case
def a_model_that_is_not_there(address: str) -> object:
    return chat(address, "error_bad_model").to_dict()


@case
def a_context_that_is_too_long(address: str) -> object:
    return chat(address, "error_context_too_long").to_dict()


@case
def a_stream_of_a_model_that_is_not_there(address: str) -> object:
    return [event.to_dict() for event in chat(address, "error_bad_model", stream=True)]


@case
def every_event_but_the_end_comes_while_the_end_is_held_back(address: str) -> object:
    events = client(address).chat.completions.create(**question("chat_stream", "last"), stream=True)
    n_events = 0
    for event in events:
        n_events += 1
        if event.choices and event.choices[0].finish_reason is not None:
            break
    return [n_events, directly("/release", b"")]


@case
def an_abort_reaches_the_server(address: str) -> object:
    n_before = int(directly("/aborted"))
    events = client(address).chat.completions.create(**question("chat_stream", "end"), stream=True)
    first = next(iter(events)).to_dict()
    events.close()
    return [first, n_aborted_beyond(n_before)]


@case
def an_abort_of_the_async_client_reaches_the_server(address: str) -> object:
    n_before = int(directly("/aborted"))

    async def ask() -> object:
        async with openai.AsyncOpenAI(
            base_url=f"http://{address}/v1", api_key="none", max_retries=0
        ) as asking:
            events = await asking.chat.completions.create(**question("chat_stream", "end"), stream=True)
            return (await anext(aiter(events))).to_dict()

    return [asyncio.run(ask()), n_aborted_beyond(n_before)]


if __name__ == "__main__":
    report(openai.OpenAIError)
