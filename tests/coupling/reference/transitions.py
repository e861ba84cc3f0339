"""Make in/transitions.csv: nine dyads of 30 to 60 daily states with gaps, for ref_transitions.R."""

import numpy as np
import pandas as pd

rng = np.random.default_rng(20261128)
parts = []
for dyad in range(1, 10):
    n = int(rng.integers(30, 61))
    state = np.zeros((n, 2))
    base = rng.normal(0, 0.4)
    state[0] = rng.random(2) < 0.5
    for t in range(1, n):
        before = state[t - 1] - 0.5
        state[t] = rng.random(2) < 1 / (1 + np.exp(-(base + 0.9 * before + 0.5 * before[::-1])))
    state[rng.random(state.shape) < 0.08] = np.nan
    for member, role in enumerate("ab"):
        who = {"dyad": dyad, "role": role, "time": np.arange(1, n + 1)}
        parts.append(pd.DataFrame({**who, "state": state[:, member]}))
pd.concat(parts).to_csv("in/transitions.csv", index=False, na_rep="NA", float_format="%.0f", lineterminator="\n")
