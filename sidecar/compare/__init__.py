"""Room: compare. Floor 4. Runs in: monitor, CLI. Pure: no IO, no clock.
Takes two answers to one request (from payload); gives how far they differ, by meaning (to monitor, admin).
"""
