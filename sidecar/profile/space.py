"""By what joint sums were counted: pivots, steps, directions and bandwidths, as the reference's parts say.

Sums of products and of Fourier features can only be added where these are the same. They are when they come
from one reference file; what a monitor learns from its own traffic is its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from sidecar.errors import BadReference
from sidecar.profile.damage import refusing
from sidecar.profile.envelope import identify
from sidecar.profile.fourier import FourierReference, unpack_fourier
from sidecar.profile.joint_reference import JointReference, unpack_joint


@dataclass(frozen=True, slots=True)
class Space:
    """The parts of a reference that joint sums rest on.

    Args:
        id: SHA-256 of `encoded`.
        encoded: the parts.
    """

    id: str
    encoded: bytes

    @classmethod
    def of(cls, joint: bytes, embeddings: Sequence[bytes]) -> Space:
        """The space of some parts.

        Args:
            joint: of the numeric features; empty when nothing is known of them.
            embeddings: of each embedding, likewise.

        Returns:
            The space.
        """
        return cls.sealed(msgspec.msgpack.encode({"joint": joint, "embeddings": list(embeddings)}))

    @classmethod
    def sealed(cls, encoded: bytes) -> Space:
        """The space of encoded parts.

        Args:
            encoded: as `of` makes them, or of a snapshot.

        Returns:
            The space.
        """
        return cls(identify(encoded), encoded)

    def open(self) -> tuple[JointReference | None, tuple[FourierReference | None, ...]]:
        """The parts.

        Returns:
            How numeric features moved together, and how each embedding was; None where nothing is known.

        Raises:
            BadReference: "space: expected its fields, got KeyError('joint')"; likewise for other damage.
        """
        with refusing(BadReference, "space", "its fields"):
            fields = msgspec.msgpack.decode(self.encoded)
            joint = unpack_joint(fields["joint"]) if fields["joint"] else None
            return joint, tuple(unpack_fourier(part) if part else None for part in fields["embeddings"])
