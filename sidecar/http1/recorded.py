"""Reads heads that were parsed strictly before, so that splitting them is enough."""

from __future__ import annotations


def header_lines(raw: bytes) -> dict[str, str]:
    """The header lines of a head.

    Args:
        raw: a head that a strict parser has passed, with its first line.

    Returns:
        Lower-case names; values byte by byte (latin-1), repeated ones joined by ", ".
    """
    headers: dict[str, str] = {}
    for line in raw.decode("latin-1").split("\r\n")[1:]:
        name, colon, value = line.partition(":")
        if colon:
            key, value = name.lower(), value.strip(" \t")  # no more: other blanks are bytes of the value
            headers[key] = f"{headers[key]}, {value}" if key in headers else value
    return headers
