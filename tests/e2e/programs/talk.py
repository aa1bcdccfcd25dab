"""An MLServer runtime that streams: a word an answer; and one that waits to be cancelled, and counts it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from mlserver import MLModel
from mlserver.codecs import StringCodec
from mlserver.types import InferenceRequest, InferenceResponse


class Talk(MLModel):
    """Says back what it is told; `wait` waits for ever, `cancelled` says how many waits were cancelled."""

    async def load(self) -> bool:
        self._n_waiting = self._n_cancelled = 0
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        said = self._said(payload)
        if said == "wait":
            await self._wait()
        if said == "counts":
            said = f"{self._n_waiting} waiting, {self._n_cancelled} cancelled"
        return self._say(said)

    async def predict_stream(
        self, payloads: AsyncIterator[InferenceRequest]
    ) -> AsyncIterator[InferenceResponse]:
        async for payload in payloads:
            for word in self._said(payload).split(" "):
                yield self._say(word)

    async def _wait(self) -> None:
        self._n_waiting += 1
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self._n_cancelled += 1
            raise
        finally:
            self._n_waiting -= 1

    def _said(self, payload: InferenceRequest) -> str:
        return StringCodec.decode_input(payload.inputs[0])[0]

    def _say(self, text: str) -> InferenceResponse:
        return InferenceResponse(
            model_name=self.name, model_version="t1", outputs=[StringCodec.encode_output("text", [text])]
        )
