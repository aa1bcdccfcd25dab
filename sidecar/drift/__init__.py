"""Room: drift. Floor 4. Runs in: monitor, CLI. Pure: no IO, no clock.
Takes Reference, Pane and window sums (from profile); gives effect sizes, evidence and FeatureVerdict (to
monitor, admin).
"""
