"""Room: tls. Floor 2. Runs in: worker, monitor (mirror). IO: reads the files that the settings name.
Takes TlsConfig and UpstreamTlsConfig; gives contexts that follow their files."""

from sidecar.tls.context import client_context, server_context, server_name
from sidecar.tls.expiry import expires_unix_s
from sidecar.tls.live import FileWatch, LiveContext, live_client_context, live_server_context

__all__ = [
    "FileWatch",
    "LiveContext",
    "client_context",
    "expires_unix_s",
    "live_client_context",
    "live_server_context",
    "server_context",
    "server_name",
]
