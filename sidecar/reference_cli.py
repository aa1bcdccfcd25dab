"""The verbs `sidecar reference build|show|diff`."""

from __future__ import annotations

import argparse
from typing import Any


def add_reference_verbs(verbs: Any) -> None:
    """Adds `reference` to the command line."""
    reference = verbs.add_parser("reference", help="build, show and compare references")
    reference.set_defaults(verb=lambda _options: reference.print_help() or argparse.Namespace)
