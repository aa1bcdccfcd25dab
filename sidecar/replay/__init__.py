"""Room: replay. Floor 8. Runs in: CLI. The shadow's offline twin: recorded traffic judged again as it was
answered, or sent to a candidate. Takes records (from recording); gives a report.
"""
