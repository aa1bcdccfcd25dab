"""TLS contexts, made from the files that the settings name.

`ssl` is imported at the top: asyncio and uvloop load it whether it is used or not, so a worker without TLS
would save nothing by waiting. Only a context costs memory, and that is made for a side that has TLS.
"""

from __future__ import annotations

import re
import ssl
from collections.abc import Sequence
from pathlib import Path

from sidecar.config.address import TcpUpstream
from sidecar.config.traffic import TlsConfig, UpstreamTlsConfig
from sidecar.errors import ConfigError

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")


def server_context(config: TlsConfig) -> ssl.SSLContext | None:
    """What callers speak TLS with, or None when TLS is off.

    Args:
        config: the files, and the protocols offered.

    Raises:
        ConfigError: a file is missing or not what it must be, "tls.key: expected the key of the certificate
            in /c.pem, got another key in /k.pem".
    """
    if config.certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION  # a cheap way to make us work; TLS 1.3 has none
    context.set_alpn_protocols(list(config.alpn))
    _load_pair(context, "tls", config.certificate, config.key)
    if config.client_ca is not None:
        _load_authorities(context, "tls.client_ca", config.client_ca)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(config: UpstreamTlsConfig, alpn: Sequence[str] = ("http/1.1",)) -> ssl.SSLContext:
    """What we speak TLS with to the upstream.

    Args:
        config: whom to trust, and who we are.
        alpn: protocols to offer, the best first.

    Raises:
        ConfigError: a file is missing or not what it must be.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # which verifies certificate and name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(alpn))
    if not config.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif config.ca is None:
        context.load_default_certs()
    if config.ca is not None:
        _load_authorities(context, "upstream_tls.ca", config.ca)
    if config.certificate is not None:
        _load_pair(context, "upstream_tls", config.certificate, config.key)
    return context


def server_name(upstream: TcpUpstream, config: UpstreamTlsConfig) -> str:
    """The name to ask for and to verify; an address is verified but, as RFC 6066 has it, not asked for.

    Args:
        upstream: as configured, not as resolved.
        config: may name another.
    """
    return config.server_name or upstream.host


# --- loading, with errors that name setting and file


def _load_pair(context: ssl.SSLContext, side: str, certificate: str, key: str | None) -> None:
    n_asked = 0

    def no_password() -> str:  # without it OpenSSL would ask at the terminal, and wait
        nonlocal n_asked
        n_asked += 1
        return ""

    key = key or certificate
    try:
        context.load_cert_chain(certificate, key, no_password)
    except (OSError, ValueError) as exc:
        _check_readable(f"{side}.certificate", certificate)
        _check_readable(f"{side}.key", key)
        if n_asked:
            fault = ConfigError(f"{side}.key", f"a PEM key without a password in {key}", "an encrypted one")
        else:
            fault = _pair_fault(side, certificate, key, getattr(exc, "reason", None))
        raise fault from None


def _pair_fault(side: str, certificate: str, key: str, reason: str | None) -> ConfigError:
    """OpenSSL does not say which of the two files it could not read."""
    if reason == "KEY_VALUES_MISMATCH":
        return ConfigError(
            f"{side}.key", f"the key of the certificate in {certificate}", f"another key in {key}"
        )
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(certificate)
    except OSError:
        return ConfigError(
            f"{side}.certificate",
            f"a PEM certificate chain in {certificate}",
            _content(certificate, "CERTIFICATE"),
        )
    if reason is not None:  # EE_KEY_TOO_SMALL and its like
        words = reason.lower().replace("_", " ")
        return ConfigError(f"{side}.certificate", f"a certificate of use in {certificate}", words)
    return ConfigError(f"{side}.key", f"a PEM key in {key}", _content(key, "KEY"))


def _load_authorities(context: ssl.SSLContext, setting: str, path: str) -> None:
    try:
        context.load_verify_locations(path)
    except (OSError, ValueError):
        _check_readable(setting, path)
        raise ConfigError(setting, f"PEM certificates in {path}", _content(path, "CERTIFICATE")) from None


def _check_readable(setting: str, path: str) -> None:
    try:
        Path(path).read_bytes()
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "strerror", None) or str(exc)
        raise ConfigError(setting, f"a readable file {path}", reason.lower()) from None


def _content(path: str, wanted: str) -> str:
    """What a file that could not be loaded holds, in words; never its bytes, for it may be a key."""
    content = Path(path).read_bytes()
    labels = sorted({label.decode() for label in _PEM.findall(content)})
    if not labels:
        return "no PEM" if content.strip() else "an empty file"
    broken = any(wanted in label for label in labels)
    return f"{'a broken ' if broken else ''}{' and '.join(labels)}"
