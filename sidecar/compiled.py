"""Whether the worker's hot path runs as machine code or as bytecode: the same sources, see `setup.py`."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec
from typing import Literal

_HOTTEST = "sidecar.proxy.exchange"


def worker_code() -> Literal["compiled", "interpreted"]:
    """What a worker of this installation runs; nothing is imported to find out."""
    spec = find_spec(_HOTTEST)
    origin = "" if spec is None or spec.origin is None else spec.origin
    return "compiled" if origin.endswith(tuple(EXTENSION_SUFFIXES)) else "interpreted"
