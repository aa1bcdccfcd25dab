"""Something looked at by one thread while another changes it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

LOOKS = 10


@contextmanager
def looked_at(look: Callable[[], object]) -> Iterator[Callable[[], None]]:
    """Another thread looks a few times whenever what this gives is called, while the caller goes on.

    Not as often as it can: a lock that is asked for again at once lets nobody else in. Threads take turns
    every microsecond, and what looking raised is raised at the end.
    """
    ended, moved_on, raised = threading.Event(), threading.Event(), []

    def watch() -> None:
        while moved_on.wait() and not ended.is_set():
            moved_on.clear()
            try:
                for _ in range(LOOKS):
                    look()
            except Exception as exc:  # noqa: BLE001 - it is raised at the end
                raised.append(exc)

    watching = threading.Thread(target=watch)
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    watching.start()
    try:
        yield moved_on.set
    finally:
        ended.set()
        moved_on.set()
        watching.join()
        sys.setswitchinterval(before)
    if raised:
        raise raised[0]
