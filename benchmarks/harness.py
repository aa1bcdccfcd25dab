"""What every benchmark shares: pin, warm up, repeat, describe the machine, account for CPU, store JSON.

A number from a shared machine means little alone, so a benchmark measures its subject and its baselines in
turn, within one run, and reports ratios. Times are the best and the median of several repeats: the best is
what the code can do, the median says how noisy the machine was. A case asserts its answer before it is timed
(`assert_same`).

    pin()
    timing = measure(lambda: fill(values, counts), repeats=7, min_s=0.05)
    row = Row("fill_edges", timing.per(values.size), unit="ns/value", extra={"bins": 64})
    save("kernels", [row.to_json()])
"""

from __future__ import annotations

import gc
import json
import os
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from typing import Any

RESULTS = Path(__file__).resolve().parent / "results"
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


# --- the machine ----------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    """Describes where a benchmark ran: CPU model, cores, kernel, Python, load at the start."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "arch": platform.machine(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "load_1m": round(os.getloadavg()[0], 2),
    }


def _cpu_model() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.lower().startswith(("model name", "cpu model", "hardware")):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"


def versions(*distributions: str) -> dict[str, str | None]:
    """Maps each named distribution to its installed version, None when it is not installed."""
    found: dict[str, str | None] = {}
    for name in distributions:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = None
    return found


def pin(core: int | None = None) -> int:
    """Keeps this process on one core (the last one that it may use, unless told) and returns the core."""
    allowed = sorted(os.sched_getaffinity(0))
    chosen = allowed[-1] if core is None else core
    os.sched_setaffinity(0, {chosen})
    return chosen


# --- time -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Timing:
    """Wall time of one call in nanoseconds, over several repeats of `n_calls` calls."""

    best_ns: float
    median_ns: float
    worst_ns: float
    n_calls: int
    repeats: int

    def per(self, n_items: int) -> Timing:
        """The same for one of `n_items` items that a call handles."""
        return Timing(
            self.best_ns / n_items,
            self.median_ns / n_items,
            self.worst_ns / n_items,
            self.n_calls,
            self.repeats,
        )

    def rate_per_s(self, n_items: int = 1) -> float:
        """Items a second at the median."""
        return n_items * 1e9 / self.median_ns


def measure(
    case: Callable[[], object],
    *,
    repeats: int = 7,
    min_s: float = 0.05,
    n_calls: int | None = None,
    warmup: int = 3,
) -> Timing:
    """Times a call.

    Args:
        case: called without arguments; its result is thrown away.
        repeats: how many times the loop of `n_calls` runs.
        min_s: shortest time of one loop; decides `n_calls` when that is not given.
        n_calls: calls in one loop.
        warmup: calls before anything is timed.
    """
    for _ in range(warmup):
        case()
    if n_calls is None:
        n_calls = _calls_that_take(case, min_s)
    collecting = gc.isenabled()
    gc.disable()
    try:
        loops = sorted(_loop_ns(case, n_calls) / n_calls for _ in range(repeats))
    finally:
        if collecting:
            gc.enable()
    return Timing(loops[0], median(loops), loops[-1], n_calls, repeats)


def _calls_that_take(case: Callable[[], object], min_s: float) -> int:
    n_calls = 1
    while True:
        elapsed_s = _loop_ns(case, n_calls) / 1e9
        if elapsed_s >= min_s:
            return n_calls
        n_calls = max(n_calls * 2, int(n_calls * min_s / max(elapsed_s, 1e-9)))


def _loop_ns(case: Callable[[], object], n_calls: int) -> int:
    start_ns = time.perf_counter_ns()
    for _ in range(n_calls):
        case()
    return time.perf_counter_ns() - start_ns


def assert_same(name: str, got: object, expected: object) -> None:
    """Stops the benchmark when a case gives another answer than its twin.

    Raises:
        AssertionError: "NAME: expected ..., got ..."
    """
    same: Any = got == expected
    if not (same if isinstance(same, bool) else same.all()):  # an array compares item by item
        raise AssertionError(f"{name}: expected {expected!r}, got {got!r}")


# --- CPU of other processes -----------------------------------------------------------------------


def cpu_s(pid: int) -> float:
    """CPU seconds (user and system, all living threads) that a process has used; 0.0 once it is gone.

    By the scheduler's own account, in nanoseconds. The ticks in /proc/PID/stat are samples on many kernels: a
    process that runs in bursts between them is charged half of what it used, or double.
    """
    total_ns = 0
    try:
        for task in Path(f"/proc/{pid}/task").iterdir():
            total_ns += int((task / "schedstat").read_text().split()[0])
    except OSError:
        return total_ns * 1e-9
    return total_ns * 1e-9


def resident_bytes(pid: int) -> int:
    """Resident memory of a process, shared pages included; 0 once it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def machine_cpu_s() -> float:
    """CPU seconds that all processes of the machine have used, interrupts left out."""
    user, nice, system = Path("/proc/stat").read_text(encoding="utf-8").split(None, 4)[1:4]
    return (int(user) + int(nice) + int(system)) / TICKS_PER_S


def process_tree(root: int) -> list[int]:
    """Process ids of `root` and all its living descendants, parents before children."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            parent = _parent(entry)
            if parent is not None:
                children.setdefault(parent, []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def _parent(entry: Path) -> int | None:
    try:
        stat = (entry / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return int(stat.rpartition(")")[2].split()[1])


def title(pid: int) -> str:
    """What `ps` shows for a process: its command line, or its short name when that is empty."""
    try:
        line = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").strip()
        return (line or Path(f"/proc/{pid}/comm").read_bytes().strip()).decode(errors="replace")
    except OSError:
        return ""


def short_title(pid: int) -> str:
    """The kernel's name of a process, at most 15 characters."""
    try:
        return Path(f"/proc/{pid}/comm").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


@dataclass(frozen=True, slots=True)
class CpuAccount:
    """CPU seconds of a process tree at one moment, each process under a role's name."""

    seconds: Mapping[int, tuple[str, float]]

    @staticmethod
    def open(root: int, role_of: Callable[[int], str] = lambda _pid: "all") -> CpuAccount:
        """Reads the account of `root` and its descendants; `role_of` names the role of a process id."""
        return CpuAccount({pid: (role_of(pid), cpu_s(pid)) for pid in process_tree(root)})

    def since(self, earlier: CpuAccount) -> dict[str, float]:
        """CPU seconds by role between two accounts; a process that was not there before counts from zero."""
        spent: dict[str, float] = {}
        for pid, (role, seconds) in self.seconds.items():
            before = earlier.seconds.get(pid, (role, 0.0))[1]
            spent[role] = spent.get(role, 0.0) + seconds - before
        return spent


# --- results --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a benchmark's result."""

    name: str
    timing: Timing
    unit: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"name": self.name, "unit": self.unit, **asdict(self.timing), **self.extra}


def save(name: str, rows: Sequence[Mapping[str, Any]], *, folder: Path = RESULTS, **details: Any) -> Path:
    """Writes `results/NAME.json`: the machine, the time, the details given and the rows."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    document = {
        "name": name,
        "machine": machine(),
        "taken_utc": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        **details,
        "rows": list(rows),
    }
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    return path


def load(path: Path) -> dict[str, Any]:
    """Reads what `save` wrote."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Prints a table with the first column to the left and the others to the right."""
    widths = [max(len(line[i]) for line in (header, *rows)) for i in range(len(header))]
    for line in (header, ["-" * width for width in widths], *rows):
        cells = [line[0].ljust(widths[0])] + [
            cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)
        ]
        print("  ".join(cells).rstrip())
