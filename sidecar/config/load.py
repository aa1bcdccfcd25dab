"""From text to `Config`: the file first, then `SIDECAR_` variables, then flags; later ones win."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, get_type_hints

import msgspec
import yaml

from sidecar.config.address import TcpUpstream, is_loopback, parse_listen, parse_upstream
from sidecar.config.model import Config
from sidecar.config.routes import compile_path
from sidecar.config.shadow import ShadowConfig
from sidecar.errors import ConfigError

FileFormat = Literal["yaml", "toml"]
PREFIX = "SIDECAR_"
ALPN = ("http/1.1", "h2")  # what the proxy speaks to callers

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}")
_TARGET = re.compile(r"/[!-~]*")
_SHADOW_URL = re.compile(r"https?://[^/?#\s@]+(?:/[!-~]*)?")
_UNKNOWN = re.compile(r"Object contains unknown field `([^`]*)`(?: - at `\$\.?([^`]*)`)?")
_INVALID = re.compile(r"Expected (.*?)(?:, got (.*?))?(?: - at `\$\.?([^`]*)`)?")


def load_config(
    text: str = "",
    file_format: FileFormat = "yaml",
    *,
    environ: Mapping[str, str] | None = None,
    flags: Mapping[str, Any] | None = None,
    read_file: Callable[[str], str] | None = None,
) -> Config:
    """Reads the settings.

    Args:
        text: the configuration file's text; empty for none.
        file_format: which language it is in.
        environ: variables; those that begin with `SIDECAR_` are settings (`SIDECAR_WINDOW__PANE_S=1`), all
            may be named as `${VAR}`.
        flags: nested mapping of settings that win over both.
        read_file: gives the text of a file named as `${file:/path}`.

    Raises:
        ConfigError: with the path of the setting, what was expected and what was found.
    """
    environ = environ or {}
    settings = _parse(text, file_format)
    _merge(settings, _from_environ(environ))
    _merge(settings, dict(flags or {}))
    try:
        filled = _fill(settings, environ, read_file, "")
    except RecursionError:
        raise ConfigError("file", "a YAML alias that is not within itself", "one that is") from None
    try:
        config = msgspec.convert(filled, Config)
    except msgspec.ValidationError as exc:
        raise _explain(str(exc), filled) from None
    _check(config)
    return config


def _parse(text: str, file_format: FileFormat) -> dict[str, Any]:
    try:
        settings = tomllib.loads(text) if file_format == "toml" else yaml.safe_load(text)
    except tomllib.TOMLDecodeError as exc:
        raise ConfigError("file", "TOML", str(exc)) from None
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark is not None else ""
        raise ConfigError("file", "YAML", where + str(getattr(exc, "problem", exc))) from None
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        raise ConfigError("file", "a mapping of settings", type(settings).__name__)
    return settings


def _from_environ(environ: Mapping[str, str]) -> dict[str, Any]:
    """Settings among the variables.

    A name without `__` that is no setting is somebody else's: Kubernetes gives every container variables such
    as SIDECAR_SERVICE_HOST when a Service happens to be called sidecar.
    """
    settings: dict[str, Any] = {}
    known = set(get_type_hints(Config))
    for name, value in environ.items():
        keys = name.removeprefix(PREFIX).lower().split("__")
        if not name.startswith(PREFIX) or (len(keys) == 1 and keys[0] not in known):
            continue
        place = settings
        for key in keys[:-1]:
            place = place.setdefault(key, {})
            if not isinstance(place, dict):
                raise ConfigError(name, f"no variable that sets all of {key}", "one beside it")
        place[keys[-1]] = _scalar(value)
    return settings


def _scalar(text: str) -> Any:
    """A variable's value as YAML would read it: `1` is a number, `[a, b]` a list, `http://h:1` text; a
    lone dash, an empty list to YAML, is standard output."""
    try:
        return text if text in ("", "-") else yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = value


def _fill(value: Any, environ: Mapping[str, str], read_file: Callable[[str], str] | None, path: str) -> Any:
    if isinstance(value, dict):
        return {
            key: _fill(item, environ, read_file, f"{path}.{key}".lstrip(".")) for key, item in value.items()
        }
    if isinstance(value, list):
        return [_fill(item, environ, read_file, f"{path}[{place}]") for place, item in enumerate(value)]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        name = match[1]
        if name.startswith("file:"):
            return _secret_file(name.removeprefix("file:"), read_file, path)
        if name not in environ:
            raise ConfigError(path, f"the variable {name} to be set", "no such variable")
        return environ[name]

    return _VARIABLE.sub(replace, value)


def _secret_file(name: str, read_file: Callable[[str], str] | None, path: str) -> str:
    if read_file is None:
        raise ConfigError(path, "no ${file:...} here", name)
    try:
        return read_file(name).rstrip("\n")
    except (OSError, UnicodeDecodeError) as exc:
        raise ConfigError(path, f"a readable file {name}", str(getattr(exc, "strerror", exc))) from None


def _explain(message: str, settings: dict[str, Any]) -> ConfigError:
    """Turns msgspec's words into `path: expected ..., got ...`, with the nearest known key for an unknown
    one."""
    unknown = _UNKNOWN.fullmatch(message)
    if unknown:
        parent = unknown[2] or ""
        keys = _known_keys(parent)
        near = difflib.get_close_matches(unknown[1], keys, n=1, cutoff=0.5)
        expected = f"a known key, perhaps {near[0]!r}" if near else f"one of {', '.join(sorted(keys))}"
        return ConfigError(f"{parent}.{unknown[1]}".lstrip("."), expected, f"{unknown[1]!r}")
    invalid = _INVALID.fullmatch(message)
    if invalid is None:
        return ConfigError("configuration", "valid settings", message)
    path = invalid[3] or "configuration"
    return ConfigError(
        path, invalid[1].replace("`", ""), _found(path, settings, (invalid[2] or "").replace("`", ""))
    )


def _known_keys(path: str) -> list[str]:
    schema: Any = Config
    for key in re.findall(r"[a-z_]+", path):
        schema = _struct_within(get_type_hints(schema).get(key))
        if schema is None:
            return []
    return list(get_type_hints(schema))


def _struct_within(hint: Any) -> Any:
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return hint
    for inner in getattr(hint, "__args__", ()):
        found = _struct_within(inner)
        if found is not None:
            return found
    return None


def _found(path: str, settings: Any, type_name: str) -> str:
    """The offending value, unless it may be a secret."""
    value = settings
    for key in re.findall(r"[A-Za-z_]+|\d+", path):
        try:
            value = value[int(key)] if key.isdecimal() else value[key]
        except (KeyError, IndexError, TypeError):
            return type_name or "nothing"
    if "token" in path or isinstance(value, (dict, list)):
        return type_name or type(value).__name__
    return repr(value)


def _check(config: Config) -> None:
    """What a type cannot say."""
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
    if list(config.window.horizons_s) != sorted(config.window.horizons_s):
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
    _check_names("models", [model.name for model in config.models])
    _check_shadows(config.shadows)


def _check_names(setting: str, names: Sequence[str]) -> None:
    twice = sorted(name for name in names if names.count(name) > 1)
    if twice:
        raise ConfigError(setting, "one entry a name", f"{twice[0]!r} twice")


def _check_shadows(shadows: Sequence[ShadowConfig]) -> None:
    _check_names("shadows", [shadow.name for shadow in shadows])
    for place, shadow in enumerate(shadows):
        setting = f"shadows[{place}]"
        if _SHADOW_URL.fullmatch(shadow.url) is None:
            raise ConfigError(f"{setting}.url", "http://host:port or https://host:port", repr(shadow.url))
        for number, path in enumerate(shadow.routes):
            compile_path(path, f"{setting}.routes[{number}]")
        _check_names(f"{setting}.fields", [field.name for field in shadow.fields])


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
    if files.key is not None and files.certificate is None:
        raise ConfigError("upstream_tls.key", "upstream_tls.certificate beside it", "none")
    if not (isinstance(upstream, TcpUpstream) and upstream.tls):
        for name in ("ca", "certificate", "server_name"):
            if getattr(files, name) is not None:
                raise ConfigError(f"upstream_tls.{name}", "an https:// upstream", repr(config.upstream))
