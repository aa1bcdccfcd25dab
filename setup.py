"""Compiles the worker's hot path to machine code when `SIDECAR_COMPILE=1`; everything else about the package
is in pyproject.toml. Without it nothing is compiled and any platform will do:

    python -m pip install .                      pure Python
    SIDECAR_COMPILE=1 python -m pip install .    the same sources through mypyc; needs a C compiler

The list is what an exchange runs through. Not on it: what holds msgspec structs, which mypyc cannot compile,
and what a worker runs once a connection or less.
"""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import sysconfig

from setuptools import Extension, setup

MYPYC = "mypy[mypyc]>=2.4"
HOT_PATH = {  # by room
    "config": ("routes",),
    "http1": (
        *("chunked", "fields", "hop", "memo", "part", "request", "response", "rules"),
        *("syntax", "target", "template", "trace"),
    ),
    "proxy": (
        *("answer", "caller", "downstream", "exchange", "exchange_state", "gone", "identity"),
        *("request_body", "tally", "tap", "worker"),
    ),
    "ring": ("writer",),
    "upstream": ("breaker", "budget", "connection", "pool", "response_heads"),
}
# Types are checked elsewhere; here only those of the list matter, and dependencies need not be installed.
MYPY_FLAGS = ["--config-file=", "--ignore-missing-imports", "--follow-imports=silent"]


METADATA_COMMANDS = {"egg_info", "dist_info", "sdist"}  # for these nothing need be compiled


def is_wanted() -> bool:
    """Whether the environment asks for it."""
    value = os.environ.get("SIDECAR_COMPILE", "0")
    if value not in ("0", "1"):
        sys.exit(f"setup.py: SIDECAR_COMPILE: expected 0 or 1, got {value!r}")
    return value == "1"


def extensions() -> list[Extension]:
    """The hot path as C; what that takes is asked for here, where a complaint can be read."""
    compiler = shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")[0]
    if shutil.which(compiler) is None:
        sys.exit(f"setup.py: SIDECAR_COMPILE=1: expected the C compiler {compiler!r}, got none")
    try:
        from mypyc.build import mypycify
    except ImportError:
        sys.exit(f"setup.py: SIDECAR_COMPILE=1: expected {MYPYC} to be installed, got none")
    sources = [f"sidecar/{room}/{name}.py" for room, names in HOT_PATH.items() for name in names]
    return list(mypycify([*MYPY_FLAGS, *sources], group_name="sidecar_hot_path"))


if not is_wanted():
    setup()
elif METADATA_COMMANDS & set(sys.argv):
    setup(setup_requires=[MYPYC])
else:
    setup(ext_modules=extensions())
