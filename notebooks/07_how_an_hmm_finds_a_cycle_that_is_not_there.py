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
# A common recipe: take a series of daily feelings, fit hidden Markov models with one, two and three states, choose by
# BIC, decode the states, count which follows which. It gives an answer for any series. This notebook applies it to
# series without cycles and counts how often it finds states or an order of states. Then it does the same with tests
# that have a null hypothesis to reject.
#
# All data are simulated. Four sets of series have no cycle of warmth, only feelings that carry over from one prompt to
# the next, on a scale from 1 to 7. In the second most answers are at the floor. In the third the level stays where it
# is, but calm and turbulent episodes take turns (*volatility*). In the fourth people give the same answers to both
# questions for a dozen prompts at a time, four times (*straight-lining*). The fifth set has cycles. Each set has twelve
# series from six dyads, so that a share is known only to within about a quarter either way (1.96 standard errors at
# .50: .28).

# %%
import warnings
from itertools import pairwise

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown
from scipy.stats import binomtest, chi2

import reldyn as rd
from reldyn.markov import decode, fit_hmm

N_DYADS, T = 6, 200  # twelve series per set


def with_answers(panel, answers):
    """The same panel with other answers: (persons, prompts, 2)."""
    frame = panel.frame.sort_values(["person", "day", "beep"]).reset_index(drop=True)
    frame[["warmth", "response"]] = answers.reshape(-1, 2)
    return rd.DyadPanel(frame, **{name: column for name, column in panel.columns.items() if column})


def volatile(rng, n):
    """Calm and turbulent episodes of a dozen prompts around one level."""
    size = np.where(np.cumsum(rng.random(n) < 1 / 12) % 2 == 1, 1.6, 0.5)
    state, out = np.zeros(2), np.zeros((n, 2))
    for prompt in range(n):
        state = 0.3 * state + size[prompt] * rng.standard_normal(2)
        out[prompt] = state
    return np.clip(np.rint(4 + out), 1, 7)


def straight_lined(rng, answers):
    """Four stretches of twelve prompts with the same answers."""
    out = answers.copy()
    for start in rng.choice(np.arange(0, len(out) - 12, 20), size=4, replace=False):
        out[start : start + 12] = rng.integers(1, 8, size=2)
    return out


linear = rd.simulate.cycles("linear", n_dyads=N_DYADS, n_occasions=T, seed=71).panel
rng = np.random.default_rng(74)
answers = np.stack([part[["warmth", "response"]].to_numpy(float) for _, part in linear.frame.groupby("person")])
series = {
    "linear": linear,
    "linear, floor": rd.simulate.cycles("floor", n_dyads=N_DYADS, n_occasions=T, seed=72).panel,
    "volatility": with_answers(linear, np.stack([volatile(rng, T) for _ in answers])),
    "straight-lining": with_answers(linear, np.stack([straight_lined(rng, one) for one in answers])),
    "cycle": rd.simulate.cycles("cycle", n_dyads=N_DYADS, n_occasions=T, seed=73).panel,
}
WITHOUT = [name for name in series if name != "cycle"]

# %% [markdown]
# One series of each kind but the second. Could you tell from the figure alone which has a cycle?

# %%
fig, axes = plt.subplots(4, 1, figsize=(9, 6.4), sharex=True, sharey=True)
for ax, name in zip(axes, ("linear", "volatility", "straight-lining", "cycle"), strict=True):
    frame = series[name].frame
    ax.plot(frame.loc[frame["person"] == 1, "warmth"].to_numpy(), lw=0.9, color="#22262B")
    ax.set_ylabel("warmth")
    ax.set_yticks([1, 4, 7])
    ax.set_title(name, loc="left", fontsize=9)
axes[-1].set_xlabel("prompt")
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


table = pd.DataFrame({name: usual_recipe(panel) for name, panel in series.items()})
table.round(2)

# %%
without = table[WITHOUT]
above = int((without.to_numpy() > 0.05).sum())
Markdown(
    "In all columns but the last there is no cycle to find. "
    f"{above} of these {without.size} shares lie above .05; the largest is {without.to_numpy().max():.2f}. "
    "Where there is a cycle, the recipe finds something in "
    f"{table['cycle'].min():.2f} to {table['cycle'].max():.2f} of the series, depending on the criterion."
)

