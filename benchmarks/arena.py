"""The upstream and the proxies in front of it, all running on loopback; one at a time is given load."""

from __future__ import annotations

import http.client
import json
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.children import Child, NotStarted, answers, free_ports
from benchmarks.harness import CpuAccount, process_tree, resident_bytes
from benchmarks.payloads import PAYLOADS, Payload
from benchmarks.peers.registry import PEERS, ROOT, Peer, fill, upstream_command

NOTHING = "nothing"  # the name under which the upstream itself is measured
QUIET_CPU_RATIO = 0.05  # an idle monitor with its timers stays well below


@dataclass(frozen=True, slots=True)
class Cores:
    """Where servers and load run: proxies on a core of their own when there are two."""

    proxy: int | None
    load: int | None

    @staticmethod
    def split(wanted: bool) -> Cores:
        """The last core for the proxies, the first for load and upstream; no cores when there is only one."""
        allowed = sorted(os.sched_getaffinity(0))
        return Cores(allowed[-1], allowed[0]) if wanted and len(allowed) > 1 else Cores(None, None)


@dataclass(frozen=True, slots=True)
class Standing:
    """A contestant that runs and answers."""

    name: str
    label: str
    port: int
    child: Child
    peer: Peer | None = None
    admin_port: int | None = None

    def account(self) -> CpuAccount:
        """The CPU used so far, by role."""
        return CpuAccount.open(self.child.pid, self.peer.role_of if self.peer else lambda _pid: "all")

    def signal_monitor(self, number: signal.Signals) -> None:
        """Sends a signal to the process that is not in the path, when there is one."""
        for pid, (role, _seconds) in self.account().seconds.items():
            if role == "monitor":
                os.kill(pid, number)

    def resident_bytes(self) -> dict[str, int]:
        """Resident memory by role, the largest process of each; shared pages are counted with it."""
        found: dict[str, int] = {}
        for pid in process_tree(self.child.pid):
            role = self.peer.role_of(pid) if self.peer else "all"
            found[role] = max(found.get(role, 0), resident_bytes(pid))
        return found

    def settle(self, limit_s: float = 20.0) -> None:
        """Waits until work that outlasts the last answer (the monitor's) is done, so that it is counted."""
        deadline = time.monotonic() + limit_s
        while self.admin_port is not None and time.monotonic() < deadline:
            before = self.account()
            time.sleep(0.25)
            if sum(self.account().since(before).values()) <= 0.25 * QUIET_CPU_RATIO:
                return

    def accounting(self) -> dict[str, Any]:
        """The sidecar's own count of exchanges; empty for the others, and when it does not answer."""
        if self.admin_port is None:
            return {}
        try:
            return dict(json.loads(get(self.admin_port, "/api/v1/status")[1])["accounting"])
        except (OSError, http.client.HTTPException, ValueError, KeyError):
            return {}


@dataclass(slots=True)
class Arena:
    """Everyone who takes part, and why the others do not."""

    folder: Path
    cores: Cores
    upstream_port: int
    standing: list[Standing] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)

    def own_cpu_s(self) -> float:
        """CPU seconds of all contestants and of the load generators that have ended."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        running = sum(seconds for each in self.standing for _role, seconds in each.account().seconds.values())
        return running + ended.ru_utime + ended.ru_stime

    def body_file(self, payload: Payload) -> Path:
        """A file with the payload's body, for wrk."""
        path = self.folder / f"{payload.name}.body"
        if not path.exists():
            path.write_bytes(payload.body)
        return path


@contextmanager
def open_arena(folder: Path, names: Sequence[str], cores: Cores) -> Iterator[Arena]:
    """Starts the upstream and the named peers, and stops them all at the end, whatever happens.

    Raises:
        FileNotFoundError: nginx, the upstream, is not installed.
        NotStarted: the upstream did not start.
    """
    children: list[Child] = []
    try:
        port, upstream = open_upstream(folder, cores, children)
        arena = Arena(
            folder, cores, port, [Standing(NOTHING, "nothing (the upstream itself)", port, upstream)]
        )
        for peer in PEERS:
            if peer.name in names:
                _add(arena, peer, children)
        yield arena
    finally:
        for child in reversed(children):
            child.stop()


def open_upstream(folder: Path, cores: Cores, children: list[Child]) -> tuple[int, Child]:
    """Starts the model server and the writer of streams behind it; its port, and its process.

    Raises:
        FileNotFoundError: nginx is not installed.
        NotStarted: it did not start.
    """
    port, events_port = free_ports(2)
    command = [sys.executable, "-m", "benchmarks.sse_upstream", "--port", str(events_port)]
    children.append(Child("events", command, folder, core=cores.load, environment={"PYTHONPATH": str(ROOT)}))
    children[-1].wait_until(lambda: answers(events_port))
    upstream = Child("upstream", upstream_command(folder, port, events_port), folder, core=cores.load)
    children.append(upstream)
    upstream.wait_until(lambda: answers_post(port))
    return port, upstream


