"""What mirroring costs: CPU a request of proxies that copy every request to a shadow, and latency beside it.

    python -m benchmarks.bench_mirror            # 7 rounds: about three minutes
    python -m benchmarks.bench_mirror --quick    # 3 shorter rounds

nginx and Envoy throw the shadow's answer away. The sidecar compares it, and decodes both sides of the
exchange and adds them to its windows besides: all of its processes are counted. Model server and shadow are
nginx both; the contestants take turns under an open loop at one rate, which one core carries in all of them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks import harness
from benchmarks.arena import NOTHING, Arena, Cores, Standing, answers_post, get, open_upstream, stand_up
from benchmarks.children import Child, NotStarted, free_ports
from benchmarks.payloads import PAYLOADS
from benchmarks.peers.registry import PEERS, ROOT, Peer, sidecar_here, upstream_command
from benchmarks.proxy_measure import open_run

RATE_PER_S = 1500.0
MOST_OF_ENVOY = 1.3  # all processes, against Envoy's blind mirror
COMPARING = "sidecar, answers compared"
WARM_UP_S = 0.5  # of the load generator
SETTINGS = (
    'tap: {{cpu_budget_cores: 64.0}}, drain: {{quiet_s: 0}}, log_format: "json", '
    'shadows: [{{name: "candidate", url: "http://127.0.0.1:{port}", most_per_s: 100000.0, concurrency: 512}}]'
)


def contestants() -> list[tuple[Peer, str]]:
    """Who takes part, and what is run; "" when it is not installed."""
    found = {peer.name: peer for peer in PEERS}
    mirrors = [
        replace(found["nginx"], label="nginx `mirror`", template="nginx-mirror.conf"),
        replace(found["envoy"], label="Envoy `request_mirror_policies`", template="envoy-mirror.yaml"),
        replace(sidecar_here(), name="sidecar", label=COMPARING, template="sidecar-state.yaml"),
    ]
    return [(peer, peer.find() or "") for peer in mirrors]


def measure(
    arena: Arena, shadow: Standing, rounds: int, seconds: float, rate_per_s: float
) -> Iterator[dict[str, Any]]:
    """Rows: each contestant once a round.

    Raises:
        RuntimeError: the shadow of nginx or Envoy had less than half of the model server's work, or the
            sidecar did not compare every request.
    """
    n_asked = rate_per_s * (seconds + WARM_UP_S)
    for turn in range(rounds):
        for each in arena.standing[1:]:
            before, compared = each.account(), compared_by(each)
            servers = [(server, server.account()) for server in (arena.standing[0], shadow)]
            seen = open_run(arena, each.port, PAYLOADS["small"], rate_per_s, seconds)
            each.settle()
            spent = each.account().since(before)
            asked, mirrored = (sum(server.account().since(first).values()) for server, first in servers)
            if each.admin_port is None and mirrored < asked / 2:  # they do not tell how many they mirrored
                raise RuntimeError(f"{each.name}: expected every request mirrored, got fewer")
            if each.admin_port is not None and compared_by(each) - compared < 0.99 * n_asked:
                raise RuntimeError(f"{each.name}: expected all of {n_asked:.0f} answers compared, got fewer")
            cpu_us = {role: 1e6 * used_s / n_asked for role, used_s in spent.items()}
            yield {
                "round": turn,
                "peer": each.name,
                **seen,
                "cpu_us": sum(cpu_us.values()),
                "by_role": cpu_us,
            }


def compared_by(standing: Standing) -> int:
    """Pairs that a sidecar has compared; 0 of the others."""
    if standing.admin_port is None:
        return 0
    shadows = json.loads(get(standing.admin_port, "/api/v1/shadow")[1])
    return int(shadows["shadows"][0]["compared"])


def summarise(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """One line a contestant: medians, and CPU against each of the others in the same round."""
    lines = []
    names = list(dict.fromkeys(row["peer"] for row in rows))
    cpu = {name: [row["cpu_us"] for row in rows if row["peer"] == name] for name in names}
    for name in names:
        mine = [row for row in rows if row["peer"] == name]
        line: dict[str, Any] = {
            "peer": name,
            "rounds": len(mine),
            "errors": sum(row["errors"] for row in mine),
        }
        for figure in ("cpu_us", "p50_us", "p99_us"):
            line[figure] = median(row[figure] for row in mine)
        line["by_role"] = {role: median(row["by_role"][role] for row in mine) for role in mine[0]["by_role"]}
        line["against"] = {
            other: median(ours / theirs for ours, theirs in zip(cpu[name], cpu[other], strict=True))
            for other in names
            if other != name
        }
        lines.append(line)
    return lines


def print_summary(summary: Sequence[Mapping[str, Any]], labels: Mapping[str, str]) -> None:
    """Prints the table."""
    header = ("mirrors everything", "CPU us a request", "x nginx", "x Envoy", "p50 us", "p99 us", "errors")
    rows = [
        [
            labels[line["peer"]],
            f"{line['cpu_us']:.1f}",
            *(f"{line['against'].get(peer, 1.0):.2f}" for peer in ("nginx", "envoy")),
            f"{line['p50_us']:,.0f}",
            f"{line['p99_us']:,.0f}",
            str(line["errors"]),
        ]
        for line in summary
    ]
    harness.print_table(header, rows)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the benchmark; 0 done, 1 a tool is missing, or the budget is missed and was asserted."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_mirror")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter rounds")
    parser.add_argument("--rate", type=float, default=RATE_PER_S, help="requests a second")
    parser.add_argument("--assert", dest="asserting", action="store_true", help="exit 1 beyond the budget")
    parser.add_argument("--output", default="mirror", help="name of the file in benchmarks/results")
    given = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="bench_mirror-"))
    try:
        return _run(given, folder)
    except (FileNotFoundError, NotStarted, RuntimeError) as exc:
        print(f"bench_mirror: {exc}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(given: argparse.Namespace, folder: Path) -> int:
    rounds, seconds = (3, 2.0) if given.quick else (7, 4.0)
    children: list[Child] = []
    try:
        arena, shadow = _open(folder, children)
        rows = []
        for row in measure(arena, shadow, rounds, seconds, given.rate):
            rows.append(row)
            print(
                f"round {row['round'] + 1} {row['peer']:<8} {row['cpu_us']:.1f} us",
                file=sys.stderr,
                flush=True,
            )
    finally:
        for child in reversed(children):
            child.stop()
    summary = summarise(rows)
    labels = {each.name: each.label for each in arena.standing[1:]}
    print_summary(summary, labels)
    for name, reason in arena.missing.items():
        print(f"missing: {name}: {reason}")
    path = harness.save(
        given.output,
        rows,
        command="python -m benchmarks.bench_mirror" + (" --quick" if given.quick else ""),
        rate_per_s=given.rate,
        labels=labels,
        missing=arena.missing,
        versions=arena.versions,
        summary=summary,
    )
    print(f"\nstored in {path.relative_to(ROOT)}")
    against_envoy = next(line["against"].get("envoy", 0.0) for line in summary if line["peer"] == "sidecar")
    return int(given.asserting and against_envoy > MOST_OF_ENVOY)


def _open(folder: Path, children: list[Child]) -> tuple[Arena, Standing]:
    """Starts model server, shadow and contestants; gives these, and the shadow."""
    cores = Cores.split(True)
    port, upstream = open_upstream(folder, cores, children)
    arena = Arena(folder, cores, port, [Standing(NOTHING, NOTHING, port, upstream)])
    place = folder / "shadow"
    place.mkdir()
    shadow_port, events_port = free_ports(2)
    children.append(
        Child("shadow", upstream_command(place, shadow_port, events_port), folder, core=cores.load)
    )
    children[-1].wait_until(lambda: answers_post(shadow_port))
    shadow = Standing("shadow", "shadow", shadow_port, children[-1])
    for peer, binary in contestants():
        if not binary:
            arena.missing[peer.name] = f"not installed: {peer.install}"
            continue
        more = {"SHADOW_PORT": str(shadow_port), "SETTINGS": SETTINGS.format(port=shadow_port)}
        stand_up(arena, peer, binary, children, **more)
    if arena.standing[-1].name != "sidecar":
        raise NotStarted(arena.missing["sidecar"])
    return arena, shadow


if __name__ == "__main__":
    sys.exit(main())
