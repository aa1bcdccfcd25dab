"""How an exchange ended, as the record says it."""

from __future__ import annotations

from sidecar.ring.record import Outcome

__all__ = ["Outcome"]
