"""Trains a classifier of iris flowers and writes it to the path in the first argument."""

from __future__ import annotations

import sys

import joblib
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

if __name__ == "__main__":
    flowers, kinds = load_iris(return_X_y=True)
    joblib.dump(LogisticRegression(max_iter=500).fit(flowers, kinds), sys.argv[1])
