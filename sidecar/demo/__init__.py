"""Room: demo. Floor 10. Runs in: processes of its own. IO.
Takes the product as it is (its command line, its ports); gives a model, a model server, traffic that drifts, a live view."""
