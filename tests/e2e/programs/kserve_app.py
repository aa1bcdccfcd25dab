"""A server of KServe's SDK with two models: `linear` (sums, V1 and V2) and `echo` (tensors, as sent)."""

from __future__ import annotations

import argparse

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer, model_server

WEIGHTS = np.array([0.1, 0.2, 0.3, 0.4])


class Linear(Model):
    def load(self) -> bool:
        self.ready = True
        return self.ready

    async def predict(
        self, payload: object, headers: object = None, response_headers: object = None
    ) -> object:
        if not isinstance(payload, InferRequest):
            return {"predictions": (np.array(payload["instances"], dtype=float) @ WEIGHTS).tolist()}
        sums = payload.inputs[0].as_numpy() @ WEIGHTS
        output = InferOutput("y", list(sums.shape), "FP64")
        output.set_data_from_numpy(sums, binary_data=False)
        return InferResponse(payload.id or "", self.name, [output])

    async def explain(self, payload: object, headers: object = None) -> object:
        return {"explanations": WEIGHTS.tolist()}


class Echo(Model):
    def load(self) -> bool:
        self.ready = True
        return self.ready

    async def predict(
        self, payload: object, headers: object = None, response_headers: object = None
    ) -> object:
        outputs = []
        for tensor in payload.inputs:
            values = tensor.as_numpy()
            output = InferOutput(tensor.name, list(values.shape), tensor.datatype)
            output.set_data_from_numpy(values, binary_data=True)
            outputs.append(output)
        return InferResponse(
            payload.id or "",
            self.name,
            outputs,
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


if __name__ == "__main__":
    arguments, _ = argparse.ArgumentParser(parents=[model_server.parser]).parse_known_args()
    served = [Linear("linear"), Echo("echo")]
    for one in served:
        one.load()
    ModelServer().start(served)
