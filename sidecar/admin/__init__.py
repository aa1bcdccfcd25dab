"""Room: admin. Floor 7. Runs in: monitor. IO: an aiohttp application.
Takes an AdminSource (the monitor's answers as plain documents); gives the admin API, /metrics and the
dashboard.
"""
