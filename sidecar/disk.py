"""Faults of a disk in one word each, for counters and logs."""

from __future__ import annotations

import errno

_REASONS = {
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
    errno.EFBIG: "full",
    errno.EACCES: "denied",
    errno.EPERM: "denied",
    errno.EROFS: "denied",
    errno.EISDIR: "denied",
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.EPIPE: "closed",
    errno.ENXIO: "closed",
    errno.EAGAIN: "busy",
    errno.EBUSY: "in_use",
}


def reason_of(fault: OSError) -> str:
    """What kept a file from taking what was written.

    Args:
        fault: what was raised.

    Returns:
        `full`, `denied`, `missing`, `closed` (nobody reads the pipe), `busy` (no room now), `in_use` (by
        another process), or `failed`.
    """
    return _REASONS.get(fault.errno or 0, "failed")
