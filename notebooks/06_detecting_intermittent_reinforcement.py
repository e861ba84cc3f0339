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

import reldyn as rd

study = rd.load_sample()
panel = study.select(dyads=range(1, 11))
panel

# %% [markdown]
# ## First describe
#
# The schedule of warmth needs no model. `cv` says how much the pauses between warm moments vary: 0 is a strict
# rhythm, and `cv_random` is what warmth at random would have at the same rate. That most series lie near the random
# value is no evidence of anything: plain carry-over gives the same.

# %%
described = rd.cycles.schedule(panel, warmth="warmth_received", approach="longing")
described[["dyad", "giver", "n_events", "cv", "conf_low", "conf_high", "cv_random", "decidable"]].round(2).head(8)

# %% [markdown]
# ## Then test
#
# Each direction of each dyad climbs a ladder of claims, and each claim has a null world of its own, drawn again and
# again by computer: *regimes* against linear feelings with error of measurement, *irregular timing* against rhythms,
# *directed* against phases that come back as they went. *Intermittent* is claimed where the first two both
# fall. The answers are those of the one who receives the warmth, because only what arrives can reinforce.
#
# 199 surrogates are enough here; for adjusted p-values over a hundred dyads leave the default of 999.

# %%
result = rd.detect_cycles(panel, warmth="warmth_received", response="longing", n_surrogates=199, seed=6)
print(result.summary())

# %% [markdown]
# The answer for most directions is *not decidable*. It is meant: eight weeks of four beeps leave a test with
# moderate power, and a test without result says nothing unless the design is known to have been able to find
# something. `rd.cycles.calibrate(panel, ...)` measures that for a study's own schedule and answers.
#
# ## Look

# %%
result.plot()

# %% [markdown]
# One dyad over time. Phases are drawn whether or not the data need them; the verdict in the title says whether they
# do.

# %%
verdicts = result.verdicts()
shown = verdicts.loc[verdicts["verdict"].isin(["supported", "rhythm"]), "dyad"]
dyad = shown.iloc[0] if len(shown) else verdicts["dyad"].iloc[0]
rd.plot.phase_ribbon(result, dyad=dyad)

# %% [markdown]
# The same dyad's moves between phases, and its tests: the line is the statistic of the data, the bars are those of
# the worlds without the claim. Runs whose answer was clear early were stopped early.

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
result.sample()[["term", "estimate", "conf_low", "conf_high", "p_value", "n", "note"]]

# %% [markdown]
# ## The truth
#
# The generator knows which direction was made how. `giver` there is the person; roles tell who that is.

# %%
truth = rd.load_sample_truth().couples
people = study.frame[["dyad", "person", "role"]].drop_duplicates()
truth = truth.merge(people, left_on=["dyad", "giver"], right_on=["dyad", "person"])[["dyad", "role", "kind"]]
compared = verdicts.merge(truth, left_on=["dyad", "giver"], right_on=["dyad", "role"])
raw = result.verdicts(adjusted=False)["verdict"]
pd.crosstab(compared["kind"], compared["verdict"])

# %% [markdown]
# Without adjustment for the number of directions, as for a dyad that was singled out beforehand:

# %%
pd.crosstab(compared["kind"], raw.rename("verdict, raw p-values"))

# %% [markdown]
# How well do the decoded phases follow the true ones, where there are three? The coldest and the warmest decoded phase
# beside the planted names:

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
