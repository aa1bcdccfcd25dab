"""Room: payload. Floor 2. Runs in: monitor (and the CLI's `inspect`). Pure: no IO, no clock.
Takes Message (one side of an exchange); gives Columns (to profile) or a PayloadError.
"""
