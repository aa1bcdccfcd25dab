"""Who a monitor is among others, for snapshots."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path

POD_UID = "POD_UID"  # by Kubernetes' downward API: metadata.uid
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


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
