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
# # Truth, bias, and doubting oneself
#
# Both partners say how they feel, and what they think the other feels. How far do the judgments follow the other's
# report, how far the judge's own mood, and how far are they off on average? And does trust in one's own perception
# fall after an occasion on which the two reports lay far apart?
#
# A word in advance. *Truth* is the name the model gives to what judgments are compared with; here it is what the
# partner reported. Where two reports differ, nothing in the numbers says which of them is nearer to what was felt. A
# discrepancy is not deception, neither of oneself nor of the other, and nobody is said to be right.
#
# The couples are simulated; what was planted is revealed at the end.

# %%
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Markdown

import reldyn as rd
from reldyn.results import format_table

pd.set_option("display.width", 140)
pd.set_option("display.max_columns", 20)

simulated = rd.simulate.perception(
    n_dyads=80,
    n_occasions=40,
    directional_bias=(0.4, -0.2),
    drift=(0.03, 0.0),
    doubt=(0.3, 0.0),
    r_empathy=0.5,
    missing=0.1,
    seed=9,
)
panel = simulated.panel.actor_partner(["mood"])
panel

# %% [markdown]
# ## Tracking, and two kinds of bias
#
# *Truth force* is how much of a point in the partner's report is found in the judgment, *bias force* how much of a
# point in the judge's own mood (assumed similarity). *Directional bias* is the mean difference between judgment and
# report. People who are usually in a good mood may live with people who are, so that differences between persons are
# another question than moods that come and go: `center="person_truth"` with `bias_center="own"` asks the latter.

# %%
fit = rd.perception.truth_and_bias(
    panel, judgment="perceived", truth="mood_partner", bias="mood_actor", center="person_truth", bias_center="own"
)
print(fit.summary())

# %%
fit.plot()
plt.show()

# %% [markdown]
# Each dot is a perceiver. Truth force and bias force do not exclude one another: they are two slopes of one regression,
# and where two partners' moods go together, leaning on one's own mood can even make judgments more accurate.
#
# ## Does it change?
#
# `over_time` lets all three change along a column. Here it is the number of the occasion.

# %%
changing = rd.perception.truth_and_bias(
    panel,
    judgment="perceived",
    truth="mood_partner",
    bias="mood_actor",
    center="person_truth",
    bias_center="own",
    over_time="time",
)
drift = changing.tidy().query("moderator == 'time'")
format_table(drift[["effect", "role", "estimate", "conf_low", "conf_high", "p_value"]], digits=4)

# %%
changing.plot()
plt.show()

# %% [markdown]
# The same as numbers: the directional bias of either role at the first, the middle and the last occasion. A line was
# fitted; that the change was straight is an assumption.

# %%
course = changing.course(n_points=3)
course[course["effect"] == "directional bias"][["role", "time", "estimate", "conf_low", "conf_high"]].round(2)

# %% [markdown]
# ## Knowing and sharing
#
# *Empathic accuracy* correlates a perceiver's judgments with the partner's reports. It takes no notice of the
# directional bias, which stands beside it.

# %%
accuracy = rd.perception.empathic_accuracy(panel, judgment="perceived", truth="mood_partner")
accuracy.loc[
    accuracy["dyad"] == "sample", ["role", "n_points", "accuracy", "conf_low", "conf_high", "directional_bias"]
].round(2)

# %% [markdown]
# *Contagion* is how far the own mood follows the partner's of the occasion before.

# %%
caught = rd.perception.contagion(panel, affect="mood")
format_table(caught.loc[caught["dyad"] == "sample", ["role", "contagion", "std_error", "inertia", "p_value"]])

# %% [markdown]
# One may know how the other feels without feeling it. `dissociation` correlates the two over perceivers. Each is
# estimated from the few dozen occasions of one perceiver, and so with much error: the plain correlation is attenuated,
# and the correlation corrected for this error is uncertain. Where its note says that there is no interval, do not quote
# the estimate either.

# %%
empathy = rd.perception.dissociation(panel, judgment="perceived", affect="mood", n_boot=299, seed=9)
print(empathy.summary())

# %%
empathy.plot()
plt.show()

# %% [markdown]
# ## Similar, or only alike to everybody?
#
# Moods of the two partners over the occasions, correlated as they are, and with what all couples have in common taken
# off. Pseudo-couples, made of people who do not live together, say how much similarity there is for nothing.

# %%
alike = rd.perception.similarity(panel, ["mood"], over="occasions", n_permutations=199, seed=9)
print(alike.summary())

# %% [markdown]
# ## Doubting oneself
#
# How far apart were judgment and report, and what does trust in one's own perception do at the next occasion? Neither
# of the two knows this distance unless they talked about it. The model holds the previous trust constant; the
# partner's distance is in it as a control, and no effect of it was planted.

