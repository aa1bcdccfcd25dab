"""Room: ring. Floor 2. Runs in: worker (layout, record, segment, writer, counters), monitor (all). IO:
memory, pipes. Takes exchanges from proxy; gives records, in order and with every loss counted, to monitor.
"""
