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
# # A longitudinal actor-partner model
#
# Two people live together and each has a mood. When I am stressed, I feel worse: an **actor** effect. When my
# partner is stressed, I may feel worse too: a **partner** effect. The actor-partner interdependence model
# (Kenny, Kashy and Cook, 2006) estimates both for both partners at once, and lets what is left over be correlated
# between them. With a diary it can be asked over time: at moments when she is more stressed than she usually
# is, how does he feel?
#
# We fit it to the sample study, where the answer is known because it was planted.

# %%
import matplotlib.pyplot as plt
import pandas as pd

import reldyn as rd
from reldyn.results import format_table

panel = rd.load_sample()
truth = rd.load_sample_truth().effects

# %% [markdown]
# We begin with the 120 female-male couples: role tells their members apart, so every effect may differ between
# women and men.

# %%
couples = panel.select(compositions=["female-male"])
couples.describe(["positive_affect", "stress", "warmth_received"]).round(2)

# %% [markdown]
# ## The model
#
# One call. The outcome is positive affect; stress and the warmth received are the predictors. Because the panel
# has a time axis, each predictor enters in two parts: the deviation from the person's own mean (*within*) and that
# mean (*between*). Every couple has its own intercepts, one per role, and they may be correlated. What is left at
# an occasion has its own variance per role and a correlation between partners.

# %%
fit = rd.apim(couples, outcome="positive_affect", predictors=["stress", "warmth_received"])
print(fit.summary())

# %% [markdown]
# The same as a table. A row is identified by `effect`, `variable`, `level` and `role` (whose outcome it is):

# %%
table = fit.tidy()
columns = ["effect", "variable", "level", "role", "estimate", "std_error", "conf_low", "conf_high", "p_value"]
format_table(table[columns])

# %% [markdown]
# Read one line aloud: at moments when a woman's stress is one point above her own mean, her positive affect is
# lower by the *actor, stress, within, female* estimate, with her partner's stress and both partners' warmth
# held equal. The *partner, stress, within, female* line is about the same woman at moments when **his** stress is a
# point above **his** mean.

# %%
rd.plot.path_diagram(fit)

# %% [markdown]
# ## Is it right?
#
# In a simulation we may look. The planted within effects, beside what was estimated. (Of the partner's warmth nothing
# was planted.)


# %%
def beside_truth(result, variable, planted):
    rows = result.tidy()
    rows = rows[(rows["variable"] == variable) & (rows["level"] == "within")]
    rows = rows[["effect", "role", "estimate", "std_error", "conf_low", "conf_high"]]
    rows = planted.merge(rows, on=["effect", "role"])
    return rows.assign(covered=rows["planted"].between(rows["conf_low"], rows["conf_high"]))


stress = truth[
    (truth["outcome"] == "positive_affect")
    & (truth["variable"] == "stress")
    & (truth["level"] == "within")
    & (truth["composition"] == "female-male")
]
stress = stress[["effect", "role", "estimate", "random_sd"]].rename(columns={"estimate": "planted"})
own_warmth = truth[(truth["outcome"] == "positive_affect") & (truth["variable"] == "warmth_received")]
warmth = stress[["effect", "role"]].assign(planted=(stress["effect"] == "actor") * own_warmth["estimate"].item())
beside_truth(fit, "warmth_received", warmth).round(3)

# %%
beside = beside_truth(fit, "stress", stress)
beside.round(3)

# %% [markdown]
# The intervals of warmth hold the truth, and not all of those of stress do. The model leaves out two things that were
# planted as well: effects of stress differ between couples, and mood carries over from beep to beep. Standard
# errors that take the model for true are too small where either is ignored. Random slopes take up the first, a
# residual that carries over (`residual="ar1"`) the second:

# %%
slopes = rd.apim(
    couples,
    outcome="positive_affect",
    predictors=["stress", "warmth_received"],
    random=rd.Random(("intercept", "actor:stress", "partner:stress"), covariance="diagonal"),
    residual="ar1",
)
fuller = beside_truth(slopes, "stress", stress)
fuller.round(3)

# %%
model_based = rd.apim(
    couples,
    outcome="positive_affect",
    predictors=["stress", "warmth_received"],
    estimation=rd.Estimation(inference="kenward-roger"),
)
fits = {
    "first model, taken for true": beside_truth(model_based, "stress", stress),
    "first model": beside,
    "with slopes and carry-over": fuller,
}
errors = pd.DataFrame({name: one.set_index(["effect", "role"])["std_error"] for name, one in fits.items()})
assert (errors["first model, taken for true"] < errors.drop(columns="first model, taken for true").min(axis=1)).all()
errors.round(4)

# %% [markdown]
# Taken for true, the first model promises too much: couples differ, so it is the 120 couples that count and not only
# their thousands of rows. The default of `apim` had seen to that: its cluster-robust errors count couples, and hardly
# change when slopes and carry-over are modelled. Is every interval right now?

# %%
distance = (fuller["estimate"] - fuller["planted"]) / fuller["std_error"]
missed = fuller[~fuller["covered"]]
for row in missed.itertuples():
    print(
        f"{row.effect} effect, {row.role}: planted {row.planted:.3f}, interval {row.conf_low:.3f} to "
        f"{row.conf_high:.3f}, {abs(distance[row.Index]):.1f} standard errors away"
    )
