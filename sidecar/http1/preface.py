"""How an HTTP/2 connection begins (RFC 9113 section 3.4): what no HTTP/1.1 request may begin with."""

from __future__ import annotations

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
