"""The pictures of docs/statistics.md, from `results/simulations.json` and `results/statistics.json`.

    python -m benchmarks.plots [--folder docs/plots] [--png]

The same numbers give the same bytes: no date, a fixed salt for ids, text as text. Grey ink and no background,
so that they can be read on light and on dark pages.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

os.environ.setdefault("MPLBACKEND", "Agg")

import matplotlib as mpl
import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from benchmarks.harness import RESULTS, load

ROOT = Path(__file__).resolve().parents[1]
INK = "#7a828c"  # 4:1 against white and against GitHub's dark page
BLUE, ORANGE, RED, GREEN, PURPLE = "#3b8eea", "#e08a00", "#e5534b", "#35a853", "#a371f7"
STYLE = {
    "svg.hashsalt": "sidecar",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Helvetica", "Arial"],
    "font.size": 10.0,
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.titlesize": 11.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": INK,
    "grid.alpha": 0.22,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
}
SHIFT = 0.25
Document = Mapping[str, Any]


def shift(document: Document) -> Figure:
    """What 0.25 sd looks like, and what PSI and the detector make of it."""
    figure, (left, right, last) = plt.subplots(1, 3, figsize=(11.0, 3.8), layout="constrained")
    x = np.linspace(-3.5, 3.75, 300)
    for by, colour, name in ((0.0, INK, "reference"), (SHIFT, ORANGE, "moved by 0.25 sd")):
        density = np.exp(-0.5 * (x - by) ** 2) / np.sqrt(2 * np.pi)
        left.plot(x, density, color=colour, label=name)
        left.fill_between(x, density, color=colour, alpha=0.12, linewidth=0.0)
    left.set(title="what has changed", xlabel="value, in sd of the reference", yticks=[])
    _legend(left)
    rows = document["experiments"]["example"]
    panes = [row["pane"] for row in rows]
    right.plot(panes, [row["psi_others"] for row in rows], ".", color=INK, label="largest of 19 others")
    right.plot(panes, [row["psi"] for row in rows], ".", color=ORANGE, label="the feature that moves")
    right.axhline(0.1, color=RED, linestyle="--", linewidth=1.2)
    right.set(title="PSI of each minute, 200 rows", xlabel="minute", ylim=(0.0, None))
    _legend(right)
    last.plot(panes, [max(row["log_e"], -3.0) for row in rows], color=BLUE, label="evidence ln M")
    last.axhline(
        rows[0]["log_e_threshold"],
        color=RED,
        linestyle="--",
        linewidth=1.2,
        label="one false alarm in 90 days",
    )
    last.set(title="the detector's evidence", xlabel="minute", ylim=(-3.5, 28.0))
    _legend(last)
    for axes in (right, last):
        axes.axvline(60.5, color=INK, linewidth=1.0, linestyle=":")
    return figure


def _legend(axes: Axes) -> None:
    """Below the picture, where it hides nothing."""
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.2), fontsize=8)


def psi_false_alarms(document: Document) -> Figure:
    """How often PSI > 0.1 fires without drift."""
    figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    for bins, colour in ((10, BLUE), (20, ORANGE), (32, RED)):
        rows = _law(document, bins)
        axes.plot(
            [row["n"] for row in rows],
            [100 * row["above_0.1_ratio"] for row in rows],
            "o-",
            color=colour,
            label=f"PSI > 0.1, {bins} bins",
        )
    rows = _law(document, 20)
    axes.plot(
        [row["n"] for row in rows],
        [100 * row["beyond_critical_ratio"] for row in rows],
        "s--",
        color=GREEN,
        label="PSI > psi_critical, 20 bins",
    )
    axes.set(xscale="log", xlabel="rows in the window", ylabel="% of windows without drift", ylim=(-3, 103))
    axes.set_xticks(
        [50, 100, 200, 500, 1000, 2000, 5000], ["50", "100", "200", "500", "1,000", "2,000", "5,000"]
    )
    axes.minorticks_off()
    axes.legend(fontsize=9)
    return figure


def _law(document: Document, bins: int, m: int = 10_000) -> list[Mapping[str, Any]]:
    return [row for row in document["experiments"]["psi_law"] if row["bins"] == bins and row["m"] == m]


def delay(document: Document) -> Figure:
    """Panes until the alarm, the detector beside the rules."""
    kinds = (
        ("detector", "sidecar: one false alarm in 90 days", BLUE),
        ("chi2 bonferroni", "chi² with Bonferroni: one in 20 minutes", ORANGE),
        ("psi>0.2", "PSI > 0.2", RED),
    )
    figure, both = plt.subplots(1, 2, figsize=(10.0, 4.0), layout="constrained", sharey=True)
    for axes, n in zip(both, (200, 2000), strict=True):
        rows = [row for row in document["experiments"]["delays"] if row["n"] == n]
        for place, (name, _title, colour) in enumerate(kinds):
            heights = [row["delays"][name]["median"] or 260.0 for row in rows]
            missing = [row["delays"][name]["median"] is None for row in rows]
            where = np.arange(len(rows)) + (place - 1) * 0.26
            bars = axes.bar(where, heights, width=0.24, color=colour)
            for bar, gone in zip(bars, missing, strict=True):
                if gone:
                    bar.set(alpha=0.25)
        axes.axhline(200.0, color=INK, linestyle=":", linewidth=1.0)
        axes.set(yscale="log", ylim=(0.7, 260.0), title=f"{n:,} rows a minute")
        axes.set_yticks([1, 3, 10, 30, 100, 200], ["1", "3", "10", "30", "100", "never"])
        axes.minorticks_off()
        axes.set_xticks(
            range(len(rows)), [_short(row["title"]) for row in rows], rotation=35, ha="right", fontsize=8
        )
        axes.grid(visible=False, axis="x")
    both[0].set_ylabel("minutes until the alarm")
    patches = [Patch(color=colour, label=title) for _name, title, colour in kinds]
    patches.append(Patch(color=INK, alpha=0.25, label="pale: not in 200 minutes, in most streams"))
    figure.legend(handles=patches, loc="outside lower center", ncols=2, fontsize=9)
    return figure


def _short(title: str) -> str:
    return title.replace(" of rows become a sentinel (-999)", " sentinel").replace(
        " of rows become missing", " missing"
    )


def border(document: Document) -> Figure:
    """The promise kept at the border of the null."""
    figure, axes = plt.subplots(figsize=(6.0, 3.4), layout="constrained")
    rows = document["experiments"]["border"]
    for n, colour in ((1, BLUE), (20, GREEN), (200, ORANGE), (2000, PURPLE)):
        mine = [row for row in rows if row["n"] == n]
        axes.errorbar(
            [row["promised_panes"] for row in mine],
            [row["mean_panes"] for row in mine],
            yerr=[2 * row["standard_error"] for row in mine],
            fmt="o-",
            color=colour,
            label=f"{n:,} rows a pane",
        )
    ends = [row["promised_panes"] for row in rows]
    axes.plot([min(ends), max(ends)], [min(ends), max(ends)], "--", color=RED, label="the promise")
    axes.set(xscale="log", yscale="log", xlabel="promised panes to a false alarm", ylabel="simulated mean")
    axes.legend(fontsize=9)
    return figure


def dependence(document: Document) -> Figure:
    """Streams with a false alarm when rows remember each other, with and without the correction."""
    rows = document["experiments"]["dependence"]
    figure, axes = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    where = np.arange(len(rows))
    for offset, key, title, colour in (
        (-0.2, "plain", "rows taken as independent", RED),
        (0.2, "corrected", "corrected", BLUE),
    ):
        heights = [100 * row[key]["alarmed_ratio"] for row in rows]
        bars = axes.bar(where + offset, heights, width=0.38, color=colour, label=title)
        axes.bar_label(bars, fmt="%.0f", fontsize=8)
    axes.set_xticks(where, [row["title"] for row in rows], fontsize=8)
    axes.set(ylabel="% of streams with a false alarm", ylim=(0, 112))
    axes.grid(visible=False, axis="x")
    axes.legend(fontsize=9, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2)
    return figure


def season(document: Document) -> Figure:
    """False alarms with a static reference and with one for each hour of the week."""
    rows = document["experiments"]["season"]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 3.3), layout="constrained")
    names = [row["title"] for row in rows]
    where = np.arange(len(rows))
    for axes, key, label in (
        (left, "false_alarms_a_week", "false alarms a week"),
        (right, "delay_panes", "panes until 0.5 sd is seen"),
    ):
        bars = axes.bar(where, [row[key] for row in rows], width=0.5, color=[RED, BLUE][: len(rows)])
        axes.bar_label(bars, fmt="{:,.3g}", fontsize=9)
        axes.set_xticks(where, names, fontsize=9)
        axes.set(ylabel=label)
        axes.grid(visible=False, axis="x")
    return figure


def outlier(document: Document) -> Figure:
    """PSI of a feature that has moved by 1 sd while one of 5,000 values grows."""
    rows = document["experiments"]["outlier"]
    figure, axes = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
    wild = [row["value"] for row in rows]
    for key, title, colour in (
        ("equal_width", "10 bins of equal width over both samples", RED),
        ("quantile", "bins at quantiles of the reference (sidecar)", BLUE),
    ):
        axes.plot(wild, [row[key] for row in rows], "o-", color=colour, label=title)
    axes.axhline(0.1, color=INK, linestyle=":", linewidth=1.0)
    axes.set(xscale="log", xlabel="the one value, in sd", ylabel="PSI", ylim=(0.0, None))
    axes.legend(fontsize=9)
    return figure


PLOTS: Mapping[str, tuple[str, Callable[[Document], Figure]]] = {
    "shift": ("example", shift),
    "psi-false-alarms": ("psi_law", psi_false_alarms),
    "delay": ("delays", delay),
    "border": ("border", border),
    "dependence": ("dependence", dependence),
    "season": ("season", season),
    "outlier": ("outlier", outlier),
}


def draw(name: str, document: Document, folder: Path, *, png: bool = False) -> Path:
    """Writes one picture and gives its path."""
    with mpl.rc_context(STYLE):
        figure = PLOTS[name][1](document)
        path = folder / f"{name}.svg"
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
        if png:
            for page, colour in (("light", "#ffffff"), ("dark", "#0d1117")):
                figure.savefig(folder / f"{name}-{page}.png", dpi=80, facecolor=colour)
        plt.close(figure)
    path.write_text("\n".join(line.rstrip() for line in path.read_text().splitlines()) + "\n")
    return path


def main(arguments: Sequence[str] | None = None) -> int:
    """Draws every picture that there are results for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.plots")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "plots")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of simulations.json")
    parser.add_argument("--png", action="store_true", help="also PNG on light and on dark, to look at")
    given = parser.parse_args(arguments)
    given.folder.mkdir(parents=True, exist_ok=True)
    document = load(given.results / "simulations.json")
    for name, (experiment, _make) in PLOTS.items():
        if experiment in document["experiments"]:
            print(draw(name, document, given.folder, png=given.png))
        else:
            print(
                f"missing: {name}: no experiment {experiment} in {given.results / 'simulations.json'}",
                file=sys.stderr,
            )
    return 0


if __name__ == "__main__":
    sys.exit(main())
