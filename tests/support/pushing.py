"""One message on its way to the statistics, without a batch around it."""

from __future__ import annotations

from sidecar.monitor.subjects import Subjects
from sidecar.payload.columns import Columns
from sidecar.profile.feature import Role


def push(
    subjects: Subjects,
    columns: Columns,
    role: Role,
    model: str | None,
    version: str | None,
    unix_ns: int,
    exchange_id: int = 0,
) -> bool:
    """Stages a message and sends it at once; whether it was kept."""
    kept = subjects.stage(columns, role, model, version, unix_ns, exchange_id)
    subjects.flush()
    return kept
