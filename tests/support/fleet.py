"""Snapshots merged in any order and grouping."""

from __future__ import annotations

import random
from collections.abc import Sequence

from sidecar.profile.snapshot import Snapshot, merge
from sidecar.profile.snapshot_codec import decode, encode


def merged(snapshots: Sequence[Snapshot]) -> Snapshot:
    """All at once, in the order given."""
    return merge([(f"{number}", snapshot) for number, snapshot in enumerate(snapshots)])


def grouped(snapshots: Sequence[Snapshot], rng: random.Random) -> Snapshot:
    """In some order, in groups of groups, some of them more than once and some by way of their bytes."""
    heap = [*snapshots, *rng.choices(snapshots, k=rng.randint(0, 3))]
    rng.shuffle(heap)
    while len(heap) > 1:
        group = [heap.pop(rng.randrange(len(heap))) for _ in range(min(len(heap), rng.randint(2, 4)))]
        heap.append(decode(encode(merged(group)), "group") if rng.random() < 0.3 else merged(group))
        if rng.random() < 0.2:
            heap.append(rng.choice(snapshots))
    return heap[0]
