"""Panes beside each other, bit by bit."""

from __future__ import annotations

from typing import Any

from sidecar.profile.pane import Pane
from sidecar.profile.resting import at_rest


def contents(pane: Pane) -> dict[str, Any]:
    """All that a pane holds, as numbers and bytes that can be compared."""
    return at_rest(pane, first=1, last=1, epoch=0).to_state()
