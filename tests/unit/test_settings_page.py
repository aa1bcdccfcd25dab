from __future__ import annotations

import os
import threading

import pytest

from sidecar.config.model import Config, ModelConfig
from sidecar.config.traffic import LimitsConfig, RouteConfig, TimeoutsConfig
from sidecar.errors import ConfigError
from sidecar.settings_page import MAX_BYTES, SettingsPage

PLAIN = Config()
RICH = Config(
    limits=LimitsConfig(body_bytes=7),
    timeouts=TimeoutsConfig(response_idle_s=float("inf")),
    routes=(RouteConfig(path="/v2/**", tap=False, ratio=0.5), RouteConfig(path="/v1/**")),
    models=(ModelConfig(name="m", features=("a", "ä")),),
)


@pytest.mark.parametrize("config", [PLAIN, RICH], ids=["defaults", "all kinds of settings"])
def test_what_was_stored_is_loaded(config: Config) -> None:
    assert SettingsPage(config).load() == config


def test_the_last_one_stored_is_in_force_and_has_the_next_version() -> None:
    page = SettingsPage(PLAIN)
    assert page.version == 1
    for version, config in enumerate((RICH, PLAIN, PLAIN, RICH), start=2):
        page.store(config)
        assert (page.version, page.load()) == (version, config)


def test_one_that_is_too_long_is_refused_and_the_other_stays_in_force() -> None:
    page = SettingsPage(RICH)
    with pytest.raises(ConfigError) as caught:
        page.store(Config(upstream="x" * MAX_BYTES))
    assert str(caught.value).startswith(f"configuration: expected at most {MAX_BYTES} bytes, got ")
    assert (page.version, page.load()) == (1, RICH)


def test_a_store_that_was_cut_off_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever part of it was written: the supervisor may be killed between any two of its writes."""
    page = SettingsPage(RICH)
    whole = os.pwrite

    def half(fd: int, content: bytes, place: int) -> int:
        whole(fd, content[: len(content) // 2], place)
        raise OSError("no memory")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", half)
        with pytest.raises(OSError, match="no memory"):
            page.store(PLAIN)
    assert page.load() == RICH
    page.store(PLAIN)
    assert page.load() == PLAIN


def test_a_reader_gets_the_old_or_the_new_one_and_never_goes_back() -> None:
    """Stores and loads run side by side: every one of their reads and writes lets the other thread run."""
    configs = [Config(upstream=f"http://{'h' * (n % 97)}:1", workers=n + 1) for n in range(200)]
    page = SettingsPage(configs[0])

    def store_all() -> None:
        for config in configs[1:]:
            page.store(config)

    writer = threading.Thread(target=store_all)
    writer.start()
    seen = [page.load()]
    while seen[-1] != configs[-1]:
        seen.append(page.load())
    writer.join()
    assert all(config == configs[config.workers - 1] for config in seen)
    numbers = [config.workers for config in seen]
    assert numbers == sorted(numbers)
