from __future__ import annotations

import socket
from pathlib import Path

from sidecar.monitor.origin import pod_identity


def test_a_pod_is_named_by_its_uid(tmp_path: Path) -> None:
    assert pod_identity({"POD_UID": "1f0c"}, tmp_path / "boot") == "1f0c"


def test_a_host_is_named_by_its_name_and_boot(tmp_path: Path) -> None:
    boot = tmp_path / "boot"
    boot.write_text("0a-1b\n")
    assert pod_identity({"POD_UID": ""}, boot) == f"{socket.gethostname()}/0a-1b"
    boot.write_text("2c-3d\n")
    assert pod_identity({}, boot) == f"{socket.gethostname()}/2c-3d"


def test_where_nobody_tells_the_boot_the_host_stands_alone(tmp_path: Path) -> None:
    assert pod_identity({}, tmp_path / "none") == f"{socket.gethostname()}/unknown"
