"""A partial reference built by the workers of a Dask cluster, the same as that of one process.

Each worker reads pieces of the files, which it must see under the same paths; what they keep is merged in
pairs on the workers. Nothing of Dask is imported but here, and only when it is asked for.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from sidecar.errors import BadReference
from sidecar.profile.build import Progress, build_partial
from sidecar.profile.partial import PartialReference, check_sources
from sidecar.profile.plan import Plan
from sidecar.profile.source import Piece, file_pieces

PIECE_ROWS = 1_000_000
CONNECT_S = 10.0


def build_partial_on(
    address: str, paths: Sequence[Path], plan: Plan, *, progress: Progress | None = None
) -> PartialReference:
    """What is kept of some files, by many processes.

    Args:
        address: of the scheduler, as `tcp://10.0.0.1:8786`.
        paths: the files.
        plan: which columns mean what.
        progress: told the share of the pieces that are done, and the rows when all are.

    Returns:
        The partial reference, settled; equal to what `build_partial` makes.

    Raises:
        BadReference: "--dask: expected a scheduler at 'tcp://x:8786', got ..."; likewise when the extra
            `dask` is not installed; and as `build_partial`.
    """
    plan.check()
    try:
        distributed: Any = import_module("distributed")
    except ImportError as exc:
        raise BadReference("--dask: expected distributed to be installed (extra 'dask'), got none") from exc
    pieces = [piece for path in paths for piece in file_pieces(path.resolve(), PIECE_ROWS)]
    try:
        client = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError) as exc:
        raise BadReference(f"--dask: expected a scheduler at {address!r}, got {exc}") from exc
    with client:
        futures = [client.submit(read_piece, piece, plan, pure=False) for piece in pieces]
        if progress is not None:
            for done, _ in enumerate(distributed.as_completed(list(futures), loop=client.loop), 1):
                progress(done / len(pieces), 0)
        while len(futures) > 1:
            pairs = zip(futures[::2], futures[1::2], strict=False)
            left = futures[-1:] if len(futures) % 2 else []
            futures = [client.submit(merged, one, other, pure=False) for one, other in pairs] + left
        partial: PartialReference = futures[0].result()
    check_sources(partial.sources)
    partial.settle()
    if progress is not None:
        progress(1.0, partial.rows)
    return partial


def read_piece(piece: Piece, plan: Plan) -> PartialReference:
    """What is kept of one piece; runs on a worker.

    Args:
        piece: of a file that the worker can see.
        plan: which columns mean what.

    Raises:
        BadReference: as `build_partial`.
    """
    return build_partial([piece], plan)


def merged(one: PartialReference, other: PartialReference) -> PartialReference:
    """Two partial references as one; runs on a worker, which may need both again, so they stay as they are.

    Args:
        one: of some rows.
        other: of other rows.

    Raises:
        BadReference: as `PartialReference.merge`.
    """
    together = copy.deepcopy(one)
    together.merge(copy.deepcopy(other))
    return together
