"""The verbs `sidecar reference build|merge|show|diff`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sidecar.clock import SystemClock

if TYPE_CHECKING:  # for annotations; the verbs import it when they run
    from sidecar.profile.partial import PartialReference
    from sidecar.profile.plan import Plan


def add_reference_verbs(verbs: Any) -> None:
    """Adds `reference` and its own verbs to the command line.

    Args:
        verbs: argparse's sub-parsers of `sidecar`.
    """
    reference = verbs.add_parser("reference", help="build, merge, show and compare references")
    inner = reference.add_subparsers(required=True, metavar="VERB")
    _add_build(inner.add_parser("build", help="make a reference from tables or recorded traffic"))

    merge = inner.add_parser("merge", help="make a reference of partial ones")
    merge.add_argument("files", nargs="+", metavar="PARTIAL", help="made by `build --partial`")
    merge.add_argument("-o", "--output", required=True, metavar="FILE")
    merge.add_argument("--partial", action="store_true", help="write a partial reference again")
    merge.set_defaults(verb=_merge)

    show = inner.add_parser("show", help="what a reference holds")
    show.add_argument("file", metavar="FILE")
    show.add_argument("--json", action="store_true")
    show.set_defaults(verb=_show)

    diff = inner.add_parser("diff", help="the second reference judged against the first")
    diff.add_argument("first", metavar="A")
    diff.add_argument("second", metavar="B")
    diff.add_argument("--json", action="store_true")
    diff.set_defaults(verb=_diff)


def _add_build(build: argparse.ArgumentParser) -> None:
    build.add_argument(
        "files", nargs="+", metavar="DATA", help="CSV, JSON Lines (.gz too), Parquet, or segments (.rec.gz)"
    )
    build.add_argument("-o", "--output", required=True, metavar="FILE")
    build.add_argument("--columns", metavar="A,B,...", help="columns to take (default: all)")
    build.add_argument("--categorical", metavar="A,B,...", help="columns whose numbers are categories")
    build.add_argument("--prediction", metavar="NAME", help="the column that holds the model's answer")
    build.add_argument("--score", metavar="NAME", help="the column with the score of the positive class")
    build.add_argument("--label", metavar="NAME", help="the column that holds the truth; not a feature")
    build.add_argument(
        "--time", metavar="NAME", help="the column with the time of a row: design effects; not a feature"
    )
    build.add_argument(
        "--pane-s", type=float, default=60.0, metavar="N", help="panes of the design effects (default 60)"
    )
    build.add_argument("--hour-of-week", action="store_true", help="count by the hour of the week too")
    build.add_argument("--segment", metavar="NAME", help="count by the commonest values of a column too")
    build.add_argument("--partial", action="store_true", help="write what `merge` takes instead")
    build.add_argument("--dask", metavar="ADDRESS", help="build on the workers of a Dask scheduler")
    build.set_defaults(verb=_build)


def _build(options: argparse.Namespace) -> int:
    paths = [Path(name) for name in options.files]
    progress, finish = _progress()
    try:
        if options.dask is not None:
            from sidecar.profile.cluster import build_partial_on

            partial = build_partial_on(options.dask, paths, _plan(options), progress=progress)
        else:
            from sidecar.profile.build import build_partial
            from sidecar.profile.source import Piece

            pieces = [Piece(path) for path in paths]
            partial = build_partial(pieces, _plan(options), progress=progress)
    finally:
        finish()
    return _write(partial, options)


def _plan(options: argparse.Namespace) -> Plan:
    from sidecar.profile.plan import Plan

    return Plan(
        columns=tuple(options.columns.split(",")) if options.columns else None,
        categorical=tuple(options.categorical.split(",")) if options.categorical else (),
        prediction=options.prediction,
        score=options.score,
        label=options.label,
        time=options.time,
        pane_s=options.pane_s,
        hour_of_week=options.hour_of_week,
        segment=options.segment,
    )


def _merge(options: argparse.Namespace) -> int:
    from sidecar.profile.partial_codec import load_partial

    together = load_partial(Path(options.files[0]))
    for name in options.files[1:]:
        together.merge(load_partial(Path(name)))
    return _write(together, options)


def _write(partial: PartialReference, options: argparse.Namespace) -> int:
    from sidecar.profile import codec
    from sidecar.profile.finish import finish
    from sidecar.profile.partial_codec import save_partial

    now_unix_s = SystemClock().unix_ns() * 1e-9
    if options.partial:
        save_partial(partial, options.output, created_unix_s=now_unix_s)
        print(f"{options.output}: {partial.rows:,} rows, {len(partial.tallies)} columns, a partial reference")
        return 0
    reference = finish(partial, created_unix_s=now_unix_s)
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
    from sidecar.profile.parts_table import part_lines

    reference = codec.load(options.file)
    if options.json:
        print(json.dumps(table.reference_json(reference), indent=2))
        return 0
    print(f"{reference.id}\n{reference.rows:,} rows")
    print_table(table.COLUMNS, table.reference_rows(reference))
    for line in part_lines(reference):
        print(line)
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
