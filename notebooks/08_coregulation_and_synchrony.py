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
# # Co-regulation and synchrony
#
# Do the feelings of two partners move together, who is earlier, and would chance have done the same? The last question
# comes first, because most mistakes are made there: two slow series that know nothing of each other correlate.

# %%
import warnings

import numpy as np
import pandas as pd
from IPython.display import Markdown

import reldyn as rd

co = rd.coupling
pd.set_option("display.width", 140)
pd.set_option("display.max_columns", 20)

# %% [markdown]
# ## Two independent slow series
#
# Forty pairs of series, 100 occasions each. Every series carries over by .9; none has anything to do with any other.


# %%
def slow(generator, n_dyads, n_occasions, carry_over=0.9):
    """Two independent series per dyad, as rows of a panel."""
    noise = generator.standard_normal((n_dyads, 2, n_occasions + 50))
    series = np.zeros_like(noise)
    for t in range(1, n_occasions + 50):
        series[:, :, t] = carry_over * series[:, :, t - 1] + noise[:, :, t]
    return pd.DataFrame(
        {
            "dyad": np.repeat(np.arange(1, n_dyads + 1), 2 * n_occasions),
            "role": np.tile(np.repeat(["a", "b"], n_occasions), n_dyads),
            "time": np.tile(np.arange(n_occasions), 2 * n_dyads),
            "mood": series[:, :, 50:].ravel(),
        }
    )


strangers = rd.DyadPanel(slow(np.random.default_rng(8), 40, 100), dyad="dyad", person="role", role="role", time="time")
strangers

# %% [markdown]
# The textbook's test takes 100 occasions for 100 independent observations and calls a correlation beyond
# 1.96 / sqrt(100) significant. Surrogates keep each series as slow as it is and break only the tie between the two:
# here one of them is shifted in a circle. The second test first removes the carry-over from each series (`whiten=1`).

# %%
plain = co.cross_correlation(strangers, "mood", max_lag=5, statistic="lag-0", surrogate="circular-shift", seed=8)
whitened = co.cross_correlation(
    strangers, "mood", max_lag=5, statistic="lag-0", whiten=1, surrogate="circular-shift", seed=8
)
same_time = plain.tidy()["lag_0"]
pd.Series(
    {
        "|r| beyond 1.96 / sqrt(n)": (same_time.abs() > 1.96 / np.sqrt(100)).mean(),
        "p < .05 by surrogates": (plain.tidy()["p_value"] < 0.05).mean(),
        "p < .05 by surrogates, whitened": (whitened.tidy()["p_value"] < 0.05).mean(),
    },
    name="share called synchronous",
).round(3)

# %% [markdown]
# The dyad of the forty with the largest correlation at lag 0: the grey band holds 95 % of its surrogates at each lag.
# Where the band is wide, a large correlation is no evidence of a tie. A test at the level of 5 % still calls about one
# in twenty unrelated pairs synchronous.

# %%
row = same_time.abs().idxmax()
striking = plain.tidy().loc[row, "dyad"]
print(f"dyad {striking}: r = {same_time[row]:.2f} at lag 0, p = {plain.tidy().loc[row, 'p_value']:.3f} by surrogates")
rd.plot.cross_correlation(plain, dyad=striking)

# %% [markdown]
# ## A tie that exists
#
# Now couples in whom mood is transmitted: one's own mood carries over by .3, b's mood contributes .4 to a's next one,
# and a's contributes .1 to b's, on average over couples who differ.

# %%
simulated = rd.simulate.perception(n_dyads=30, n_occasions=120, inertia=0.3, contagion=(0.4, 0.1), seed=8)
couples = simulated.panel
tied = co.cross_correlation(couples, "mood", max_lag=5, seed=8)
print(tied.summary())

# %%
rd.plot.cross_correlation(tied)

# %% [markdown]
# ### Window by window
#
# A tie may come and go. Correlations in windows of 20 occasions show where; they are large by chance, which is why
# their mean is compared with that of surrogates and the single window is not interpreted. Short windows cost power: a
# tie was planted in these couples, and the p-values below say for how many of them it is found.

# %%
windowed = co.windowed_cross_correlation(
    couples.select(dyads=range(1, 7)), "mood", window=20, increment=5, max_lag=4, surrogate=co.Surrogates(n=199), seed=8
)
shares = windowed.tidy()
print(f"{(shares['p_value'] < 0.05).sum()} of {len(shares)} dyads have p < .05")
shares[["dyad", "estimate", "surrogate_mean", "p_value", "n_windows", "x_leads"]].round(3)

# %%
rd.plot.windowed_cross_correlation(windowed)

