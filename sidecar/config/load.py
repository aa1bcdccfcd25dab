"""From text to `Config`: the file first, then `SIDECAR_` variables, then flags; later ones win."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_type_hints

import msgspec
import yaml

from sidecar.config.check import check_config
from sidecar.config.explain import explain
from sidecar.config.model import Config
from sidecar.errors import ConfigError

FileFormat = Literal["yaml", "toml"]
PREFIX = "SIDECAR_"

_MERGE = "tag:yaml.org,2002:merge"
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*|file:[^}]+)\}")


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
        raise explain(str(exc), filled) from None
    check_config(config)
    return config


class _Loader(yaml.SafeLoader):
    """Refuses what YAML's own loader takes silently: the second of two equal keys, and keys that are no
    text."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == _MERGE:  # `<<: *defaults`, whose keys are there to be set again
                continue
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise yaml.MarkedYAMLError(
                    None, None, f"expected a key of text, got {name!r}", key.start_mark
                )
            if name in seen:
                raise yaml.MarkedYAMLError(
                    None, None, f"expected a key once, got {name} twice", key.start_mark
                )
            seen.add(name)
        return super().construct_mapping(node, deep)


def _parse(text: str, file_format: FileFormat) -> dict[str, Any]:
    try:
        settings = tomllib.loads(text) if file_format == "toml" else yaml.load(text, _Loader)
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
    if isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(path, "a finite number", str(value))
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
