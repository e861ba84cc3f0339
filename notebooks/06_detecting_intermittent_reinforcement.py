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
# # Detecting intermittent reinforcement
#
# Warmth that comes and goes unpredictably is said to tie people more strongly than warmth that is always there. Before
# that can be studied one has to know whether the warmth in a series does come and go in that way: in discrete
# phases, at irregular times. This notebook asks it of couples of the sample study, who rated four times a day for
# eight weeks the warmth they received and their own longing.
#
# The couples are simulated, so the truth is known. It is revealed at the end, as it should be.

# %%
import pandas as pd
from IPython.display import Markdown

import reldyn as rd

study = rd.load_sample()
panel = study.select(dyads=range(1, 11))
panel

# %% [markdown]
# ## First describe
#
# The schedule of warmth needs no model. `cv` says how much the pauses between warm moments vary: 0 is a strict
# rhythm, and `cv_random` is what warmth at random would have at the same rate. Neither a value near the random one nor
# one away from it is evidence of phases: plain carry-over can give both.

# %%
described = rd.cycles.schedule(panel, warmth="warmth_received", approach="longing")
near = described["cv_random"].between(described["conf_low"], described["conf_high"])
print(f"In {near.sum()} of {len(near)} directions the interval of cv contains the random value.")
described[["dyad", "giver", "n_events", "cv", "conf_low", "conf_high", "cv_random", "decidable"]].round(2).head(8)

# %% [markdown]
# ## Then test
#
# For each direction of each dyad several claims are tested, and each claim has a null model of its own from which
# surrogate series are drawn: *regimes* against linear feelings of any memory behind an item with one hump, and of short
# memory behind the item as it is; *irregular timing* against rhythms; *directed* against phases whose transitions are
# reversible. *Intermittent* is claimed where the null hypotheses of the first two are both rejected. *Volatility* (the
# size of swings changes in episodes) is a claim of its own, and *splitting* an estimate: how many answers lie in the
# middle between the levels of the phases. The answers are those of the one who receives the warmth, because only what
# arrives can reinforce. Stretches of careless answers are left out first:

# %%
stretches = panel.careless(["warmth_received", "longing"])
print(f"{len(stretches)} stretches of equal answers, {int(stretches['masked'].sum())} of them careless")

# %% [markdown]
# Every direction gets surrogates until it is clear on which side of the level its p-value lies; where the decision
# after adjustment is still open it gets more, up to `n_surrogates`. 199 save time here; for a study leave the default
# of 999.

# %%
result = rd.detect_cycles(panel, warmth="warmth_received", response="longing", n_surrogates=199, seed=6)
print(result.summary())

# %%
verdicts = result.verdicts()
counts = verdicts["verdict"].value_counts()
Markdown(
    f"Verdicts of {len(verdicts)} directions: " + ", ".join(f"*{verdict}* {n}" for verdict, n in counts.items()) + "."
)

# %% [markdown]
# *Not decidable* is an answer: a test that shows nothing says nothing unless the design is known to have been able to
# find something. `rd.cycles.calibrate(panel, ...)` measures that for a study's own schedule and answers. And
# *supported* is an answer under conditions: what nobody entered, such as travel at irregular times, cannot be excluded
# (see *What this can and cannot say*). None was simulated in these couples.
#
# Where there are phases, how much lies between them?

# %%
tidy = result.tidy()
between = tidy[(tidy["claim"] == "splitting") & tidy["estimate"].notna()]
between[["dyad", "giver", "estimate", "conf_low", "conf_high"]].round(2)

# %% [markdown]
# ## Look

# %%
result.plot()

# %% [markdown]
# One dyad over time. Phases are drawn whether or not they are shown by a test; the verdict in the title says which.

# %%
shown = verdicts.loc[verdicts["verdict"].isin(["supported", "rhythm"]), "dyad"]
dyad = shown.iloc[0] if len(shown) else verdicts["dyad"].iloc[0]
rd.plot.phase_ribbon(result, dyad=dyad)

# %% [markdown]
# The same dyad's transitions between phases, and its tests: the line is the statistic of the data, the bars are those
# of surrogates from the null model. Tests whose answer was clear early were stopped early; of *regimes*, surrogates
# that are clearly below the data are drawn at an upper bound of their statistic.

# %%
rd.plot.transition_wheel(result, dyad=dyad)

# %%
rd.plot.null_distribution(result, dyad=dyad)

# %% [markdown]
# ## What the sample says
#
# The prevalence turns the share of rejections into bounds: the lower one holds whatever the cycles are like, the
# upper one only if the power is known. The coefficient says by how many SD longing rises after warmth was one SD
# less predictable, averaged over dyads that may differ.

# %%
result.sample()[["term", "estimate", "conf_low", "conf_high", "p_value", "n"]]

# %% [markdown]
# ## The truth
#
# The generator knows how each direction was made. `giver` is the person there, and a role in the verdicts.

# %%
truth = rd.load_sample_truth().couples
truth = truth[truth["dyad"].isin(verdicts["dyad"])]
people = study.frame[["dyad", "person", "role"]].drop_duplicates()
truth = truth.merge(people, left_on=["dyad", "giver"], right_on=["dyad", "person"])[["dyad", "role", "kind"]]
raw = result.verdicts(adjusted=False)[["dyad", "giver", "verdict"]].rename(columns={"verdict": "raw verdict"})
compared = verdicts.merge(raw, on=["dyad", "giver"]).merge(
    truth, left_on=["dyad", "giver"], right_on=["dyad", "role"], validate="one_to_one"
)
assert len(compared) == len(verdicts)
pd.crosstab(compared["kind"], compared["verdict"])

# %% [markdown]
# Without adjustment for the number of directions, as for a dyad that was singled out beforehand:

# %%
pd.crosstab(compared["kind"], compared["raw verdict"])

# %% [markdown]
# How well do the decoded phases agree with the true ones, where phases were planted? Rows are the planted phases,
# columns the decoded ones, cells shares of a row:

# %%
true_phases = rd.load_sample_truth().phases.merge(
    people.rename(columns={"person": "giver", "role": "giver_role"}), on=["dyad", "giver"]
)
decoded = result.phases().merge(
    true_phases, left_on=["dyad", "giver", "day", "beep"], right_on=["dyad", "giver_role", "day", "beep"]
)
pd.crosstab(decoded["phase_y"], decoded["phase_x"], normalize="index").round(2)

# %% [markdown]
# ## What may be said, and what not
#
# A verdict is about a series of answers in these weeks, on this scale. It is no property of a person, says nothing
# about intentions, and is not meant for one's own relationship. The page *What this can and cannot say* has the
# figures behind these sentences.
