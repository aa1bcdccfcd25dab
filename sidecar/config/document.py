"""JSON schema of the configuration file, and docs/configuration.md made from it."""

from __future__ import annotations

from typing import Any

import msgspec

from sidecar.config.model import Config

_HEADER = """# Configuration

One file in YAML or TOML (`sidecar run --config FILE`), the same keys in both. `SIDECAR_` variables override
it (`SIDECAR_WINDOW__PANE_S=1` sets `window.pane_s`), flags override both. `${VAR}` and `${file:/path}` in a
text value are replaced by a variable or a file's content, for secrets. `sidecar check-config FILE` says what
is wrong with a file; `sidecar config-schema` prints the JSON schema that this page is made from. An unknown
key is an error that names the nearest known one; a key given twice and an infinite number are errors too.

| key | type | default | what it does |
|---|---|---|---|
"""


def json_schema() -> dict[str, Any]:
    """The configuration file's JSON schema (draft 2020-12)."""
    schema = msgspec.json.schema(Config)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sidecar configuration",
        **schema,
    }


def configuration_page() -> str:
    """docs/configuration.md: one row a key."""
    schema = json_schema()
    return _HEADER + "".join(_rows(schema["$ref"], schema["$defs"], ""))


def _rows(ref: str, definitions: dict[str, Any], prefix: str) -> list[str]:
    rows = []
    for key, rule in definitions[ref.rsplit("/", 1)[1]]["properties"].items():
        inner = _inner_ref(rule)
        many = "[]" if "items" in rule else ""
        if inner is not None and "description" not in rule:
            rows += _rows(inner, definitions, f"{prefix}{key}{many}.")
            continue
        default = msgspec.json.encode(rule["default"]).decode() if "default" in rule else "required"
        rows.append(f"| `{prefix}{key}` | {_type_of(rule)} | `{default}` | {rule.get('description', '')} |\n")
        if inner is not None:
            rows += _rows(inner, definitions, f"{prefix}{key}{many}.")
    return rows


def _inner_ref(rule: dict[str, Any]) -> str | None:
    for place in (rule, rule.get("items", {}), *rule.get("items", {}).get("anyOf", [])):
        if "$ref" in place:
            return str(place["$ref"])
        for part in place.get("allOf", []):
            return str(part["$ref"])
    return None


def _type_of(rule: dict[str, Any]) -> str:
    if "enum" in rule:
        return " or ".join(f"`{value}`" for value in rule["enum"])
    if "anyOf" in rule:
        return " or ".join(dict.fromkeys(_type_of(part) for part in rule["anyOf"]))
    if "items" in rule:
        return f"list of {_type_of(rule['items'])}"
    if "$ref" in rule:
        return "object"
    names = {"string": "text", "integer": "whole number", "boolean": "true or false", "null": "nothing"}
    return names.get(rule.get("type", ""), str(rule.get("type", "object"))) + _bounds(rule)


def _bounds(rule: dict[str, Any]) -> str:
    words = {"minimum": ">= {}", "exclusiveMinimum": "> {}", "maximum": "<= {}", "exclusiveMaximum": "< {}"}
    bounds = [words[key].format(rule[key]) for key in words if key in rule]
    return f", {', '.join(bounds)}" if bounds else ""
