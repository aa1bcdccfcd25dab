"""The verbs `sidecar reference build|show|diff`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sidecar.clock import SystemClock


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


def _build(options: argparse.Namespace) -> int:
    from sidecar.profile import codec
    from sidecar.profile.build import build_reference

    columns = options.columns.split(",") if options.columns else None
    paths = [Path(name) for name in options.files]
    progress, finish = _progress()
    reference = build_reference(
        paths,
        created_unix_s=SystemClock().unix_ns() * 1e-9,
        columns=columns,
        prediction=options.prediction,
        label=options.label,
        progress=progress,
    )
    finish()
    codec.save(reference, options.output)
    n_features = len(reference.features)
    print(f"{options.output}: {reference.rows:,} rows, {n_features} features, {reference.id}")
    return 0


def _progress() -> tuple[Callable[[float, int], None], Callable[[], None]]:
    """A bar on a terminal, nothing elsewhere."""
    if not sys.stderr.isatty():
        return (lambda _share, _rows: None), (lambda: None)
    from rich.console import Console
    from rich.progress import Progress

    bar = Progress(console=Console(stderr=True), transient=True)
    task = bar.add_task("reading", total=1.0)
    bar.start()
    return (lambda share, rows: bar.update(task, completed=share, description=f"{rows:,} rows")), bar.stop


def _show(options: argparse.Namespace) -> int:
    from sidecar.profile import codec, table

    reference = codec.load(options.file)
    if options.json:
        print(json.dumps(table.reference_json(reference), indent=2))
        return 0
    print(f"{reference.id}\n{reference.rows:,} rows")
    print_table(table.COLUMNS, table.reference_rows(reference))
    return 0


def _diff(options: argparse.Namespace) -> int:
    from sidecar.drift import difference
    from sidecar.profile import codec

    found = difference.compare_references(codec.load(options.first), codec.load(options.second))
    if options.json:
        print(json.dumps([entry.to_json() for entry in found], indent=2))
        return 0
    print_table(difference.COLUMNS, [entry.row() for entry in found])
    return 0


def print_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints aligned text: nothing is cut, whatever the terminal's width.

    Args:
        columns: heads.
        rows: as many texts each.
    """
    lines = [tuple(columns), *rows]
    widths = [max(len(line[place]) for line in lines) for place in range(len(columns))]
    for line in lines:
        print("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