couples_alone = stress["random_sd"] / couples.n_dyads**0.5
print(f"{len(missed)} of {len(fuller)} intervals miss what was planted.")
print(f"With {len(fuller)} intervals of 95 %, at least one misses in {1 - 0.95 ** len(fuller):.0%} of all studies.")
print(f"The mean effect of {couples.n_dyads} drawn couples has itself a standard error of {couples_alone.max():.4f}.")

# %% [markdown]
# A better model does not make every interval right: one interval in twenty of a *correct* model misses, and a study
# reports many. What is planted is the mean of a population of couples; these couples were drawn from it. From
# one study alone nobody could tell such a miss from a fault of the model. The remedy is another study, not another
# model that happens to cover.
#
# How much couples differ is in the random-effect covariance. (The planted standard deviations are in the column
# `random_sd` above.)

# %%
spread = slopes.covariance("random")
pd.Series({name: spread.loc[name, name] ** 0.5 for name in spread.index}, name="SD over couples").round(3).to_frame()

# %% [markdown]
# ## What centring is for
#
# Without centring the within and the between effect are forced to be one number: a blend of the answers to two
# questions. With many moments per person the blend is nearly the within effect, and the between effect is drowned;
# with few moments it is some mixture of both, and nobody chose the proportions.

# %%
raw = rd.apim(couples, outcome="positive_affect", predictors=["stress"], centering="none")
parts = rd.apim(couples, outcome="positive_affect", predictors=["stress"])


def stress_slopes(result, label):
    rows = result.tidy()
    rows = rows[rows["variable"] == "stress"]
    return rows.assign(model=label)[["model", "effect", "role", "level", "estimate", "conf_low", "conf_high"]]


compared = pd.concat([stress_slopes(raw, "raw"), stress_slopes(parts, "within-between")])
compared.sort_values(["effect", "role", "model", "level"]).round(3)

# %%
women = compared[(compared["effect"] == "actor") & (compared["role"] == "female")].reset_index(drop=True)
fig, ax = plt.subplots(figsize=(6, 2.2))
ax.errorbar(
    women["estimate"],
    women.index,
    xerr=[women["estimate"] - women["conf_low"], women["conf_high"] - women["estimate"]],
    fmt="o",
)
ax.margins(y=0.25)
ax.set_yticks(women.index, (women["model"] + " " + women["level"]).str.strip())
ax.set_xlabel("actor effect of stress, women (95 % interval)")
ax.invert_yaxis()
fig.tight_layout()
plt.show()

# %% [markdown]
# ## Over time: stability and influence
#
# With the outcome's own lag as a predictor, the actor effect says how much of a mood is left at the next beep
# (stability), and the partner effect whether one partner's mood goes before the other's (influence). The lag counts
# scheduled beeps and never crosses a night. Only its within part enters: the mean of a lag is the mean of the outcome
# itself, the partner's as well as the own, and would explain differences between persons by themselves.

# %%
over_time = rd.apim(
    couples.lag(["positive_affect"]),
    outcome="positive_affect",
    predictors=["positive_affect_lag1"],
)
over_time.tidy().query("level == 'within'")[columns].round(3)

# %% [markdown]
# The warning is meant: a person mean contains the outcome itself, so the stability of a centred lag comes out too
# small in short series. It says how much; with some hundred beeps it hardly matters, and below ten usable occasions no
# p-value is given. Without a lagged predictor no mean has to be subtracted: residuals that carry over estimate the
# same. A row is whose mood follows, a column whose mood went before.

# %%
carried = rd.apim(couples, outcome="positive_affect", predictors=(), residual="var1")
carried.residual_process["transition"].round(3)

# %% [markdown]
# A partner effect of a lag is sometimes called influence. It says that his earlier mood helps to predict hers, given
# her own earlier mood: no more. A third thing that moves him first and her later looks just the same.
#
# ## Are women and men different?
#
# `rd.shared` makes one coefficient common to both roles. Fitted by maximum likelihood, the model with shared
# effects is nested in the one without, and the two can be compared:

# %%
ml = rd.Estimation(method="ml")
separate = rd.apim(couples, outcome="positive_affect", predictors=["stress"], estimation=ml)
shared = rd.apim(couples, outcome="positive_affect", predictors=[rd.shared("stress")], estimation=ml)
rd.compare(shared, separate).tidy().round(4)

# %% [markdown]
# In these data they are: women's effects were planted larger. A large p-value would not have shown that roles are
# alike, only that these data do not tell them apart.
#
# ## All compositions at once
#
# The whole sample has same-sex couples too. By composition, each kind of couple has effects of its own; where two
# members have the same role, nothing tells them apart and they share their effects.

# %%
everyone = rd.apim(panel, outcome="positive_affect", predictors=["stress"])
rows = everyone.tidy()
rows[(rows["level"] == "within")][["composition", "effect", "role", "estimate", "conf_low", "conf_high"]].round(3)

# %% [markdown]
# Ten couples give wide intervals. That is the honest answer, not a fault of the model.
#
# ## Keep it, and say what was done
#
# A result is saved as JSON: numbers and names, nothing that runs. `summary()` names the estimator, the random
# effects, the residual and the inference, which is what a methods section needs.

# %%
import tempfile
from pathlib import Path

path = Path(tempfile.mkdtemp()) / "stress.json"
fit.to_json(path)
pd.testing.assert_frame_equal(rd.from_json(path).tidy(), fit.tidy())
fit.glance().T
