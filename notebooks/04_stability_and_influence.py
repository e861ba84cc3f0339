# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Stability and influence
#
# How closely does today's mood follow one's own of yesterday (stability), and how closely the partner's (influence)?
# Two waves cannot tell stability from stable levels. Many waves need care: with a positive carry-over, the coefficient
# of a lag that is centred at a person's own mean is biased downwards, the more so the shorter the series.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

import reldyn as rd
from reldyn.results import format_table

ap = rd.actor_partner
pd.set_option("display.width", 140)
pd.set_option("display.max_columns", 20)

# %% [markdown]
# ## Data with known carry-over
#
# 120 couples, seven days. Each person's mood has a level of its own; its deviations carry over to the next day by
# .30, and .15 of the partner's deviation comes along.

# %%
generator = np.random.default_rng(7)
n, days = 120, 7
transition = np.array([[0.30, 0.15], [0.15, 0.30]])
shocks = generator.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], size=(n, days + 50))
mood = np.zeros((n, days + 50, 2))
for day in range(1, days + 50):
    mood[:, day] = mood[:, day - 1] @ transition.T + shocks[:, day]
levels = generator.multivariate_normal([5, 5], [[1, 0.4], [0.4, 1]], size=n)
mood = mood[:, 50:] + levels[:, None]
rows = pd.DataFrame(
    {
        "couple": np.repeat(np.arange(n), days * 2),
        "role": np.tile(["first", "second"], n * days),
        "day": np.tile(np.repeat(np.arange(days), 2), n),
        "mood": mood.ravel(),
    }
)
panel = rd.DyadPanel(rows, dyad="couple", person="role", role="role", time="day")
panel

# %% [markdown]
# ## Two waves
#
# With two waves each person has one outcome. Stability then mixes two things: how days carry over, and that some
# people are always in a better mood. No model separates them, and reldyn says so.

# %%
two = ap.over_time(panel.select(where=lambda frame: frame["day"] < 2), outcome="mood")
print(two.summary())

# %%
stable = two.tidy().query("effect == 'stability'")["estimate"]
assert (stable > 0.30).all()  # levels differ by an SD of 1
Markdown(f"Both stabilities ({', '.join(f'{one:.2f}' for one in stable)}) lie above the carry-over of .30.")

# %% [markdown]
# ## Seven waves, the usual way
#
# With more waves the person's mean can be taken out. reldyn warns of what happens then.

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    usual = rd.apim(panel.lag(["mood"]), outcome="mood", predictors=["mood_lag1"])
print(caught[0].message)
within = usual.tidy().query("level == 'within'").set_index(["effect", "role"])["estimate"]
within.round(3).to_frame()

# %%
stable = within["actor"]
expected = 0.30 + rd.coupling.nickell_bias(0.30, n_occasions=days)
assert (stable < 0.30).all()
Markdown(
    f"The stabilities ({', '.join(f'{one:.2f}' for one in stable)}) are {(stable / 0.30).min():.0%} to "
    f"{(stable / 0.30).max():.0%} of the true .30. With this carry-over alone, without influence, and {days} "
    f"occasions Nickell's bias predicts an estimate of about {expected:.2f}; "
    f"its first term is -(1 + phi) / (T - 1), {-1.3 / (days - 1):.2f}."
)

# %% [markdown]
# ## Seven waves without the bias
#
# Two models need no mean to be subtracted. `over_time` fits a dynamic panel model: each person has a stable part, and
# the first wave is free. `residual="var1"` declares in addition that the process was in its steady state from the
# first wave on; where that is true it is the more precise of the two.

# %%
remedy = ap.over_time(panel, outcome="mood")
print(remedy.summary())

# %%
declared = ap.over_time(panel, outcome="mood", residual="var1")
keys = [("stability", "first"), ("stability", "second"), ("influence", "first"), ("influence", "second")]
table = pd.DataFrame(
    {
        "truth": [0.30, 0.30, 0.15, 0.15],
        "within-centred lag": [within[{"stability": "actor", "influence": "partner"}[one], role] for one, role in keys],
        **{
            name: fit.tidy().set_index(["effect", "role"])["estimate"].loc[keys].to_numpy()
            for name, fit in {"free first wave": remedy, "steady state": declared}.items()
        },
    },
    index=[f"{effect}, {role}" for effect, role in keys],
)
table.round(3)

# %%
off = table.drop(columns="truth").sub(table["truth"], axis=0)
Markdown(
    "Mean deviation from the truth: "
    + "; ".join(
        f"{name}, stability {one.iloc[:2].mean():+.3f}, influence {one.iloc[2:].mean():+.3f}"
        for name, one in off.items()
    )
    + "."
)

# %%
ax = table.plot(kind="barh", figsize=(6.5, 3), width=0.7)
ax.invert_yaxis()
ax.set_xlabel("estimate")
plt.show()

# %% [markdown]
# ## Do both carry over alike?
#
# `rd.Residual("var1", common=True)` constrains the two roles to one transition; the likelihood-ratio test compares.
# Here they are alike by construction, so that a p-value below .05 would be a false positive.

# %%
ml = rd.Estimation(method="ml")
tied = rd.apim(panel, outcome="mood", predictors=(), residual=rd.Residual("var1", common=True), estimation=ml)
free = rd.apim(panel, outcome="mood", predictors=(), residual="var1", estimation=ml)
print(rd.compare(tied, free).summary())

# %% [markdown]
# ## Growth
#
# A trend instead of carry-over: each partner has a level and a slope of its own, and the four deviations of a couple
# may go together. `predictors` is empty; the clock is a covariate. No trend was simulated.

# %%
growth = rd.apim(panel, outcome="mood", predictors=(), covariates=("day",), random=("intercept", "day"))
format_table(growth.tidy()[["term", "estimate", "std_error", "p_value"]])
