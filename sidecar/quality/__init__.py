"""Room: quality. Floor 4. Runs in: monitor. Pure: no IO, no clock.
Takes rows and schemas of messages; gives rates of what is wrong with them (to monitor, and its detector).
"""
