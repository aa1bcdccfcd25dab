from __future__ import annotations

import socket
from pathlib import Path

from sidecar.monitor.origin import Identity, pod_identity, take_identity


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


def test_a_monitor_without_a_checkpoint_is_a_new_origin() -> None:
    assert take_identity({"POD_UID": "1f0c"}, 700, {}) == Identity("1f0c/700", 700)


def test_one_that_goes_on_keeps_the_origin_and_has_a_greater_epoch() -> None:
    first = take_identity({"POD_UID": "1f0c"}, 700, {})
    second = take_identity({"POD_UID": "other"}, 900, first.to_state())
    assert second == Identity("1f0c/700", 900)
    set_back = take_identity({"POD_UID": "1f0c"}, 300, second.to_state())
    assert set_back == Identity("1f0c/700", 901)
