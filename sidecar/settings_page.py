"""The configuration in force, in memory that the supervisor writes and its workers read.

It has two slots. A store fills the slot that is not in force and then names it by one write of the version;
so what is in force is whole at every moment, a supervisor killed while it writes included. A reader that is
overtaken by two stores finds another version, or a checksum that is wrong, in the slot, and reads again.

MessagePack and not JSON, which has no infinity (`.inf` is a time-out that never ends).
"""

from __future__ import annotations

import os
import struct
import zlib

import msgspec

from sidecar.config.model import Config
from sidecar.errors import ConfigError, SidecarError

MAX_BYTES = 4_194_304  # of one configuration; the file is sparse, so what is not used costs nothing
_VERSION = struct.Struct("<Q")  # at the beginning of the file
_SLOT_HEAD = struct.Struct("<QQII")  # version, length, CRC-32 of the settings, zero
_FIRST_SLOT_BYTES = 4096
_SLOT_BYTES = _SLOT_HEAD.size + MAX_BYTES
_MOST_TRIES = 1000


class SettingsPage:
    """An anonymous shared file with the configuration in force; kept over a fork.

    Args:
        config: the first.

    Raises:
        ConfigError: it is longer than `MAX_BYTES`.
    """

    def __init__(self, config: Config) -> None:
        self._fd = os.memfd_create("sidecar-settings", os.MFD_CLOEXEC)
        os.ftruncate(self._fd, _FIRST_SLOT_BYTES + 2 * _SLOT_BYTES)
        self.store(config)

    @property
    def version(self) -> int:
        """How many configurations have been stored, >= 1."""
        return int(_VERSION.unpack(os.pread(self._fd, _VERSION.size, 0))[0])

    def store(self, config: Config) -> None:
        """Puts a configuration in force.

        Args:
            config: checked already.

        Raises:
            ConfigError: it is longer than `MAX_BYTES`; what was in force stays so.
            OSError: there is no memory; as above.

        Called by: supervisor only.

        Ordering: the slot is whole before the version names it.
        """
        body = msgspec.msgpack.encode(config)
        if len(body) > MAX_BYTES:
            raise ConfigError("configuration", f"at most {MAX_BYTES} bytes", str(len(body)))
        version = self.version + 1
        self._write(_SLOT_HEAD.pack(version, len(body), zlib.crc32(body), 0) + body, _slot_of(version))
        self._write(_VERSION.pack(version), 0)

    def load(self) -> Config:
        """The configuration in force.

        Raises:
            SidecarError: the page is damaged.

        Called by: either.
        """
        for _ in range(_MOST_TRIES):
            config = self._try_load()
            if config is not None:
                return config
        raise SidecarError("settings page: expected a whole configuration, got damaged memory")

    def _try_load(self) -> Config | None:
        version = self.version
        place = _slot_of(version)
        found, n_bytes, checksum, _ = _SLOT_HEAD.unpack(os.pread(self._fd, _SLOT_HEAD.size, place))
        if found != version or n_bytes > MAX_BYTES:
            return None
        body = os.pread(self._fd, n_bytes, place + _SLOT_HEAD.size)
        return msgspec.msgpack.decode(body, type=Config) if zlib.crc32(body) == checksum else None

    def _write(self, content: bytes, place: int) -> None:
        written = 0
        while written < len(content):
            written += os.pwrite(self._fd, content[written:], place + written)


def _slot_of(version: int) -> int:
    return _FIRST_SLOT_BYTES + (version & 1) * _SLOT_BYTES
