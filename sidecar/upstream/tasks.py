"""Background tasks that are kept: asyncio itself holds only a weak reference to a running task."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

_KEPT: set[asyncio.Task[Any]] = set()


def keep(coroutine: Coroutine[Any, Any, None]) -> None:
    """Starts a coroutine as a task and holds it until it ends."""
    task = asyncio.get_running_loop().create_task(coroutine)
    _KEPT.add(task)
    task.add_done_callback(_KEPT.discard)