def _add(arena: Arena, peer: Peer, children: list[Child]) -> None:
    """Starts a peer, or enters in `missing` why it cannot take part."""
    binary = peer.find()
    if binary is None:
        arena.missing[peer.name] = f"not installed: {peer.install}"
        return
    stand_up(arena, peer, binary, children)


def stand_up(arena: Arena, peer: Peer, binary: str, children: list[Child], **more: str) -> None:
    """Starts a peer with free ports, or enters in `missing` why it did not start.

    Args:
        arena: where it takes part.
        peer: how it is configured and started.
        binary: what is run.
        children: gets what is to be stopped at the end.
        more: further values of its template, by upper-case name.
    """
    names = ("PORT", "HEALTH_PORT", "ADMIN_PORT")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    values = {name: str(port) for name, port in ports.items()}
    values |= {"UPSTREAM_PORT": str(arena.upstream_port), "DIR": str(arena.folder), **more}
    config = fill(peer.template, arena.folder, values, peer.name) if peer.template else arena.folder
    command = peer.command(binary, config, values)
    child = Child(
        peer.name, command, arena.folder, core=arena.cores.proxy, environment={"PYTHONPATH": str(ROOT)}
    )
    children.append(child)
    try:
        child.wait_until(lambda: answers_post(ports["PORT"]))
        if peer.has_admin:
            child.wait_until(lambda: get(ports["ADMIN_PORT"], "/metrics")[0] == 200)
    except NotStarted as exc:
        arena.missing[peer.name] = f"did not start: {exc}"
        return
    arena.versions[peer.name] = peer.version(binary)
    admin_port = ports["ADMIN_PORT"] if peer.has_admin else None
    free_helpers(child.pid, peer)
    arena.standing.append(Standing(peer.name, peer.label, ports["PORT"], child, peer, admin_port))


def free_helpers(pid: int, peer: Peer) -> None:
    """Lets the processes of a peer that are not in the path (the monitor) run on any core.

    Every proxy has one core for its data plane; on that core the monitor would be measured as added latency,
    which no deployment with a second core to spare would see.
    """
    for each in process_tree(pid):
        if peer.role_of(each) in {"monitor", "supervisor"}:
            for task in Path(f"/proc/{each}/task").iterdir():
                with suppress(ProcessLookupError):
                    os.sched_setaffinity(int(task.name), os.sched_getaffinity(0))


# --- single requests -------------------------------------------------------------------------------


def get(port: int, path: str) -> tuple[int, bytes]:
    """Status and body of a GET; status 0 when there is no server."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5.0)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    except (OSError, http.client.HTTPException):
        return 0, b""
    finally:
        connection.close()


def post_twice(port: int, payload: Payload) -> list[tuple[int, str | None, bytes]]:
    """Status, content type and body of two POSTs on one connection."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10.0)
    seen = []
    try:
        for _ in range(2):
            connection.request(
                "POST", payload.path, payload.body, {"Content-Type": payload.content_type, **payload.headers}
            )
            answer = connection.getresponse()
            seen.append((answer.status, answer.getheader("content-type"), answer.read()))
    finally:
        connection.close()
    return seen


def answers_post(port: int) -> bool:
    """Whether the smallest payload is answered 200."""
    try:
        return post_twice(port, PAYLOADS["small"])[0][0] == 200
    except (OSError, http.client.HTTPException):
        return False


def assert_answers(arena: Arena, payloads: Sequence[Payload]) -> None:
    """Checks that every contestant answers each payload as the upstream itself does.

    Raises:
        AssertionError: "NAME, PAYLOAD: expected ..., got ..."
    """
    for payload in payloads:
        direct = post_twice(arena.upstream_port, payload)
        if any(status != 200 or body != payload.answer for status, _type, body in direct):
            got = [(status, kind, len(body)) for status, kind, body in direct]
            raise AssertionError(
                f"upstream, {payload.name}: expected 200 and {len(payload.answer)} bytes, got {got}"
            )
        for each in arena.standing[1:]:
            through = post_twice(each.port, payload)
            if through != direct:
                got = [(status, kind, len(body)) for status, kind, body in through]
                raise AssertionError(
                    f"{each.name}, {payload.name}: expected the upstream's answer, got {got}"
                )
