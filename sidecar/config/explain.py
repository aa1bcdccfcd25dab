"""What is wrong with a setting's type, in our words instead of the decoder's."""

from __future__ import annotations

import difflib
import re
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec

from sidecar.config.model import Config
from sidecar.errors import ConfigError

_AT = r"(?: - at `\$\.?([^`]*)`)?"
_UNKNOWN = re.compile(rf"Object contains unknown field `([^`]*)`{_AT}")
_ABSENT = re.compile(rf"Object missing required field `([^`]*)`{_AT}")
_CHOICE = re.compile(rf"Invalid enum value (.*?){_AT}", re.DOTALL)
_INVALID = re.compile(rf"Expected (.*?)(?:, got (.*?))?{_AT}")


def explain(message: str, settings: dict[str, Any]) -> ConfigError:
    """The error that stands for one of msgspec's.

    Args:
        message: msgspec's words.
        settings: what it was given.

    Returns:
        `path: expected ..., got ...`, with the nearest known key for an unknown one.
    """
    unknown = _UNKNOWN.fullmatch(message)
    if unknown:
        parent = unknown[2] or ""
        keys = _known_keys(parent)
        near = difflib.get_close_matches(unknown[1], keys, n=1, cutoff=0.5)
        expected = f"a known key, perhaps {near[0]!r}" if near else f"one of {', '.join(sorted(keys))}"
        return ConfigError(f"{parent}.{unknown[1]}".lstrip("."), expected, f"{unknown[1]!r}")
    absent = _ABSENT.fullmatch(message)
    if absent:
        return ConfigError(f"{absent[2] or ''}.{absent[1]}".lstrip("."), "a value", "none")
    choice = _CHOICE.fullmatch(message)
    if choice:
        allowed = ", ".join(_choices_of(choice[2]))
        return ConfigError(choice[2], f"one of {allowed}", choice[1])
    invalid = _INVALID.fullmatch(message)
    if invalid is None:
        return ConfigError("configuration", "valid settings", message)
    path = invalid[3] or "configuration"
    return ConfigError(
        path, invalid[1].replace("`", ""), _found(path, settings, (invalid[2] or "").replace("`", ""))
    )


def _known_keys(path: str) -> list[str]:
    schema = _struct_within(_hint_of(path)) if path else Config
    return [] if schema is None else list(get_type_hints(schema))


def _choices_of(path: str) -> list[str]:
    """The texts that the setting may be."""
    found: list[str] = []
    waiting = [_hint_of(path)]
    while waiting:
        hint = waiting.pop()
        found += [str(value) for value in get_args(hint) if get_origin(hint) is Literal]
        waiting += [inner for inner in get_args(hint) if get_origin(hint) is not Literal]
    return found


def _hint_of(path: str) -> Any:
    """The type of a setting; None for one that there is not."""
    hint: Any = Config
    for key in re.findall(r"[a-z_]+", path):
        schema = _struct_within(hint)
        if schema is None:
            return None
        hint = get_type_hints(schema).get(key)
    return hint


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
