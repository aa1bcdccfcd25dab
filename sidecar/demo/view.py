"""What the demonstration shows: a live table on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sidecar.clock import Clock
from sidecar.demo.story import Alarm, Story
from sidecar.demo.traffic import Tally
from sidecar.demo.watch import FeatureState, Glance

PLAIN_EVERY_S = 3.0
STATE_STYLES = {"ok": "green", "drift": "bold red", "not_enough_data": "dim"}


@dataclass(frozen=True, slots=True)
class Frame:
    """Everything on the screen at one moment.

    Attributes:
        part: title of what is playing.
        when: the calendar.
        seconds: since the demonstration began.
        requests_per_s, rows_per_s: of late.
        failed: requests that failed so far.
        glance: the admin server's latest reading.
        admin_url: where the dashboard is.
    """

    part: str
    when: str
    seconds: float
    requests_per_s: float
    rows_per_s: float
    failed: int
    glance: Glance
    admin_url: str


class Screen(Protocol):
    """Where the demonstration tells its story."""

    def __enter__(self) -> Screen: ...

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def say(self, line: str) -> None:
        """Shows a line that stays."""

    def show(self, frame: Frame) -> None:
        """Shows the moment; it replaces the one before."""


def open_screen(clock: Clock) -> Screen:
    """The screen that suits standard output."""
    return LiveScreen() if sys.stdout.isatty() else PlainScreen(clock)


class LiveScreen:
    """A table that is drawn anew, below the lines that stay."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console if console is not None else Console(highlight=False)
        self._live = Live(console=self._console, refresh_per_second=4, transient=False)

    def __enter__(self) -> LiveScreen:
        self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def say(self, line: str) -> None:
        """Shows a line that stays, above the table."""
        self._console.print(line, markup=False)

    def show(self, frame: Frame) -> None:
        """Draws the table."""
        self._live.update(draw_frame(frame))


class PlainScreen:
    """Lines for a log; the moment only every few seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._shown_ns: int | None = None

    def __enter__(self) -> PlainScreen:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        sys.stdout.flush()

    def say(self, line: str) -> None:
        """Prints the line."""
        print(line, flush=True)

    def show(self, frame: Frame) -> None:
        """Prints the moment, unless one was printed just now."""
        now_ns = self._clock.mono_ns()
        if self._shown_ns is not None and now_ns - self._shown_ns < PLAIN_EVERY_S * 1e9:
            return
        self._shown_ns = now_ns
        print(describe_frame(frame), flush=True)


def draw_frame(frame: Frame) -> Group:
    """The live table with its head and foot."""
    head = Text.assemble((frame.part, "bold"), f" · {frame.when} · {frame.seconds:.0f} s")
    rate = (
        f"{frame.requests_per_s:,.0f} requests/s · {frame.rows_per_s:,.0f} rows/s · {frame.failed} failed · "
        f"added by the sidecar {describe_overhead(frame.glance)}"
    )
    table = Table("feature", "role", "state", "moved", box=None, pad_edge=False, header_style="bold")
    for title in ("psi (debiased)", "critical", "log e", "threshold"):
        table.add_column(title, justify="right")
    for feature in frame.glance.features:
        style = STATE_STYLES.get(feature.state, "")
        state = Text(feature.state.replace("_", " "), style=style)
        table.add_row(Text(feature.name), feature.role, state, feature.moved, *_numbers(feature))
    foot = Text(f"monitored: {describe_accounting(frame.glance)}\ndashboard: {frame.admin_url}/", style="dim")
    return Group(head, Text(rate), Text(""), table, Text(""), foot)


def describe_frame(frame: Frame) -> str:
    """One line of the moment."""
    drifting = [feature.name for feature in frame.glance.features if feature.state == "drift"]
    return (
        f"[{frame.seconds:4.0f} s] {frame.when}: {frame.requests_per_s:,.0f} requests/s, {frame.rows_per_s:,.0f} rows/s, "
        f"{frame.failed} failed; added {describe_overhead(frame.glance)}; drift: {', '.join(drifting) or 'none'}; "
        f"{describe_accounting(frame.glance)}"
    )


def describe_accounting(glance: Glance) -> str:
    """The accounting in words."""
    counts = glance.accounting
    lost = ", ".join(f"{reason} {count}" for reason, count in counts.dropped if count)
    return (
        f"{counts.seen:,} seen = {counts.analysed:,} analysed + {counts.sampled_out:,} sampled out + "
        f"{counts.in_flight:,} in flight + {counts.lost:,} lost{f' ({lost})' if lost else ''}"
    )


def describe_overhead(glance: Glance) -> str:
    """Median and 99th percentile of the added latency."""
    return f"p50 {_us(glance.overhead.quantile_guess(0.5))}, p99 {_us(glance.overhead.quantile_guess(0.99))}"


def summarise(story: Story, tally: Tally, glance: Glance) -> list[str]:
    """The last lines.

    Args:
        story: what was claimed.
        tally: what the callers saw.
        glance: the last reading.
    """
    lines = ["", "Summary", *_summarise_drift(story)]
    left_out = f", {tally.left_out:,} left out to keep time" if tally.left_out else ""
    lines.append(f"  requests     {tally.requests:,} answered ({tally.rows:,} rows), {tally.failed:,} failed{left_out}")
    if tally.first_failure is not None:
        lines.append(f"               first failure: {tally.first_failure}")
    odd = "" if glance.accounting.balances else " (DOES NOT BALANCE)"
    lines.append(f"  monitored    {describe_accounting(glance)}{odd}")
    lines.append(f"  added time   {describe_overhead(glance)} inside the sidecar")
    faults = story.faults()
    lines.extend(f"  FAULT        {fault}" for fault in faults)
    lines.append("  verdict      " + ("the drift was found, and none before it" if not faults else "not as it should be"))
    return lines


def _summarise_drift(story: Story) -> list[str]:
    quiet = ", ".join(alarm.name for alarm in story.false_alarms)
    lines = [f"  no drift     {f'FALSE ALARMS in {quiet}' if quiet else 'none claimed while there was none'}"]
    if not story.found:
        return [*lines, "  drift        none found"]
    lines.append(f"  first alarm  {story.found[0]}")
    lines.append(f"  drifted      {', '.join(_name_alarm(alarm) for alarm in story.found)}")
    lines.append(f"  unmoved      {', '.join(story.unmoved) or 'none'}")
    return lines


def _name_alarm(alarm: Alarm) -> str:
    month = alarm.when.split(" ")[0]
    return f"{alarm.name} ({month}{', output' if alarm.role == 'output' else ''})"


def _numbers(feature: FeatureState) -> tuple[str, str, str, str]:
    return (
        _fixed(feature.psi_debiased, 4),
        _fixed(feature.psi_critical, 4),
        _fixed(feature.log_e, 1),
        _fixed(feature.log_e_threshold, 1),
    )


def _fixed(value: float, digits: int) -> str:
    return "-" if math.isnan(value) else f"{value:.{digits}f}"


def _us(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1e6:,.0f} us"