# %% [markdown]
# ## Both pasts at once
#
# A cross-correlation at lag 1 mixes influence with carry-over. `var` regresses each partner on both pasts;
# `pooling="two-step"` does it for all dyads in one mixed model per role. Lags are centred at the person's observed
# mean, and in short series that makes stability too small (Nickell's bias). The first fourteen occasions of the same
# couples, then all of them; inertia was planted as .3:

# %%
fortnight = couples.select(where=lambda frame: frame["time"] <= 14)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    short = co.var(fortnight, "mood", pooling="two-step", random="orthogonal")
for warning in caught:
    print(warning.message)

# %%
long = co.var(couples, "mood", pooling="two-step", random="orthogonal")
columns = ["term", "effect", "estimate", "conf_low", "conf_high"]
both = short.tidy()[columns].merge(long.tidy()[columns], on=["term", "effect"], suffixes=(", 14", ", 120"))
both[both["effect"].isin(["inertia", "influence"])].drop(columns="effect").round(3)

# %% [markdown]
# The expected bias follows from inertia and the number of occasions alone, so that more couples do not reduce it:

# %%
occasions = [7, 14, 30, 60, 120]
pd.Series(co.nickell_bias(0.3, n_occasions=occasions), index=pd.Index(occasions, name="occasions")).round(3)

# %% [markdown]
# ## Who is ahead?
#
# `asymmetry` takes the difference of the two influences, dyad by dyad. Gaps are accounted for, and so is the rhythm of
# the day where the panel knows the time of day (this one does not). A partner who answers with more error seems to
# lead less, so that each dyad is fitted again with measurement error in both: `checks` says whether the difference
# remains.

# %%
few = couples.select(dyads=range(1, 9))
ahead = co.asymmetry(few, "mood", trend=False)
print(ahead.summary())

# %%
checks = ahead.checks
checks[["dyad", "observed", "p_observed", "latent", "latent_low", "latent_high", "p_latent", "verdict"]].round(3)

# %%
counts = checks["verdict"].replace("", "none (not significant without error)").value_counts()
wide = checks[(checks["verdict"] == "holds") & (checks["latent_low"] < 0) & (checks["latent_high"] > 0)]
text = f"Verdicts of {len(checks)} dyads: " + ", ".join(f"{verdict} {n}" for verdict, n in counts.items()) + ". "
if len(wide):
    text += (
        f"In {len(wide)} of them the verdict is *holds* although the interval includes zero (dyad "
        + "; ".join(f"{one.dyad}: [{one.latent_low:.2f}, {one.latent_high:.2f}]" for one in wide.itertuples())
        + "). The two come from different approximations; see below. Treat such a difference as open."
    )
pooled = ahead.tidy().query("effect == 'difference' and model == 'observed'")
widths = (pooled["conf_high"] - pooled["conf_low"]).groupby(pooled["dyad"] == "sample").median()
assert widths[True] < widths[False]  # said below
Markdown(text)

# %% [markdown]
# The verdict follows `p_latent`, a likelihood-ratio test of equal influences. `latent_low` and `latent_high` are the
# estimate plus and minus a multiple of its standard error. With measurement error in the model the likelihood is often
# flat and lopsided, above all where an estimated reliability is low, and then the two can disagree.
#
# *Undecided* and *vanishes* do not mean that there is no difference. Here it was planted and nothing was measured with
# error; but in series of this length measurement error and low carry-over are hard to tell apart. No verdict is given
# where the difference was not significant without measurement error. The pooled difference uses all dyads; its
# interval is narrower than the median of the single ones.
# Where the reliability within persons is known from the items of a scale, give it: `reliability=0.8`.
#
# To be ahead in time is not to steer. A third thing that reaches one partner earlier gives the same picture.
#
# ## Where the two are together
#
# A state space grid needs no model: each axis is one partner's state, a point is an occasion, and the line is the path
# the two take. These are couples of the sample study, with their longing in four states.

# %%
sample = rd.load_sample().select(dyads=range(1, 11))
grid = co.state_space_grid(sample, "longing", bins=4)
grid.measures.iloc[:5].round(2)

# %%
rd.plot.state_space_grid(grid, dyads=[1, 2])

# %% [markdown]
# And are they synchronous, against surrogates shifted by whole days, which keep a rhythm of the day that both share?

# %%
real = co.cross_correlation(sample, "longing", max_lag=2, seed=8)
real.tidy()[["dyad", "lag_0", "peak", "peak_lag", "surrogate_mean", "p_value"]].round(3)

# %% [markdown]
# With ten tests a single small p-value would be no finding, and a large one does not prove that there is no tie. Four
# occasions a day leave few neighbouring pairs.
#
# ## What may be said
#
# That two series of answers moved together more than they would have by chance, over these weeks; not that it was
# good for anybody, nor why. Synchrony is found in couples who comfort each other and in couples who quarrel.
