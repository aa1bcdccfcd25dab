"""The contestants of bench_statistics, each run by the interpreter of its own environment.

`frame.py` and the contestants import nothing of the product (but `with_sidecar.py`): their environments hold
numpy and the contestant only.
"""
