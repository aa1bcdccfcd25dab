from __future__ import annotations

import os
import ssl
from pathlib import Path

import pytest

from sidecar.config.traffic import TlsConfig, UpstreamTlsConfig
from sidecar.errors import ConfigError
from sidecar.tls.live import FileWatch, LiveContext, live_client_context, live_server_context
from tests.support.certificates import Authority, overwrite


class TestFileWatch:
    def test_what_is_left_alone_has_not_changed(self, tmp_path: Path) -> None:
        file = tmp_path / "a"
        file.write_text("1")
        watch = FileWatch([str(file)])
        assert [watch.changed(float(second)) for second in range(5)] == [False] * 5

    def test_a_change_is_told_once(self, tmp_path: Path) -> None:
        file = tmp_path / "a"
        file.write_text("1")
        watch = FileWatch([str(file)])
        file.write_text("22")
        assert [watch.changed(float(second)) for second in range(3)] == [True, False, False]

    def test_it_looks_once_a_second_at_most(self, tmp_path: Path) -> None:
        file = tmp_path / "a"
        watch = FileWatch([str(file)])
        assert not watch.changed(10.0)
        file.write_text("1")
        assert not watch.changed(10.99)
        assert watch.changed(11.0)

    def test_files_that_come_and_go_have_changed(self, tmp_path: Path) -> None:
        file = tmp_path / "a"
        watch = FileWatch([str(file)])
        file.write_text("1")
        assert watch.changed(1.0)
        file.unlink()
        assert watch.changed(2.0)
        assert not watch.changed(3.0)

    def test_another_file_of_the_same_size_and_time_has_changed(self, tmp_path: Path) -> None:
        file, other = tmp_path / "a", tmp_path / "b"
        for path in (file, other):
            path.write_text("1")
            os.utime(path, ns=(5, 5))
        watch = FileWatch([str(file)])
        other.replace(file)
        assert watch.changed(1.0)

    def test_any_of_several_files(self, tmp_path: Path) -> None:
        files = [tmp_path / name for name in "abc"]
        watch = FileWatch([str(file) for file in files])
        for second, file in enumerate(files):
            file.write_text("1")
            assert watch.changed(float(second))

    def test_kubernetes_swaps_a_link_in_the_path(self, tmp_path: Path) -> None:
        """A secret's volume: tls.crt -> ..data/tls.crt, ..data -> ..2025_1, then a new link over it."""
        for version in ("..2025_1", "..2025_2"):
            (tmp_path / version).mkdir()
            (tmp_path / version / "tls.crt").write_text("same size and perhaps the same time")
            os.utime(tmp_path / version / "tls.crt", ns=(5, 5))
        (tmp_path / "..data").symlink_to("..2025_1")
        (tmp_path / "tls.crt").symlink_to("..data/tls.crt")
        watch = FileWatch([str(tmp_path / "tls.crt")])
        assert not watch.changed(1.0)
        (tmp_path / "..data_tmp").symlink_to("..2025_2")
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")
        assert watch.changed(2.0)


class TestLiveContext:
    def test_it_builds_again_when_its_files_change_and_only_then(self, tmp_path: Path) -> None:
        file = tmp_path / "a"
        context = LiveContext(lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), [str(file)])
        first = context.newest
        assert not context.renew(1.0)
        assert context.newest is first
        file.write_text("1")
        assert context.renew(2.0)
        assert context.newest is not first

    def test_a_file_that_changes_while_it_is_read_is_read_again(self, tmp_path: Path) -> None:
        file = tmp_path / "a"
        file.write_text("1")

        def build() -> ssl.SSLContext:
            file.write_text("twice as long" if len(file.read_text()) == 1 else file.read_text())
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

        assert LiveContext(build, [str(file)]).renew(1.0)

    def test_a_connection_gets_the_newest_context(self, tmp_path: Path) -> None:
        file = tmp_path / "a"
        context = LiveContext(lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), [str(file)])
        old = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
        file.write_text("1")
        context.renew(1.0)
        new = context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_side=True)
        assert new.context is context.newest
        assert old.context is not new.context

    def test_files_of_no_use_are_told_once_and_the_context_before_stays(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        context = live_client_context(UpstreamTlsConfig(ca=authority.ca))
        before = context.newest
        Path(authority.ca).write_text("")
        with pytest.raises(ConfigError) as caught:
            context.renew(1.0)
        assert str(caught.value).endswith("ca-authority.pem, got an empty file")
        assert not context.renew(2.0)
        assert context.newest is before

    def test_what_is_wrong_at_the_start_is_an_error_at_the_start(self) -> None:
        with pytest.raises(ConfigError):
            live_client_context(UpstreamTlsConfig(ca="/no.pem"))
        with pytest.raises(ConfigError):
            live_server_context(TlsConfig(certificate="/no.pem"))

    def test_without_a_certificate_there_is_none(self) -> None:
        assert live_server_context(TlsConfig()) is None

    @pytest.mark.parametrize("changed", ["certificate", "key", "client_ca"])
    def test_a_server_follows_each_of_its_files(self, tmp_path: Path, changed: str) -> None:
        authority = Authority(tmp_path)
        pair = authority.issue("localhost")
        config = TlsConfig(certificate=pair.certificate, key=pair.key, client_ca=authority.ca)
        context = live_server_context(config)
        assert context is not None
        path = getattr(config, changed)
        Path(f"{path}.new").write_bytes(Path(path).read_bytes())
        Path(f"{path}.new").replace(path)
        assert context.renew(1.0)

    @pytest.mark.parametrize("changed", ["certificate", "key", "ca"])
    def test_the_upstream_side_follows_each_of_its_files(self, tmp_path: Path, changed: str) -> None:
        authority = Authority(tmp_path)
        pair = authority.issue("sidecar.internal")
        config = UpstreamTlsConfig(certificate=pair.certificate, key=pair.key, ca=authority.ca)
        context = live_client_context(config)
        path = getattr(config, changed)
        Path(f"{path}.new").write_bytes(Path(path).read_bytes())
        Path(f"{path}.new").replace(path)
        assert context.renew(1.0)

    def test_a_renewal_by_hand_in_two_steps_ends_with_the_new_pair(self, tmp_path: Path) -> None:
        authority = Authority(tmp_path)
        pair, other = authority.issue("localhost"), authority.issue("localhost")
        context = live_server_context(TlsConfig(certificate=pair.certificate, key=pair.key))
        assert context is not None
        overwrite(pair.certificate, other.certificate)
        with pytest.raises(ConfigError):
            context.renew(1.0)
        overwrite(pair.key, other.key)
        assert context.renew(2.0)
