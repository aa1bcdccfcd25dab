"""What a type cannot say of the settings: which of them make sense together."""

from __future__ import annotations

import re

from sidecar.config.address import TcpUpstream, is_loopback, parse_listen, parse_upstream
from sidecar.config.check_shadows import check_names, check_shadows, check_upstream_tls
from sidecar.config.model import Config
from sidecar.config.recording import RecordingConfig
from sidecar.config.routes import compile_path
from sidecar.errors import ConfigError

ALPN = ("http/1.1", "h2")  # what the proxy speaks to callers
_TARGET = re.compile(r"/[!-~]*")


def check_config(config: Config) -> None:
    """Sees to it that the settings make sense together.

    Args:
        config: of which every setting has the right type.

    Raises:
        ConfigError: "window.horizons_s: expected lengths in rising order, got [300.0, 100.0]".
    """
    _check_tls(config)
    parse_listen(config.listen, "listen")
    parse_listen(config.health, "health")
    admin = parse_listen(config.admin, "admin")
    path = config.health_check.path
    if path is not None and _TARGET.fullmatch(path) is None:
        raise ConfigError("health_check.path", "a path that begins with /", repr(path))
    size = config.tap.ring_bytes
    if size & (size - 1):
        raise ConfigError("tap.ring_bytes", "a power of two in [65536, 1073741824]", str(size))
    if not is_loopback(admin) and not config.admin_server.token:
        raise ConfigError(
            "admin_server.token", f"a token, since {config.admin} is not a loopback address", "none"
        )
    if list(config.window.horizons_s) != sorted(set(config.window.horizons_s)):
        raise ConfigError("window.horizons_s", "lengths in rising order", str(list(config.window.horizons_s)))
    if config.window.horizons_s[0] < config.window.pane_s:
        raise ConfigError(
            "window.horizons_s",
            f"at least one pane of {config.window.pane_s} s",
            str(config.window.horizons_s[0]),
        )
    for place, path in enumerate(config.tap.paths):
        compile_path(path, f"tap.paths[{place}]")
    for place, route in enumerate(config.routes):
        compile_path(route.path, f"routes[{place}].path")
    check_names("models", [model.name for model in config.models])
    for place, model in enumerate(config.models):
        columns = [item if isinstance(item, str) else item.column or item.name for item in model.features]
        check_names(f"models[{place}].features", columns)
    check_shadows(config.shadows)
    _check_recording(config.recording)


def _check_recording(recording: RecordingConfig) -> None:
    for place, path in enumerate(recording.routes):
        compile_path(path, f"recording.routes[{place}]")
    if recording.segment_bytes > recording.most_bytes:
        raise ConfigError(
            "recording.segment_bytes",
            f"at most recording.most_bytes ({recording.most_bytes})",
            str(recording.segment_bytes),
        )


def _check_tls(config: Config) -> None:
    """Files of TLS that nobody would read are a mistake: the connection would not be what was asked for."""
    upstream, tls, files = parse_upstream(config.upstream), config.tls, config.upstream_tls
    for name, value in (("key", tls.key), ("client_ca", tls.client_ca)):
        if value is not None and tls.certificate is None:
            raise ConfigError(f"tls.{name}", "tls.certificate beside it", "none")
    if not tls.alpn:
        raise ConfigError("tls.alpn", "at least one protocol", "none")
    for place, protocol in enumerate(tls.alpn):
        if protocol not in ALPN:
            raise ConfigError(f"tls.alpn[{place}]", " or ".join(ALPN), repr(protocol))
    check_upstream_tls(
        "upstream_tls", files, isinstance(upstream, TcpUpstream) and upstream.tls, config.upstream
    )
