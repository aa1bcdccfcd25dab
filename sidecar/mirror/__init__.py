"""Room: mirror. Floor 7. Runs in: monitor. Sends copies of requests, as they were recorded, to shadows.
Takes exchanges that are over (from monitor); gives pairs of answers (to compare).
"""
