# ruff: noqa - kept as it was run
import numpy as np, json

rng = np.random.default_rng(1)
out = []
for T in (7, 10, 20, 50, 70, 100):
    for phi in (0.3, 0.5):
        b = []
        u = []
        tr = []
        ols = []
        for r in range(20):
            N = 400
            mu = rng.normal(0, 1, N)
            y = np.zeros((N, T + 50))
            for t in range(1, T + 50):
                y[:, t] = phi * y[:, t - 1] + rng.normal(size=N)
            y = y[:, 50:] + mu[:, None]
            Y = y[:, 1:]
            L = y[:, :-1]
            c = L - y.mean(1, keepdims=True)
            Yc = Y - Y.mean(1, keepdims=True)
            Lc = L - L.mean(1, keepdims=True)
            b.append((Lc * Yc).sum() / (Lc**2).sum())
            tr.append(((L - mu[:, None]) * (Y - mu[:, None])).sum() / ((L - mu[:, None]) ** 2).sum())
            u.append(((L - L.mean()) * (Y - Y.mean())).sum() / ((L - L.mean()) ** 2).sum())
        out.append(
            dict(
                T=T,
                phi=phi,
                within_bias=np.mean(b) - phi,
                se=np.std(b) / np.sqrt(20),
                formula_first=-(1 + phi) / (T - 1),
                true_mean_bias=np.mean(tr) - phi,
                pooled_uncentred_bias=np.mean(u) - phi,
            )
        )
        T1 = T - 1
        A = 1 - (1 - phi**T1) / (T1 * (1 - phi))
        full = -(1 + phi) / (T1 - 1) * A / (1 - 2 * phi / ((1 - phi) * (T1 - 1)) * A)
        out[-1]["nickell_exact"] = full
for o in out:
    print({k: round(v, 4) for k, v in o.items()})
json.dump(out, open("./e_nickell.json", "w"), indent=1)
