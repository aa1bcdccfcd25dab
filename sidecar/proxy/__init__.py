"""Room: proxy. Floor 7. Runs in: worker. IO: callers' connections, the ring's writing side.
Takes callers' requests; gives them the upstream's answers, and the ring a record of each exchange."""
