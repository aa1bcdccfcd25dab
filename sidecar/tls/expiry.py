"""When a certificate expires, read from its bytes (X.509, RFC 5280 section 4.1).

The standard library tells that of a peer's certificate only, so this walks over the DER of our own: a
certificate is a sequence of items, each a tag, a length and its content.
"""

from __future__ import annotations

import re
import ssl
from datetime import UTC, datetime
from pathlib import Path

from sidecar.errors import ConfigError

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME = 0xA0, 0x17


def expires_unix_s(path: str, setting: str = "tls.certificate") -> float:
    """When a chain expires: when the first of its certificates does.

    An expired chain is served all the same; that is for a log line and an alert to say, in time.

    Args:
        path: PEM file.
        setting: what names it, for the error.

    Returns:
        Seconds since 1970.

    Raises:
        ConfigError: no certificate can be read.
    """
    try:
        chain = _CERTIFICATE.findall(Path(path).read_bytes())
        return min(_not_after_unix_s(ssl.PEM_cert_to_DER_cert(pem.decode())) for pem in chain)
    except OSError as exc:
        raise ConfigError(setting, f"a readable file {path}", (exc.strerror or str(exc)).lower()) from None
    except (ValueError, IndexError):
        raise ConfigError(setting, f"a PEM certificate chain in {path}", "none that can be read") from None


def _not_after_unix_s(der: bytes) -> float:
    """Certificate { tbs { [0] version, serial, algorithm, issuer, validity { begin, end } ... } ... }"""
    _, tbs, _ = _item(der, 0)
    _, place, _ = _item(der, tbs)
    tag, _, behind = _item(der, place)
    if tag == _VERSION:
        place = behind
    for _ in ("serial", "algorithm", "issuer"):
        place = _item(der, place)[2]
    _, begin, _ = _item(der, place)
    tag, start, behind = _item(der, _item(der, begin)[2])
    digits = der[start:behind].decode("ascii")
    if tag == _UTC_TIME:  # two digits of the year, of 1950 to 2049
        digits = ("19" if digits >= "50" else "20") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC).timestamp()


def _item(der: bytes, place: int) -> tuple[int, int, int]:
    """The item at a place: its tag, where its content starts, and the place behind it."""
    tag, length, start = der[place], der[place + 1], place + 2
    if length & 0x80:
        n_bytes = length & 0x7F
        length, start = int.from_bytes(der[start : start + n_bytes], "big"), start + n_bytes
    return tag, start, start + length
