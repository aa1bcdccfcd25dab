"""The demonstration's figures in words."""

from __future__ import annotations

import math

from sidecar.demo.story import Alarm, Story
from sidecar.demo.traffic import Tally
from sidecar.demo.watch import Glance


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
    answered = f"{tally.requests:,} answered ({tally.rows:,} rows)"
    lines.append(f"  requests     {answered}, {tally.failed:,} failed{left_out}")
    if tally.first_failure is not None:
        lines.append(f"               first failure: {tally.first_failure}")
    odd = "" if glance.accounting.balances else " (DOES NOT BALANCE)"
    lines.append(f"  monitored    {describe_accounting(glance)}{odd}")
    lines.append(f"  added time   {describe_overhead(glance)} inside the sidecar")
    faults = story.faults()
    lines.extend(f"  FAULT        {fault}" for fault in faults)
    verdict = "not as it should be" if faults else "the drift was found, and none was claimed before it"
    lines.append(f"  verdict      {verdict}")
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


def _us(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1e6:,.0f} us"
