"""Who a monitor is among others, for snapshots."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

POD_UID = "POD_UID"  # by Kubernetes' downward API: metadata.uid
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Identity:
    """A monitor among those that it goes on from.

    Args:
        origin: the same for all that went on from one checkpoint to the next.
        epoch: start of this one in nanoseconds of unix time, greater than of those before.
    """

    origin: str
    epoch: int

    def to_state(self) -> dict[str, Any]:
        """The identity for a checkpoint.

        Returns:
            Text and number.
        """
        return {"origin": self.origin, "epoch": self.epoch}


def take_identity(environ: Mapping[str, str], now_unix_ns: int, saved: Mapping[str, Any]) -> Identity:
    """Who this monitor is.

    Args:
        environ: of the process.
        now_unix_ns: time.
        saved: the checkpoint that it goes on from; empty when there is none.

    Returns:
        The identity of the monitor before with an epoch of its own, even if the clock was set back since; a
        new one without a checkpoint.
    """
    if "origin" in saved and "epoch" in saved:
        return Identity(str(saved["origin"]), max(now_unix_ns, int(saved["epoch"]) + 1))
    return Identity(f"{pod_identity(environ)}/{now_unix_ns}", now_unix_ns)


def pod_identity(environ: Mapping[str, str], boot_id: Path = BOOT_ID) -> str:
    """Names the pod, or the host since its last boot.

    Args:
        environ: of the process.
        boot_id: file that the kernel fills anew at every boot.

    Returns:
        The pod's uid when it is told, else host name and boot; no two monitors share one unless they run
        side by side on one host, which their starts tell apart.
    """
    uid = environ.get(POD_UID)
    if uid:
        return uid
    try:
        boot = boot_id.read_text().strip()
    except OSError:
        boot = "unknown"
    return f"{socket.gethostname()}/{boot}"
