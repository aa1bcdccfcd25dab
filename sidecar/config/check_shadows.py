"""What a type cannot say of shadows, and of what they share with the upstream."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sidecar.config.address import parse_upstream
from sidecar.config.routes import compile_path
from sidecar.config.shadow import ShadowConfig
from sidecar.config.traffic import UpstreamTlsConfig
from sidecar.errors import ConfigError

_URL = "http://host:port or https://host:port, perhaps with a path"
_PARTS = re.compile(r"(https?://[^/?#\s@]+)(?:/[!-\"$->@-~]*)?")  # no query: targets are put behind it
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\t -~\x80-\xff]*")
_HOST = re.compile(r"[!-~]+")


def check_shadows(shadows: Sequence[ShadowConfig]) -> None:
    """Sees to it that every shadow can be asked, and that names say which is meant.

    Args:
        shadows: the setting of this name.

    Raises:
        ConfigError: "shadows[0].url: expected a port in 1..65535, got 99999".
    """
    check_names("shadows", [shadow.name for shadow in shadows])
    for place, shadow in enumerate(shadows):
        setting = f"shadows[{place}]"
        check_url(shadow.url, f"{setting}.url")
        check_upstream_tls(f"{setting}.tls", shadow.tls, shadow.url.startswith("https:"), shadow.url)
        _check_heads(shadow, setting)
        for number, path in enumerate(shadow.routes):
            compile_path(path, f"{setting}.routes[{number}]")
        check_names(f"{setting}.fields", [field.name for field in shadow.fields])


def check_names(setting: str, names: Sequence[str]) -> None:
    """Sees to it that no name is there twice.

    Args:
        setting: its path.
        names: of its entries.

    Raises:
        ConfigError: "models: expected one entry a name, got 'a' twice".
    """
    twice = sorted(name for name in names if names.count(name) > 1)
    if twice:
        raise ConfigError(setting, "one entry a name", f"{twice[0]!r} twice")


def check_upstream_tls(setting: str, files: UpstreamTlsConfig, over_tls: bool, url: str) -> None:
    """Sees to it that files are read that somebody named.

    Args:
        setting: its path.
        files: what it says.
        over_tls: whether the server is spoken to in TLS.
        url: the server's, for the error.

    Raises:
        ConfigError: "upstream_tls.ca: expected an https:// upstream, got 'http://m'".
    """
    if files.key is not None and files.certificate is None:
        raise ConfigError(f"{setting}.key", f"{setting}.certificate beside it", "none")
    for name in ("ca", "certificate", "server_name"):
        if getattr(files, name) is not None and not over_tls:
            what = "upstream" if setting == "upstream_tls" else "url"
            raise ConfigError(f"{setting}.{name}", f"an https:// {what}", repr(url))


def check_url(url: str, path: str) -> None:
    """Sees to it that a server can be asked at a URL.

    Args:
        url: its URL, perhaps with a path.
        path: of the setting, or a flag.

    Raises:
        ConfigError: "shadows[0].url: expected a port in 1..65535, got 99999".
    """
    if "@" in url.partition("://")[2].partition("/")[0]:
        raise ConfigError(path, _URL, "a URL with credentials")  # which are not shown
    parts = _PARTS.fullmatch(url)
    if parts is None:
        raise ConfigError(path, _URL, repr(url))
    parse_upstream(parts[1], path, _URL)


def _check_heads(shadow: ShadowConfig, setting: str) -> None:
    """A header that HTTP does not allow would fail every copy. Values may be secrets: they are not shown."""
    if shadow.host is not None and _HOST.fullmatch(shadow.host) is None:
        raise ConfigError(f"{setting}.host", "visible ASCII", repr(shadow.host))
    if _TOKEN.fullmatch(shadow.session_header) is None:
        raise ConfigError(f"{setting}.session_header", "a header's name", repr(shadow.session_header))
    for name, value in shadow.headers.items():
        if _TOKEN.fullmatch(name) is None:
            raise ConfigError(f"{setting}.headers", "headers' names", repr(name))
        if _VALUE.fullmatch(value) is None:
            raise ConfigError(f"{setting}.headers.{name}", "one line", "a value that HTTP does not allow")
