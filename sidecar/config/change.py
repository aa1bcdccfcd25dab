"""From one configuration to the next while the sidecar runs: what may change, and what did."""

from __future__ import annotations

import msgspec

from sidecar.config.model import Config
from sidecar.errors import ConfigError

# Sockets, rings, the checkpoint's folder and the log are made once, before any child is started
FIXED = ("listen", "health", "admin", "workers", "log_format", "tap.ring_bytes", "state.path")


def check_change(running: Config, wanted: Config) -> None:
    """Sees to it that only such settings change as can change while running.

    Args:
        running: in force.
        wanted: to be in force.

    Raises:
        ConfigError: "listen: expected 0.0.0.0:9000 as at start, got 0.0.0.0:9100".
    """
    if (running.tls.certificate is None) is not (wanted.tls.certificate is None):
        at_start, got = ("none", "one") if running.tls.certificate is None else ("one", "none")
        raise ConfigError("tls.certificate", f"{at_start} as at start", got)
    for path in FIXED:
        before, after = _setting(running, path), _setting(wanted, path)
        if before != after:
            raise ConfigError(path, f"{_shown(before)} as at start", _shown(after))


def changed_keys(running: Config, wanted: Config) -> list[str]:
    """The top-level keys whose settings differ, in the order of the documentation."""
    return [
        field.name
        for field in msgspec.structs.fields(Config)
        if getattr(running, field.name) != getattr(wanted, field.name)
    ]


def _setting(config: Config, path: str) -> object:
    value: object = config
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _shown(value: object) -> str:
    return "none" if value is None else str(value)