# %%
frame = panel.frame.copy()
frame["distance"] = (frame["perceived"] - frame["mood_partner"]).abs()
frame = frame[["dyad", "person", "role", "time", "trust", "distance"]]
doubting = rd.DyadPanel(frame, dyad="dyad", person="person", role="role", time="time").lag(["trust", "distance"])
doubt = rd.apim(doubting, outcome="trust", predictors=("distance_lag1",), covariates=("trust_lag1",))
terms = doubt.tidy()
terms = terms[terms["effect"].isin(["actor", "partner"])]
format_table(terms[["term", "level", "estimate", "conf_low", "conf_high", "p_value"]])

# %% [markdown]
# A negative actor effect (within) says that trust was lower after occasions of larger distance than is usual for this
# person. That is an order in time. It does not say that the partner brought it about, that it was intended, or that the
# trust had been justified before.
#
# ## Ambivalence
#
# The simulated couples judge moods and do not evaluate each other. The sample study asked for positive and for
# negative affect on sliders from 0 to 100, which lets us show the index; it is then ambivalence of affect, not
# ambivalence towards the partner.
#
# Griffin's index is (P + N) / 2 - |P - N|. On sliders from 0 to 100 it does not run from 0 to 100: it is -50 where one
# is at 100 and the other at 0, 0 where both are 0 or one is three times the other, and 100 where both are at 100.
# `mean` is the mean of the occasions, `of_means` the index of a person's mean P and mean N. Their difference,
# `alternation`, is large where the two come by turns rather than together; its interval is in the last two columns.

# %%
sliders = rd.load_sample().select(dyads=range(1, 31))
mixed = rd.perception.ambivalence(sliders, positive="positive_affect", negative="negative_affect")
everybody = mixed[mixed["dyad"] == "sample"]
everybody[["role", "mean", "of_means", "alternation", "conf_low", "conf_high"]].round(1)

# %%
low, high = sliders.scales["positive_affect"]
width = high - low
alone = rd.perception.ambivalence(sliders, positive="positive_affect", negative="negative_affect", by="occasion")
alone = alone["ambivalence"].dropna()
assert alone.between(-width / 2, width).all()
overall = everybody.iloc[-1]
Markdown(
    f"On this scale the index can lie between {-width / 2:.0f} and {width:.0f}. The mean is {overall['mean']:.1f}, "
    f"and {(alone < 0).mean():.0%} of occasions lie below 0: on those the stronger affect is more than three times the "
    f"weaker one, so that feelings are not mixed. The mean alternation of {overall['alternation']:.1f} points is "
    f"{overall['alternation'] / (1.5 * width):.1%} of the range."
)

# %% [markdown]
# ## The truth
#
# This time the word means what it says: the values that the generator was given.

# %%
truth = simulated.truth
found = fit.tidy().set_index(["effect", "role"])
moved = changing.tidy().query("moderator == 'time' and effect == 'directional bias'").set_index("role")
own = terms[(terms["effect"] == "actor") & (terms["level"] == "within")].set_index("role")
planted = {
    "directional bias": truth.directional_bias,
    "truth force": truth.truth_force,
    "bias force": truth.bias_force,
}
compared = [
    (effect, role, values[place], *found.loc[(effect, role), ["estimate", "conf_low", "conf_high"]])
    for effect, values in planted.items()
    for place, role in enumerate("ab")
]
for place, role in enumerate("ab"):
    compared.append(
        ("drift per occasion", role, truth.drift[place], *moved.loc[role, ["estimate", "conf_low", "conf_high"]])
    )
    compared.append(("doubt", role, 0 - truth.doubt[place], *own.loc[role, ["estimate", "conf_low", "conf_high"]]))
compared = pd.DataFrame(compared, columns=["effect", "role", "planted", "estimate", "conf_low", "conf_high"])
compared.round(3)

# %%
missed = compared[(compared["planted"] < compared["conf_low"]) | (compared["planted"] > compared["conf_high"])]
named = "; ".join(
    f"{one.effect} of {one.role}, planted {one.planted:g}, [{one.conf_low:.3f}, {one.conf_high:.3f}]"
    for one in missed.itertuples()
)
plain, corrected = empathy.tidy().set_index("term")["estimate"].loc[["correlation", "correlation without error"]]
Markdown(
    f"{len(missed)} of {len(compared)} intervals of 95 % miss the planted value"
    + (f" ({named})" if len(missed) else "")
    + f"; one in twenty is expected to, that is {len(compared) / 20:g} of {len(compared)}. A real study has no such "
    "table, and an interval that misses zero by chance would be reported as a finding.\n\n"
    f"The correlation of the two kinds of empathy over perceivers was planted as {truth.r_empathy:g}. The plain "
    f"estimate is {plain:.2f}; corrected for measurement error it is "
    + (
        f"{corrected:.2f}."
        if abs(corrected) <= 1
        else "not a correlation (beyond 1, or not estimable), and not to be quoted."
    )
)