# %% [markdown]
# Three mechanisms can produce such false positives. An HMM without autoregression must explain carry-over by states
# that last. A regime that does not exist has parameters that cannot be estimated, so that the likelihood ratio does
# not follow the chi-squared distribution, whatever the sample size. And decoded moves are no independent coin tosses:
# the states were chosen from the same data to look as distinct as possible. Floors and straight-lining add a fourth:
# many equal answers look like a state with hardly any variance. And where the size of swings changes, states differ,
# but not in warmth.
#
# Someone who tries the recipe only on data with a cycle sees only the last column, and learns nothing about its errors.
#
# ## The same series, against null hypotheses
#
# `rd.detect_cycles` asks for more. *Regimes* must describe the series better than everything that has no phases of
# warmth: longer memory, skewed shocks, swings whose size changes, humps of the answers that do not last. And they must
# do so more clearly than in surrogates without phases of that very series, with its answers, its floor, its missed
# prompts and its time of day; every surrogate goes through the same search. *Irregular timing* must be more irregular
# than in rhythms. *Intermittent* is claimed only if both null hypotheses are rejected. Stretches in which a person
# answers all questions alike for longer than that person's habits explain are left out beforehand, and counted. Series
# that cannot carry a test (too many answers on one category, for example) count as not found; the row *tested* gives
# the share that was tested. *Volatility*, that the size of swings changes in episodes, is a claim of its own.

# %%
found, verdicts, masked = {}, {}, {}
for name, panel in series.items():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # which series cannot carry a test is in verdicts()
        result = rd.detect_cycles(panel, warmth="warmth", response="response", n_surrogates=99, seed=7)
    found[name] = result.tidy().pivot(index=["dyad", "giver"], columns="claim", values="p_value")
    verdicts[name] = result.verdicts()["verdict"]
    stretches = panel.careless(["warmth", "response"])
    masked[name] = stretches.loc[stretches["masked"], "length"].sum() / panel.frame["warmth"].notna().sum()

claims = ["regimes", "intermittent", "volatility"]
against_nulls = pd.DataFrame({name: (p[claims] <= 0.05).mean() for name, p in found.items()})
against_nulls.loc["tested"] = {name: p["regimes"].notna().mean() for name, p in found.items()}
both = pd.concat([table, against_nulls.rename(index=lambda name: f"reldyn: {name}")])
both.round(2)

# %%
drawn = both.drop(index=["reldyn: tested", "reldyn: volatility"])
fig, ax = plt.subplots(figsize=(8, 4.4))
place = np.arange(len(drawn))
colours = ("#0072B2", "#9FCDE8", "#009E73", "#B8A9D9", "#D55E00")
for shift, name, colour in zip((-0.32, -0.16, 0.0, 0.16, 0.32), series, colours, strict=True):
    ax.barh(place + shift, drawn[name], height=0.14, color=colour, label=name)
ax.axvline(0.05, color="#22262B", lw=1, ls="--")
ax.set_yticks(place, drawn.index)
ax.invert_yaxis()
ax.set_xlabel("share of series in which something is found")
ax.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.4, 1.0), ncols=5)
fig.tight_layout()

# %%
n_true = len(found["cycle"])
n_found = int((found["cycle"]["intermittent"] <= 0.05).sum())
n_false = sum(int((found[name]["intermittent"] <= 0.05).sum()) for name in WITHOUT)
n_null = sum(len(found[name]) for name in WITHOUT)
n_untested = sum(int(found[name]["regimes"].isna().sum()) for name in WITHOUT)
n_volatile = int((found["volatility"]["volatility"] <= 0.05).sum())
Markdown(
    f"The tests found {n_found} of {n_true} series with cycles (p ≤ .05) and claimed *intermittent* in {n_false} of "
    f"{n_null} series without ({n_untested} of these could not be tested). These cycles are large and each series has "
    f"{T} prompts; with shorter series, missed prompts or smaller cycles fewer are found. *Volatility* was claimed in "
    f"{n_volatile} of {len(found['volatility'])} series with calm and turbulent episodes. Of the answers to the series "
    f"with straight-lining {masked['straight-lining']:.0%} were left out as careless, of the linear ones "
    f"{masked['linear']:.0%}, of those with cycles {masked['cycle']:.0%}."
)

# %% [markdown]
# The page *Calibration of cycle claims* has the rates by length, from more series and more kinds of them, and the page
# *What this can and cannot say* names what no simulation covers. Where a test finds nothing,
# `verdicts()` says *not decidable* unless the design is known to have had the power to find something. The verdicts
# adjust the p-values for the number of directions:

# %%
pd.DataFrame({name: one.value_counts() for name, one in verdicts.items()}).fillna(0).astype(int)

# %% [markdown]
# ## What to take home
#
# - A model that fits better is no evidence for its states: series without states can make such a model fit better.
# - A null model has to contain what is ordinary: carry-over, floors, time of day, measurement error, missed prompts,
#   swings whose size changes. What it does not contain, such as a schedule of travel that nobody entered, can be
#   mistaken for a cycle.
# - Look at how people answered before you look at what they answered: straight-lining is no state of a relationship.
# - The data and every surrogate must go through the same search, starts included.
# - A decoded path is a guess made from the data; testing the guess on the same data tests nothing.
# - Say *not decidable* where the data cannot decide.
