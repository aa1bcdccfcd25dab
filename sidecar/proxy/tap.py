"""The tap: copies what an exchange sends and receives into the ring, without ever waiting for it.

A small exchange's bodies are held as they came (references, no copy) and written as one record at the end. Once the two
bodies together pass `tap.inline_limit_bytes`, what is held goes into the ring as pieces and later ones follow as they come,
so a worker never holds a body. A body beyond `tap.body_limit_bytes` is no longer taken and the record says that it was cut.

Whatever goes wrong in here must not reach the exchange: it is counted, logged at most once a minute, and forgotten.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sidecar.config.model import TapConfig
from sidecar.log import Log
from sidecar.proxy.identity import share_limit
from sidecar.ring.record import Outcome, PieceKind
from sidecar.ring.writer import RingWriter

if TYPE_CHECKING:  # an exchange calls the tap; the tap only reads it
    from sidecar.proxy.exchange import Exchange

PENDING_BYTES = 262_144  # as much is handed to the monitor at once, however short the time
