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
# # How an HMM finds a cycle that is not there
#
# Here is a recipe that many of us have used: take a series of daily feelings, fit hidden Markov models with one, two
# and three states, choose by BIC, decode the states, count which follows which. It always runs, and it nearly
# always finds something. This notebook gives it series in which there is nothing to find, and counts how often it
# says yes. Then it asks the same of tests that have a null world to reject.
#
# All data are simulated: no regimes, no cycle, only feelings that carry over from one beep to the next, on a scale
# from 1 to 7, with a time of day. The counts come from a few dozen series, so read them to the nearest tenth.

# %%
import warnings
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.stats import binomtest, chi2

import reldyn as rd
from reldyn.markov import decode, fit_hmm

N_DYADS, T = 6, 200  # twelve series per world

worlds = {
    "linear": rd.simulate.cycles("linear", n_dyads=N_DYADS, n_occasions=T, seed=71).panel,
    "linear, floor": rd.simulate.cycles("floor", n_dyads=N_DYADS, n_occasions=T, seed=72).panel,
    "cycle": rd.simulate.cycles("cycle", n_dyads=N_DYADS, n_occasions=T, seed=73).panel,
}

# %% [markdown]
# One of the linear series, beside one with a real cycle. Without being told, which is which?

# %%
fig, axes = plt.subplots(2, 1, figsize=(9, 3.6), sharex=True, sharey=True)
for ax, name in zip(axes, ("linear", "cycle"), strict=True):
    frame = worlds[name].frame
    ax.plot(frame.loc[frame["person"] == 1, "warmth"].to_numpy(), lw=0.9, color="#22262B")
    ax.set_ylabel("warmth")
axes[1].set_xlabel("beep")
fig.tight_layout()

# %% [markdown]
# ## The usual recipe
#
# For every series: a Gaussian HMM with one, two and three states on warmth and longing, chosen by BIC; the same with
# an autoregression inside; the likelihood ratio of two regimes against none, judged by the chi-squared table; and
# a binomial test on the moves between three decoded states.


# %%
def fitted(y, n_states, lags):
    """Fit quietly: the warnings are about degenerate states, and are part of what goes wrong here."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return fit_hmm([y], n_states=n_states, lags=lags, n_starts=4, max_iter=200, tol=1e-6, seed=1)


def forward_share(y, fit):
    """Moves 0 -> 1 -> 2 -> 0 among all moves of the decoded path, and the p-value of a fair coin."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        path = np.asarray(decode([y], fit)[0])
    moves = [(a, b) for a, b in pairwise(path.tolist()) if a != b]
    forward = sum((b - a) % 3 == 1 for a, b in moves)
    return binomtest(forward, max(len(moves), 1), 0.5).pvalue if moves else 1.0


def usual_recipe(panel):
    rows = []
    for _, part in panel.frame.groupby("person"):
        y = part[["warmth", "response"]].to_numpy(float)
        plain = {k: fitted(y, k, 0) for k in (1, 2, 3)}
        lagged = {k: fitted(y, k, 1) for k in (1, 2)}
        bic = {k: fit.glance()["bic"].item() for k, fit in plain.items()}
        bic_lagged = {k: fit.glance()["bic"].item() for k, fit in lagged.items()}
        ratio = 2 * (lagged[2].log_likelihood - lagged[1].log_likelihood)
        extra = lagged[2].glance()["n_parameters"].item() - lagged[1].glance()["n_parameters"].item()
        rows.append(
            {
                "HMM: BIC prefers two or three states": min(bic[2], bic[3]) < bic[1],
                "HMM with autoregression: BIC prefers two": bic_lagged[2] < bic_lagged[1],
                "likelihood ratio against the chi-squared table": chi2.sf(ratio, extra) <= 0.05,
                "binomial test on decoded moves": forward_share(y, plain[3]) <= 0.05,
            }
        )
    return pd.DataFrame(rows).mean()


table = pd.DataFrame({name: usual_recipe(panel) for name, panel in worlds.items()})
table.round(2)

# %% [markdown]
# The first two columns hold nothing but carry-over, so every number in them should be .05 or less. Most are far
# above it, for three different reasons. An HMM without autoregression must explain carry-over by states that last.
# A regime that does not exist has parameters that cannot be estimated, and then the likelihood ratio does not follow
# the chi-squared table, whatever the sample size. And decoded moves are no independent coins: the states were chosen
# from the same data to look as distinct as possible.
#
# The last column shows the trap: the recipe also says yes where there is a cycle. Someone who only tries it on
# data with a cycle will think that it works.
#
# ## The same series, against null worlds
#
# `rd.detect_cycles` asks for more. *Regimes* must beat linear worlds fitted to that very series, with its answers, its
# floor, its missed beeps and its time of day; every surrogate goes through the same search. *Irregular timing* must
# beat worlds of rhythms. *Intermittent* is claimed only if both fall.

# %%
found = {}
for name, panel in worlds.items():
    result = rd.detect_cycles(panel, warmth="warmth", response="response", n_surrogates=99, seed=7)
    found[name] = result.tidy().pivot_table(index=["dyad", "giver"], columns="claim", values="p_value")

claims = ["regimes", "intermittent"]
against_nulls = pd.DataFrame({name: (p[claims] <= 0.05).mean() for name, p in found.items()})
pd.concat([table, against_nulls.rename(index=lambda name: f"reldyn: {name}")]).round(2)

# %%
both = pd.concat([table, against_nulls.rename(index=lambda name: f"reldyn: {name}")])
fig, ax = plt.subplots(figsize=(8, 3.4))
place = np.arange(len(both))
for shift, name, colour in ((-0.2, "linear", "#0072B2"), (0.0, "linear, floor", "#9FCDE8"), (0.2, "cycle", "#D55E00")):
    ax.barh(place + shift, both[name], height=0.18, color=colour, label=name)
ax.axvline(0.05, color="#22262B", lw=1, ls="--")
ax.set_yticks(place, both.index)
ax.invert_yaxis()
ax.set_xlabel("share of series in which something is found")
ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
fig.tight_layout()

# %% [markdown]
# The price is plain to see: with 200 beeps many real cycles are not found either. That is not a fault of the test. It
# is what 200 beeps can tell, and the recipe above hid it. Where a test finds nothing, `verdicts()` therefore says
# *not decidable* unless the design is known to have had the power to find something.

# %%
result.verdicts()["verdict"].value_counts()

# %% [markdown]
# ## What to take home
#
# - A model that fits better is no evidence for its states: linear worlds make every such model fit better.
# - A null has to contain what is ordinary: carry-over, floors, time of day, error of measurement, missed beeps.
# - The data and every surrogate must go through the same search, starts included.
# - A decoded path is a guess made from the data; testing the guess on the same data tests nothing.
# - Say *not decidable* when it is not.
