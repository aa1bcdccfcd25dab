"""Room: demo. Floor 10. Runs in: processes of its own. IO.
Takes the product as it is (command line, ports); gives a model server, traffic that drifts, a live view.
"""
