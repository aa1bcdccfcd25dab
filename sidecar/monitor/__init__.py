"""Room: monitor. Floor 8. Runs in: monitor. IO: rings, threads, checkpoint.
Takes records from the rings; gives panes and verdicts to telemetry and admin."""
