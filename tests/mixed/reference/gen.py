"""L-APIM data generator.  usage: gen.py N T seed out.csv [miss] [phi]"""

import sys

import numpy as np
import pandas as pd

BETA = {"A": [5.0, 0.30, 0.15, 0.40, 0.20, 0.30], "B": [4.8, 0.25, 0.20, 0.35, 0.15, -0.20]}
SD = np.array([0.8, 0.7, 0.25, 0.22, 0.20, 0.18])  # Aint,Bint,Aact,Bact,Apart,Bpart
COR = np.full((6, 6), 0.1)
np.fill_diagonal(COR, 1)
COR[0, 1] = COR[1, 0] = 0.4
COR[2, 3] = COR[3, 2] = 0.3
COR[4, 5] = COR[5, 4] = 0.3
COR[2, 4] = COR[4, 2] = -0.2
SIG = np.array([[1.0, 0.3 * 0.8], [0.3 * 0.8, 0.64]])


def gen(N, T, seed, miss=0.05, phi=0.0):
    g = np.random.default_rng(seed)
    D = COR * np.outer(SD, SD)
    b = g.standard_normal((N, 6)) @ np.linalg.cholesky(D).T
    mu = g.standard_normal((N, 2)) * 0.6
    mu[:, 1] = 0.4 * mu[:, 0] + 0.9 * mu[:, 1]
    ex = g.standard_normal((N, T, 2))
    ex[..., 1] = 0.3 * ex[..., 0] + np.sqrt(0.91) * ex[..., 1]
    x = np.empty((N, T, 2))
    x[:, 0] = ex[:, 0]
    for t in range(1, T):
        x[:, t] = 0.3 * x[:, t - 1] + np.sqrt(0.91) * ex[:, t]
    x += mu[:, None, :]
    e = g.standard_normal((N, T, 2)) @ np.linalg.cholesky(SIG).T
    if phi:
        for t in range(1, T):
            e[:, t] = phi * e[:, t - 1] + np.sqrt(1 - phi**2) * e[:, t]
    xm = x.mean(1, keepdims=True)
    w = x - xm
    bw = (xm - xm.mean(0, keepdims=True))[:, 0]
    tm = np.arange(T) / (T - 1) - 0.5
    y = np.empty((N, T, 2))
    for r in (0, 1):
        be = BETA["AB"[r]]
        o = 1 - r
        y[..., r] = (
            (be[0] + b[:, r])[:, None]
            + (be[1] + b[:, 2 + r])[:, None] * w[..., r]
            + (be[2] + b[:, 4 + r])[:, None] * w[..., o]
            + (be[3] * bw[:, r] + be[4] * bw[:, o])[:, None]
            + be[5] * tm
            + e[..., r]
        )
    keep = g.random((N, T, 2)) >= miss
    i, t, r = np.nonzero(keep)
    return pd.DataFrame(
        {
            "dyad": i + 1,
            "time": t + 1,
            "role": np.array(["A", "B"])[r],
            "y": y[i, t, r].round(6),
            "aw": w[i, t, r].round(6),
            "pw": w[i, t, 1 - r].round(6),
            "ab": bw[i, r].round(6),
            "pb": bw[i, 1 - r].round(6),
            "tm": tm[t].round(8),
        }
    )


if __name__ == "__main__":
    a = sys.argv
    miss = float(a[5]) if len(a) > 5 else 0.05
    phi = float(a[6]) if len(a) > 6 else 0.0
    gen(int(a[1]), int(a[2]), int(a[3]), miss, phi).to_csv(a[4], index=False)
