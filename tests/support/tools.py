"""Programs that a test needs besides Python."""

from __future__ import annotations

import shutil

import pytest


def require_tool(name: str, package: str) -> str:
    """Gives the program's path; a tool that is missing is a failure, not a skip, and names its Debian package."""
    path = shutil.which(name)
    if path is None:
        pytest.fail(
            f"tool: expected {name!r} (Debian package {package!r}) to be installed, got none", pytrace=False
        )
    return path
