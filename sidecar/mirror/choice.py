"""Which requests a shadow gets: a share, the same one for all that belong together.

A request is mirrored when the hash of its key lies below the share. The key is the request's own id, its
session or its sequence, so a conversation is mirrored whole or not at all, in every pod, and two shadows of
different shares get the same requests as far as the smaller share goes. Raising the share only adds to what
was mirrored before.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b

from sidecar.config.shadow import RampConfig

_WHOLE = 1 << 64


def key_hash(key: str) -> int:
    """Hash of a key.

    Args:
        key: request id, session or sequence.

    Returns:
        0 to 2^64 - 1, the same in every process.
    """
    return int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def is_chosen(hashed: int, ratio: float) -> bool:
    """Whether a key belongs to a share.

    Args:
        hashed: from `key_hash`.
        ratio: the share, 0 to 1.

    Returns:
        True for this share of all keys.
    """
    return hashed < ratio * _WHOLE


def ratio_at(ratio: float, ramp: Sequence[RampConfig], age_s: float) -> float:
    """The share in force.

    Args:
        ratio: the share without a ramp, and the most with one.
        ramp: steps, in any order.
        age_s: time since the shadow began.

    Returns:
        That of the last step begun, at most `ratio`; 0 before the first one.
    """
    if not ramp:
        return ratio
    begun = [step for step in ramp if step.after_s <= age_s]
    return min(ratio, max(begun, key=lambda step: step.after_s).ratio) if begun else 0.0


def asks_again(number: int, ratio: float) -> bool:
    """Whether the primary is asked a second time: an evenly spread share of the exchanges.

    Args:
        number: of the exchange.
        ratio: the share, 0 to 1.
    """
    return ratio > 0.0 and is_chosen(key_hash(f"noise {number:016x}"), ratio)
