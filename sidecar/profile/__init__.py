"""Room: profile. Floor 3. Runs in: monitor, CLI. Pure but for `build` and `codec` (files read and written).
Takes Columns (from payload); gives Pane, window sums and Reference (to drift, quality, monitor).
"""
