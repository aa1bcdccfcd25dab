"""The deployment files, checked without a network by the tools that read them and by our own parser."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sidecar.cli import make_parser
from sidecar.config.load import load_config
from sidecar.config.model import Config
from sidecar.config.traffic import DrainConfig
from sidecar.telemetry.names import INSTRUMENTS
from sidecar.telemetry.prometheus import metric_name

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
MANIFEST = DEPLOY / "kubernetes" / "model-with-sidecar.yaml"
CONTAINERFILE = DEPLOY / "Containerfile"
UID = 65532
SUPERVISOR_GRACE_S = 4.0  # two seconds beyond drain.limit_s and two beyond drain.monitor_s before it kills


def run(*command: str, cwd: Path = DEPLOY) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def tool(name: str, package: str) -> str:
    """A program of a Debian package; its absence is a failure, never a skip."""
    found = shutil.which(name)
    assert found is not None, f"{name}: expected to be installed, got nothing: apt-get install {package}"
    return found


def beside_python(name: str) -> str:
    """A program that pip installed next to this interpreter."""
    found = Path(sys.executable).parent / name
    assert found.is_file(), f"{name}: expected in {found.parent}, got nothing: pip install {name}"
    return str(found)


def parsed(text: str) -> Config:
    return load_config(text, "yaml", read_file=lambda _path: "a token")


def documents(kind: str) -> dict[str, Any]:
    (found,) = [each for each in yaml.safe_load_all(MANIFEST.read_text()) if each["kind"] == kind]
    return found


@pytest.fixture(scope="module")
def pod() -> dict[str, Any]:
    return documents("Deployment")["spec"]["template"]["spec"]


@pytest.fixture(scope="module")
def native_sidecar(pod: Mapping[str, Any]) -> dict[str, Any]:
    (container,) = pod["initContainers"]
    return container


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())


# --- Kubernetes


def test_manifest_follows_the_api_schema_strictly() -> None:
    run(beside_python("kubernetes-validate"), "--strict", str(MANIFEST))


def test_a_typo_in_the_manifest_would_be_found(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text(MANIFEST.read_text().replace("readOnlyRootFilesystem", "readOnlyRootFileSystem"))
    command = [beside_python("kubernetes-validate"), "--strict", str(broken)]
    assert subprocess.run(command, capture_output=True, timeout=120, check=False).returncode != 0


def test_configuration_in_the_manifest_is_ours() -> None:
    config = parsed(documents("ConfigMap")["data"]["sidecar.yaml"])
    assert config.upstream == "http://127.0.0.1:8080"
    assert config.admin_server.token == "a token"


def test_sidecar_is_native_and_starts_before_the_model_is_there(native_sidecar: Mapping[str, Any]) -> None:
    assert native_sidecar["restartPolicy"] == "Always"
    assert native_sidecar["startupProbe"]["httpGet"]["path"] == "/livez"


def test_probes_ask_the_health_port_and_paths(native_sidecar: Mapping[str, Any]) -> None:
    config = parsed(documents("ConfigMap")["data"]["sidecar.yaml"])
    port = int(config.health.rpartition(":")[2])
    asked = {
        name: native_sidecar[name]["httpGet"] for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert asked == {
        "startupProbe": {"path": "/livez", "port": port},
        "livenessProbe": {"path": "/livez", "port": port},
        "readinessProbe": {"path": "/readyz", "port": port},
    }


def test_traffic_takes_the_sidecar_by_port_swap(native_sidecar: Mapping[str, Any]) -> None:
    config = parsed(documents("ConfigMap")["data"]["sidecar.yaml"])
    (port,) = documents("Service")["spec"]["ports"]
    assert port["targetPort"] == int(config.listen.rpartition(":")[2])
    declared = {each["name"]: each["containerPort"] for each in native_sidecar["ports"]}
    assert declared == {
        "traffic": int(config.listen.rpartition(":")[2]),
        "health": int(config.health.rpartition(":")[2]),
        "admin": int(config.admin.rpartition(":")[2]),
    }


def test_service_selects_the_pods_and_annotations_name_the_admin_port() -> None:
    template = documents("Deployment")["spec"]["template"]["metadata"]
    selector = documents("Service")["spec"]["selector"]
    assert selector.items() <= template["labels"].items()
    config = parsed(documents("ConfigMap")["data"]["sidecar.yaml"])
    assert template["annotations"]["prometheus.io/port"] == config.admin.rpartition(":")[2]


def test_pod_is_hardened(pod: Mapping[str, Any], native_sidecar: Mapping[str, Any]) -> None:
    assert pod["automountServiceAccountToken"] is False
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["securityContext"]["runAsUser"] == UID
    assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert native_sidecar["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert "memory" in native_sidecar["resources"]["limits"]


def test_what_the_sidecar_writes_to_is_a_volume(
    pod: Mapping[str, Any], native_sidecar: Mapping[str, Any]
) -> None:
    config = parsed(documents("ConfigMap")["data"]["sidecar.yaml"])
    kinds = {volume["name"]: next(key for key in volume if key != "name") for volume in pod["volumes"]}
    mounted = {mount["mountPath"]: kinds[mount["name"]] for mount in native_sidecar["volumeMounts"]}
    assert mounted[str(config.state.path)] == "emptyDir"
    assert mounted["/tmp"] == "emptyDir"


def longest_drain_s(drain: DrainConfig) -> float:
    return drain.quiet_s + drain.limit_s + drain.monitor_s + SUPERVISOR_GRACE_S


def test_pod_lives_long_enough_to_drain(pod: Mapping[str, Any]) -> None:
    drain = parsed(documents("ConfigMap")["data"]["sidecar.yaml"]).drain
    (model,) = pod["containers"]
    before_s = model["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod["terminationGracePeriodSeconds"] > before_s + longest_drain_s(drain)


# --- compose


def test_compose_follows_its_schema() -> None:
    run(beside_python("check-jsonschema"), "--builtin-schema", "vendor.compose-spec", "compose.yaml")


def test_configuration_of_compose_is_ours_and_reads_a_secret_that_is_mounted(
    compose: Mapping[str, Any],
) -> None:
    text = (DEPLOY / compose["configs"]["sidecar"]["file"]).read_text()
    assert parsed(text).admin_server.token == "a token"
    (secret,) = re.findall(r"\$\{file:/run/secrets/(\w+)\}", text)
    assert secret in compose["services"]["sidecar"]["secrets"]
    assert secret in compose["secrets"]


def test_compose_container_is_hardened_and_drains(compose: Mapping[str, Any]) -> None:
    service = compose["services"]["sidecar"]
    assert service["user"] == f"{UID}:{UID}"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert compose["services"]["model"]["network_mode"] == "service:sidecar"
    drain = parsed((DEPLOY / "sidecar.yaml").read_text()).drain
    stop_s = float(service["stop_grace_period"].removesuffix("s"))
    assert stop_s > longest_drain_s(drain)


def test_files_that_compose_names_exist(compose: Mapping[str, Any]) -> None:
    missing = [each["file"] for each in compose["configs"].values() if not (DEPLOY / each["file"]).is_file()]
    assert missing == []
    build = compose["services"]["sidecar"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).resolve() == CONTAINERFILE


# --- Prometheus


@pytest.mark.parametrize("name", ["prometheus.yml", "kubernetes.yml"])
def test_scrape_configuration_is_valid(name: str, tmp_path: Path) -> None:
    promtool = tool("promtool", "prometheus")
    token = tmp_path / "token"
    token.write_text("a token")  # promtool insists that the file of a credential exists
    text = (DEPLOY / "prometheus" / name).read_text()
    text = re.sub(r"credentials_file: \S+", f"credentials_file: {token}", text)
    # Debian builds its promtool without the discovery of Kubernetes; all else in the file is checked
    text = text.replace("kubernetes_sd_configs:\n      - role: pod\n", "static_configs: [{targets: [pod]}]\n")
    (tmp_path / name).write_text(text)
    shutil.copy(DEPLOY / "prometheus" / "alerts.yml", tmp_path)
    assert "SUCCESS" in run(promtool, "check", "config", name, cwd=tmp_path)


def test_alert_rules_fire_as_their_tests_say() -> None:
    promtool = tool("promtool", "prometheus")
    run(promtool, "check", "rules", "alerts.yml", cwd=DEPLOY / "prometheus")
    run(promtool, "test", "rules", "alerts_test.yml", cwd=DEPLOY / "prometheus")


def test_alert_rules_ask_for_metrics_that_exist() -> None:
    rules = (DEPLOY / "prometheus" / "alerts.yml").read_text()
    groups = yaml.safe_load(rules)["groups"]
    expressions = " ".join(rule["expr"] for group in groups for rule in group["rules"])
    asked = set(re.findall(r"\b(?:model|sidecar|http)_\w+", expressions))
    assert asked
    assert asked - {metric_name(instrument) for instrument in INSTRUMENTS} == set()


# --- Containerfile


def instructions() -> list[tuple[str, str]]:
    """The instructions with their arguments, continuation lines joined."""
    lines = [line for line in CONTAINERFILE.read_text().splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split()[0].upper(), line.split(None, 1)[1]) for line in joined.splitlines() if line.strip()]


def final_stage() -> list[tuple[str, str]]:
    every = instructions()
    start = max(place for place, (name, _rest) in enumerate(every) if name == "FROM")
    return every[start:]


def test_containerfile_builds_in_one_stage_and_ships_another() -> None:
    stages = [rest for name, rest in instructions() if name == "FROM"]
    assert stages == ["${BASE} AS build", "${BASE}"]
    assert instructions()[0] == ("ARG", "BASE=docker.io/library/python:3.12-slim")


def test_image_runs_as_a_numeric_user_and_execs_the_sidecar() -> None:
    final = final_stage()
    assert [rest for name, rest in final if name == "USER"] == [f"{UID}:{UID}"]
    assert [(name, rest) for name, rest in final if name in {"ENTRYPOINT", "CMD"}] == [
        ("ENTRYPOINT", '["sidecar"]'),
        ("CMD", '["run"]'),
    ]
    assert not [name for name, _rest in final if name in {"HEALTHCHECK", "VOLUME", "SHELL"}]


def test_nothing_is_fetched_and_every_copied_file_is_named() -> None:
    root = DEPLOY.parent
    assert not [name for name, _rest in instructions() if name == "ADD"]
    copied = [
        rest.split()[:-1] for name, rest in instructions() if name == "COPY" and not rest.startswith("--from")
    ]
    assert [each for names in copied for each in names if not (root / each).exists()] == []


def test_kernels_are_looked_up_as_they_were_compiled() -> None:
    def numba(stage: list[tuple[str, str]]) -> dict[str, str]:
        text = " ".join(rest for name, rest in stage if name == "ENV")
        return dict(re.findall(r"\b(NUMBA_(?:C\w+))=(\S*)", text))

    final = final_stage()
    built, run_with = numba(instructions()[: -len(final)]), numba(final)
    assert built == run_with
    assert set(built) == {
        "NUMBA_CPU_NAME",
        "NUMBA_CPU_FEATURES",
        "NUMBA_CACHE_DIR",
        "NUMBA_CACHE_LOCATOR_CLASSES",
    }
    module, _, name = built["NUMBA_CACHE_LOCATOR_CLASSES"].rpartition(".")
    assert (DEPLOY.parent / Path(*module.split("."))).with_suffix(".py").read_text().count(
        f"class {name}("
    ) == 1


def test_image_carries_the_standard_labels() -> None:
    labels = " ".join(rest for name, rest in final_stage() if name == "LABEL")
    for label in ("title", "description", "licenses", "version", "revision"):
        assert f"org.opencontainers.image.{label}=" in labels


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("gitlab-ci.yml", "vendor.gitlab-ci"),
        ("github-workflow.yml", "vendor.github-workflows"),
        ("circleci-config.yml", "vendor.circle-ci"),
    ],
)
def test_pipelines_are_what_their_service_reads(name: str, schema: str) -> None:
    run(beside_python("check-jsonschema"), "--builtin-schema", schema, f"pipelines/{name}")


@pytest.mark.parametrize(
    "name", ["gitlab-ci.yml", "github-workflow.yml", "circleci-config.yml", "Jenkinsfile"]
)
def test_pipelines_ask_as_the_command_line_takes_it(name: str) -> None:
    text = (DEPLOY / "pipelines" / name).read_text()
    (asked,) = re.findall(
        r"sidecar (verdict (?:[^|>]|\\\n|>(?=\())*)", text.replace('<(printf %s "$SIDECAR_TOKEN")', "FILE")
    )
    options = make_parser().parse_args(shlex.split(asked.replace("\\\n", " ")))
    assert (options.shadow, options.require, options.wait) == ("candidate", "equivalent", 6600.0)
