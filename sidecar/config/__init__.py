"""Room: config. Floor 1. Runs in: all. Pure: parses text and mappings that it is given.
Takes a file's text, SIDECAR_ variables and flags; gives one frozen Config."""
