"""Whether anything has come on an idle connection: its end, or bytes that nobody asked for."""

from __future__ import annotations

import asyncio
import select


def is_readable(transport: asyncio.Transport) -> bool:
    """Asks the system, which costs a call.

    Args:
        transport: of a connection.

    Returns:
        False also for one that has no socket any more.
    """
    connection = transport.get_extra_info("socket")
    if connection is None:
        return False
    poller = select.poll()
    poller.register(connection.fileno(), select.POLLIN)
    return bool(poller.poll(0))
