"""Room: upstream. Floor 3. Runs in: worker, monitor (mirror). IO: connections to model servers.
Takes bytes to send; gives parsed responses to a ResponseSink (an exchange)."""
