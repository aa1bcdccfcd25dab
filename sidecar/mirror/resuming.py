"""All shadows into a checkpoint, and out of it again.

What was offered between the last checkpoint and the death of a monitor is counted, as lost: every exchange
that the monitor settles is offered once, and how many it has settled is known from the rings, which outlive
it. They do not outlive the sidecar, whose start therefore stands beside the shadows: under another one it is
not known what was lost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sidecar.log import Log
from sidecar.mirror.shadow import Shadow
from sidecar.mirror.state import BadShadowState, ShadowState, changed, decode, definition_of, encode
from sidecar.profile.damage import DAMAGE


class Resuming:
    """What the shadows of one monitor share in this.

    Args:
        shadows: all that are configured.
        upstream: the primary's URL.
        sidecar_unix_ns: when the sidecar began.
    """

    def __init__(self, shadows: Sequence[Shadow], upstream: str, sidecar_unix_ns: int) -> None:
        self._shadows = shadows
        self._upstream = upstream
        self._sidecar_unix_ns = sidecar_unix_ns

    def to_state(self, now_s: float) -> dict[str, Any]:
        """The shadows for a checkpoint. Called by: any thread.

        Args:
            now_s: monotonic time.

        Returns:
            Numbers and bytes.
        """
        told = [encode(shadow.to_state(self._upstream, now_s)) for shadow in self._shadows]
        return {"sidecar_unix_ns": self._sidecar_unix_ns, "shadows": told}

    def restore(self, saved: Any, n_settled: int, now_s: float, log: Log) -> int:
        """Goes on from a checkpoint, before anything is offered; tells which shadows begin anew, and why.

        Args:
            saved: from `to_state`; None where there is nothing to go on with.
            n_settled: exchanges that the monitor has settled, in all its lives.
            now_s: monotonic time.
            log: where it is told.

        Returns:
            States that could not be read.
        """
        n_faults = 0
        try:
            found = [] if saved is None else list(saved["shadows"])
            same_sidecar = saved is not None and saved["sidecar_unix_ns"] == self._sidecar_unix_ns
        except DAMAGE as exc:
            log.warning("checkpoint_ignored", reason=f"shadows: expected a list, got {type(exc).__name__}")
            return 1
        for packed in found:
            try:
                self._go_on(decode(packed), n_settled if same_sidecar else None, now_s, log)
            except BadShadowState as exc:
                n_faults += 1
                log.warning("checkpoint_ignored", reason=str(exc))
        for shadow in self._shadows:
            shadow.settled_before = n_settled - shadow.offered
        return n_faults

    def _go_on(self, state: ShadowState, n_settled: int | None, now_s: float, log: Log) -> None:
        shadow = next((each for each in self._shadows if each.config.name == state.name), None)
        if shadow is None:
            log.info("shadow_dropped", shadow=state.name, compared=state.comparison.compared)
            return
        differs = changed(state.definition, definition_of(shadow.config, self._upstream))
        if differs:
            log.info(
                "shadow_anew",
                shadow=state.name,
                changed=",".join(differs),
                compared=state.comparison.compared,
            )
            return
        shadow.restore(state, now_s)
        if n_settled is not None:
            shadow.lose(n_settled - shadow.settled_before - shadow.offered)
        log.info("shadow_resumed", shadow=state.name, compared=shadow.comparison.compared)
