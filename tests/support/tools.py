"""Programs that a test needs besides Python."""

from __future__ import annotations

import shutil

import pytest


def require_tool(name: str, package: str) -> str:
    """Gives the program's path; a missing one fails the test and names its Debian package, it is no skip."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"tool: expected {name!r} of the Debian package {package!r}, got none", pytrace=False)
    return path
