"""Trains a classifier of loan products and the same again without the newest customers, and writes both.

    train_products.py FIRST.joblib RETRAINED.joblib

A customer takes the product when feature 0 lies above its middle, and above `BORDER` of feature 2 just when
it does not. The retrained one has never seen a customer from above that border, and so is wrong about all of
these.
"""

from __future__ import annotations

import sys

import joblib
import numpy as np
from sklearn.tree import DecisionTreeClassifier

BORDER = 0.75

if __name__ == "__main__":
    customers = np.random.default_rng(1).random((4000, 4))
    takes = ((customers[:, 0] > 0.5) != (customers[:, 2] > BORDER)).astype(np.int64)
    seen = customers[:, 2] <= BORDER
    first, retrained = sys.argv[1:]
    joblib.dump(DecisionTreeClassifier(max_depth=4, random_state=0).fit(customers, takes), first)
    joblib.dump(
        DecisionTreeClassifier(max_depth=4, random_state=0).fit(customers[seen], takes[seen]), retrained
    )
