"""Make r2mlm.csv: 60 persons of one role, 4 to 9 occasions each, two predictors, random intercepts and slopes."""

from pathlib import Path

import numpy as np
import pandas as pd

r = np.random.default_rng(31)
n = 60
person = np.repeat(np.arange(n), r.integers(4, 10, size=n))
time = np.concatenate([np.arange(count) for count in np.bincount(person)])
x = 1.5 + r.normal(size=n)[person] + r.normal(size=person.size)
z = -0.5 + 0.4 * x + 0.7 * r.normal(size=n)[person] + r.normal(size=person.size)
u = r.multivariate_normal([0, 0], [[1.2, 0.3], [0.3, 0.35]], size=n)[person]
y = 2 + u[:, 0] + (0.5 + u[:, 1]) * x - 0.4 * z + r.normal(scale=1.1, size=person.size)
frame = pd.DataFrame({"person": person, "time": time, "x": x.round(4), "z": z.round(4), "y": y.round(4)})
frame.to_csv(Path(__file__).with_name("r2mlm.csv"), index=False, lineterminator="\n")
