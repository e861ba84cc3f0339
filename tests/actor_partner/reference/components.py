"""Make components.csv: 40 dyads, 6 occasions, two roles with random intercepts and slopes, complete rows."""

from pathlib import Path

import numpy as np
import pandas as pd

r = np.random.default_rng(20)
n, T = 40, 6
x = r.normal(size=(n, T, 2)) + r.normal(size=(n, 1, 2))
u = r.multivariate_normal([0, 0], [[1.0, 0.5], [0.5, 0.8]], size=(n, 1))
slope = 0.5 + 0.4 * r.normal(size=(n, 1, 2))
e = r.multivariate_normal([0, 0], [[1.0, 0.3], [0.3, 1.5]], size=(n, T))
own = x.mean(axis=1, keepdims=True)
y = 4 + slope * (x - own) + 0.3 * own + u + e
dyad, time, member = np.meshgrid(range(n), range(T), [0, 1], indexing="ij")
frame = pd.DataFrame({"dyad": dyad.ravel(), "time": time.ravel(), "role": np.array(["f", "m"])[member.ravel()]})
frame["x"], frame["y"] = x.ravel().round(4), y.ravel().round(4)
frame.to_csv(Path(__file__).with_name("components.csv"), index=False, lineterminator="\n")
