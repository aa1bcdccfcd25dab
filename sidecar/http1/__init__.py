"""Room: http1. Floor 2. Runs in: worker, monitor (access log, mirror). Pure: no IO, no clock.
Takes bytes of heads and chunked bodies; gives frozen heads (to upstream, proxy) and bytes to send."""
