"""The tables of docs/statistics.md that `results/simulations.json` gives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

RIVALS = (
    ("psi>0.1", "PSI > 0.1"),
    ("psi>0.2", "PSI > 0.2"),
    ("chi2", "chi² p < 0.05"),
    ("chi2 bonferroni", "chi² Bonferroni"),
    ("chi2 bh", "chi² Benjamini-Hochberg"),
)
SHOWN_LAW = ((10, 10_000, 100), (10, 10_000, 500), (10, 10_000, 2000), (20, 10_000, 200), (20, 10_000, 1000))
MOST = "never in 200"


def percent(ratio: float) -> str:
    """Such as `4.5 %`, `< 0.1 %` for little and `0` for nothing."""
    if ratio == 0.0:
        return "0"
    return "< 0.1 %" if ratio < 0.001 else f"{100 * ratio:.2g} %" if ratio < 0.995 else f"{100 * ratio:.3g} %"


def middle(delay: Mapping[str, float | None]) -> str:
    """Median and, where they differ, quartiles of a delay in panes."""
    if delay["median"] is None:
        found = delay["found_ratio"] or 0.0
        return MOST if found < 0.02 else f"{percent(found)} in 200"
    low, high = delay["low"], delay["high"]
    if low == high:
        return f"{delay['median']:g}"
    return f"{delay['median']:g} ({low:g}-{'…' if high is None else f'{high:g}'})"


def result(document: Mapping[str, Any]) -> str:
    """The first table: a shift of 0.25 sd, how soon and how often for nothing."""
    experiments = document["experiments"]
    columns = [(row["n"], row) for row in experiments["no_drift"]]
    shift = {row["n"]: row for row in experiments["delays"] if row["change"] == "mean+0.25"}
    head = [f"alarm after, {n:,} rows a minute | false, {n:,} rows" for n, _row in columns]
    rows = [
        f"| rule, applied to each of 20 features every minute | {' | '.join(head)} |",
        "|---|--:|--:|--:|--:|",
    ]
    for name, title in RIVALS:
        cells = []
        for n, row in columns:
            cells += [minutes(shift[n]["delays"][name]), often(row["rivals"][name]["panes_ratio"])]
        rows.append(f"| {title} | {' | '.join(cells)} |")
    cells = []
    for n, row in columns:
        seen = f"{row['alarms']} in {row['panes']:,} minutes"
        cells += [f"**{minutes(shift[n]['delays']['detector A=1000'])}**", f"**{seen}**"]
    rows.append(f"| **sidecar**, promise: one in 1,000 minutes | {' | '.join(cells)} |")
    cells = []
    for n, _row in columns:
        cells += [f"**{minutes(shift[n]['delays']['detector'])}**", "**promised: one in 90 days**"]
    rows.append(f"| **sidecar**, default | {' | '.join(cells)} |")
    return "\n".join(rows)


def minutes(delay: Mapping[str, float | None]) -> str:
    """A median delay of panes of a minute."""
    if delay["median"] is None:
        found = delay["found_ratio"] or 0.0
        return "never" if found < 0.02 else f"in {percent(found)} of cases within 200 min"
    return f"{delay['median']:g} min"


def often(ratio: float) -> str:
    """How often a rule that fires in this share of minutes is false."""
    if ratio == 0.0:
        return "0"
    every = 1.0 / ratio
    return (
        "every minute"
        if every < 1.05
        else f"every {every:.2g} min"
        if every < 100
        else f"every {every:,.0f} min"
    )


def delays(document: Mapping[str, Any]) -> str:
    """Panes until the alarm for every change."""
    kinds = [("detector", "sidecar, default"), ("detector A=1000", "sidecar, one in 1,000 panes"), *RIVALS]
    rows = [
        f"| change in 1 of 20 features | rows a pane | {' | '.join(title for _name, title in kinds)} |",
        f"|---|--:{'|--:' * len(kinds)}|",
    ]
    for row in document["experiments"]["delays"]:
        cells = " | ".join(middle(row["delays"][name]) for name, _title in kinds)
        rows.append(f"| {row['title']} | {row['n']:,} | {cells} |")
    return "\n".join(rows)


def border(document: Mapping[str, Any]) -> str:
    """Mean run lengths at the border of the null."""
    found = document["experiments"]["border"]
    sizes = sorted({row["n"] for row in found})
    head = " | ".join(f"{n:,} rows a pane" for n in sizes)
    rows = [f"| promised: at least | {head} |", f"|--:{'|--:' * len(sizes)}|"]
    for least in sorted({row["promised_panes"] for row in found}):
        line = {row["n"]: row for row in found if row["promised_panes"] == least}
        cells = []
        for n in sizes:
            more = ">= " if line[n]["cut_ratio"] > 0.0 else ""
            cells.append(f"{more}{line[n]['mean_panes']:,.0f} ± {line[n]['standard_error']:,.0f}")
        rows.append(f"| {least:,.0f} panes | {' | '.join(cells)} |")
    return "\n".join(rows)


def psi_law(document: Mapping[str, Any]) -> str:
    """The null law of PSI in a few cells."""
    rows = [
        "| bins | reference rows | rows | mean PSI without drift | by the formula | `psi_critical` "
        "| beyond it | PSI > 0.1 | PSI > 0.2 |",
        "|--:|--:|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for row in document["experiments"]["psi_law"]:
        if (row["bins"], row["m"], row["n"]) in SHOWN_LAW:
            numbers = f"{row['mean']:.4f} | {row['expected_mean']:.4f} | {row['critical']:.4f}"
            rates = [row["beyond_critical_ratio"], row["above_0.1_ratio"], row["above_0.2_ratio"]]
            cells = " | ".join(percent(rate) for rate in rates)
            rows.append(f"| {row['bins']} | {row['m']:,} | {row['n']:,} | {numbers} | {cells} |")
    return "\n".join(rows)


def dependence(document: Mapping[str, Any]) -> str:
    """False alarms and delay of dependent rows, as they are and corrected."""
    rows = [
        "| rows | φ | false alarms, as they are | corrected | 0.5 sd seen after, as they are | corrected |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    for row in document["experiments"]["dependence"]:
        plain, corrected = row["plain"], row["corrected"]
        rates = [
            f"{round(side['alarmed_ratio'] * side['streams'])} of {side['streams']}"
            for side in (plain, corrected)
        ]
        known = "one row a request" if row["phi"] is None else f"{row['phi']:.3g}"
        cells = [row["title"].replace("\n", " "), known, *rates, middle(plain), middle(corrected)]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def season(document: Mapping[str, Any]) -> str:
    """False alarms a week and delay, static and seasonal."""
    rows = ["| reference | false alarms a week, 20 features | panes until 0.5 sd is seen |", "|---|--:|--:|"]
    for row in document["experiments"]["season"]:
        alarms = row["false_alarms_a_week"]
        shown = f"{alarms:.3g}" if alarms else f"0 in {row['weeks']} weeks"
        rows.append(f"| {row['title']} | {shown} | {row['delay_panes']:g} |")
    return "\n".join(rows)


SIMULATION_TABLES: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "result": result,
    "delays": delays,
    "border": border,
    "psi-law": psi_law,
    "dependence": dependence,
    "season": season,
}
