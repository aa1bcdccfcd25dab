"""The verbs `sidecar reference build|show|diff`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def add_reference_verbs(verbs: Any) -> None:
    """Adds `reference` and its own verbs to the command line.

    Args:
        verbs: argparse's sub-parsers of `sidecar`.
    """
    reference = verbs.add_parser("reference", help="build, show and compare references")
    inner = reference.add_subparsers(required=True, metavar="VERB")

    build = inner.add_parser("build", help="make a reference from CSV, JSON Lines or Parquet")
    build.add_argument("files", nargs="+", metavar="DATA", help="CSV (.gz too), JSON Lines or Parquet")
    build.add_argument("-o", "--output", required=True, metavar="FILE")
    build.add_argument("--columns", metavar="A,B,...", help="columns to take (default: all)")
    build.add_argument("--prediction", metavar="NAME", help="the column that holds the model's answer")
    build.add_argument("--label", metavar="NAME", help="the column that holds the truth; not a feature")
    build.set_defaults(verb=_build)

    show = inner.add_parser("show", help="what a reference holds")
    show.add_argument("file", metavar="FILE")
    show.add_argument("--json", action="store_true")
    show.set_defaults(verb=_show)

    diff = inner.add_parser("diff", help="the second reference judged against the first")
    diff.add_argument("first", metavar="A")
    diff.add_argument("second", metavar="B")
    diff.add_argument("--json", action="store_true")
    diff.set_defaults(verb=_diff)
