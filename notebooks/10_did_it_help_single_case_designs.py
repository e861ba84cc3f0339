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
# # Did it help? Single-case designs
#
# A couple begins a regular check-in and goes on answering once a day. Did closeness change, by how much, and could a
# series of this length have shown it? A change after a start is a change, not an effect: the season, a holiday or a
# row that is over may have begun the same week. Only where chance chose the start can the start be given the credit.
#
# The couples are simulated, so the truth is known. It is revealed at the end.

# %%
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import seaborn as sns
from IPython.display import Markdown
from scipy import stats

import reldyn as rd
from reldyn.results import format_table

iv = rd.intervention
pd.set_option("display.width", 160)
pd.set_option("display.max_columns", 20)
closeness = {"outcome": "closeness", "phase": "phase"}

# %% [markdown]
# ## One couple
#
# Eight weeks. The first day of the check-ins was drawn by lot from the days 15 to 42:

# %%
possible = np.arange(15, 43)
start = int(np.random.default_rng(3).choice(possible))
one = rd.simulate.intervention(n_dyads=1, n_before=start - 1, level=(1.5, 0.3), check_ins=(2,), seed=10)
couple = one.panel
start


# %% [markdown]
# Look first. The grey dashed line is the start, the black lines are the means of the phases.


# %%
def draw(frame, start):
    """Draw both partners' days one above the other, with the start and the means of the phases."""
    figure, axes = plt.subplots(2, 1, figsize=(7.5, 4), sharex=True, sharey=True)
    for ax, (role, rows), colour in zip(axes, frame.groupby("role"), sns.color_palette("colorblind"), strict=False):
        ax.plot(rows["day"], rows["closeness"], marker="o", markersize=3, linewidth=0.8, color=colour)
        for _, phase in rows.groupby("phase"):
            ax.hlines(phase["closeness"].mean(), phase["day"].min(), phase["day"].max(), color="black")
        ax.axvline(start - 0.5, color="grey", linestyle="--")
        ax.set(ylabel="closeness", title=f"partner {role}")
    axes[-1].set_xlabel("day")
    sns.despine(figure)
    figure.tight_layout()


draw(couple.frame, start)

# %% [markdown]
# ## Describe
#
# `nap` is the share of pairs of days, one of each phase, in which the later one is higher: .5 is no difference.
# `tau_bc` takes the trend of the baseline off first: 0 is no difference. `pnd`, the share of later days above the
# highest day of the baseline, depends on that one day. All three are descriptions: their intervals treat days as
# independent and are therefore too narrow. `nap` and `tau_bc` can point in opposite directions, because `tau_bc`
# extends the line of the baseline over all the weeks that follow, and a few days more or less in the baseline change
# that line.

# %%
overlap = iv.overlap(couple, **closeness, indices=["nap", "tau_bc", "pnd"])
overlap[["role", "index", "estimate", "conf_low", "conf_high", "n_before", "n_after"]].round(2)

# %%
wide = overlap.pivot(index="role", columns="index", values="estimate")
opposed = wide.index[(wide["nap"] - 0.5) * wide["tau_bc"] < 0].tolist()
Markdown(
    f"Here they point in opposite directions for partner {' and '.join(opposed)}: describing the same days, one index "
    "shows a rise and the other a fall."
    if opposed
    else "Here they point in the same direction for both partners."
)

# %%
sizes = iv.effect_size(couple, **closeness, sizes=["smd", "smd_pooled"])
sizes[["role", "size", "estimate", "conf_low", "conf_high", "baseline_sd"]].round(2)

# %% [markdown]
# ## Why a t-test misleads
#
# Today resembles yesterday. Twenty-eight days then hold the information of fewer independent ones, and a test that
# treats them as independent rejects too often. Sixty couples in whom nothing changes, autocorrelation .5:

# %%
nothing = rd.simulate.intervention(n_dyads=60, phi=0.5, seed=11).panel


def welch(rows):
    before, after = (rows.loc[rows["phase"] == name, "closeness"] for name in ("baseline", "check-ins"))
    return stats.ttest_ind(before, after, equal_var=False).pvalue


t_test = pd.Series([welch(rows) for _, rows in nothing.frame.groupby("person")])
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    null_fit = iv.interrupted_series(nothing, **closeness, change="level", n_boot=199, seed=11)
print(caught[0].message)
ar1 = null_fit.tidy().query("effect == 'level change'")["p_value"]
shares = pd.Series({"t-test": (t_test < 0.05).mean(), "interrupted series, AR(1)": (ar1 < 0.05).mean()})
shares.rename(f"share of {len(t_test)} series with p < .05").round(3).to_frame()

# %% [markdown]
# The level is .05; with as many series as here a share can differ from its long-run rate by about .04 either way (two
# standard errors at .05), and partners' series are correlated. Over 2000 series of 28 and 28 days per row
# (`tools/results/intervention_checks.json`; level and slope, bootstrap, continuous answers):
#
# | autocorrelation | t-test | change of level | change of slope |
# |---|---|---|---|
# | .3 | .1410 | .0435 | .0465 |
# | .5 | .2395 | .0490 | .0455 |
# | .7 | .4025 | .0600 | .0445 |
#
# ## Interrupted series
#
# A line before, a line after, errors with a first-order autocorrelation. Both partners side by side:

# %%
fit = iv.interrupted_series(couple, **closeness, seed=10)
table = fit.tidy()
format_table(table[["role", "effect", "estimate", "std_error", "p_value", "conf_low", "conf_high"]])

# %% [markdown]
# How large must a change be to be found? `detectable` is the change of level that a series of this length, noise and
# autocorrelation shows with a power of .80. Where it is large, a result that is not significant does not say that
# nothing changed. Lines with slopes of their own leave the level at the start uncertain, which makes it large.

# %%
seen = ["role", "n_before", "n_after", "phi", "phi_identified", "n_effective", "sigma", "detectable"]
fit.models[seen].round(2)

# %% [markdown]
# If it is known beforehand that neither phase has a trend, the level alone can be asked for, and smaller changes can be
# found. Decide this before looking at the data: where a trend was there all along, this model reports it as a change.

# %%
level = iv.interrupted_series(couple, **closeness, change="level", seed=10)
changed = level.tidy().query("effect == 'level change'")
smaller = level.models.set_index("role")["detectable"] < fit.models.set_index("role")["detectable"]
assert smaller.all()  # said above
told = changed[["role", "estimate", "p_value", "conf_low", "conf_high"]].merge(level.models[["role", "detectable"]])
format_table(told)

# %% [markdown]
# ## Larger than error?
#
# The reliable change index, with the error that means of autocorrelated days have. `critical_change` is the smallest
# difference of means that counts in this series.

# %%
reliable = iv.reliable_change(couple, **closeness, seed=10)
reliable[
    ["role", "mean_before", "mean_after", "n_effective_before", "change", "critical_change", "index", "reliable"]
].round(2)

# %% [markdown]
# ## Let chance choose
#
# The start was drawn, so there is a test without any model: the difference of means at the true start, among those at
# all starts that could have been drawn. With k possible starts **p cannot fall below 1/k**, however large the change
# (`smallest_p`): here 1/28. With 10 possible starts no result could be below .10; count this before the study. And one
# couple with one start gives little information: neighbouring starts give nearly the same difference of means, so that
# this test can miss a change that the model of the level finds.

# %%
drawn = iv.randomization_test(couple, **closeness, design="start-point", starts=possible)
assert drawn["smallest_p"].sub(1 / len(possible)).abs().max() < 1e-12  # said above
drawn[["role", "statistic", "p_value", "n_assignments", "smallest_p"]].round(3)

# %%
of_model = changed.set_index("role")["p_value"]
by_lot = drawn.set_index("role")["p_value"]
Markdown(
    "; ".join(
        f"partner {role}: model p = {of_model[role]:.3f}, by lot p = {by_lot[role]:.3f}" for role in of_model.index
    )
    + f"; mean of both partners by lot: p = {by_lot['both']:.3f}. "
    + (
        "No p-value by lot is below .05: from the lot alone, this couple's study cannot show a change."
        if (by_lot >= 0.05).all()
        else "At least one p-value by lot is below .05."
    )
)

# %% [markdown]
# ## Eight couples, eight starts
#
# A multiple baseline: fixed starts, four days apart, and a lot decides which couple gets which. Something that happens
# to all couples in the same week falls into the baseline of some and the check-in phase of others, and the lot decides
# whose.

# %%
lots = np.random.default_rng(5).permutation(np.arange(14, 43, 4))
response = (0.0, 0.0, 0.8, 0.4, 0.0)
eight = rd.simulate.intervention(
    n_dyads=8, n_before=lots.tolist(), level=(1.0, 0.4), spread=0.3, check_ins=(2,), response=response, seed=12
)
study = eight.panel
pd.Series(lots + 1, index=pd.RangeIndex(1, 9, name="dyad"), name="start").to_frame().T

# %%
grid = sns.relplot(
    data=study.frame, x="day", y="closeness", hue="role", col="dyad", col_wrap=4, kind="line", height=1.7,
    aspect=1.3, linewidth=0.9, palette="colorblind",
)  # fmt: skip
for ax, before in zip(grid.axes.flat, lots, strict=True):
    ax.axvline(before + 0.5, color="grey", linestyle="--")
    ax.label_outer()

# %%
common = iv.multiple_baseline(study, **closeness)
for note in common.tidy()["note"].unique():
    print(f"note: {note}")
format_table(common.tidy()[["role", "effect", "estimate", "std_error", "p_value", "conf_low", "conf_high"]])

# %% [markdown]
# Eight couples say little about how much couples differ: where a note says that a variance is estimated as zero, this
# is no evidence that couples do not differ. `both` is the mean of the partners, `difference` the first minus the
# second; if one partner's change is significant and the other's is not, this alone is no evidence that they differ.
# Now the test by the lot alone, among 8! orders. Because the lot decided, a difference that it finds can be attributed
# to the start, and to whatever began with it.

# %%
order = iv.randomization_test(study, **closeness, design="wampold-worsham")
order[["role", "statistic", "p_value", "n_assignments", "smallest_p", "exact"]].round(5)

# %% [markdown]
# ## Around a check-in
#
# Another question: how does closeness run from two days before to two days after a check-in, against days further away
# in the same phase? A difference on the days before cannot be a consequence of the check-in. Days of check-ins were
# not drawn by lot here (they are all the same weekday), so this is a course around them and no more. Couples with
# fewer than three check-ins get no estimate.

# %%
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    around = iv.event_response(study, event="check_in", outcome="closeness", phase="phase", n_boot=199, seed=12)
print(caught[0].message)
print(around.models.loc[around.models["note"] != "", ["dyad", "role", "n_events", "note"]])
course = around.tidy().query("dyad == 'sample'")
format_table(course[["role", "lag", "estimate", "conf_low", "conf_high", "p_value", "note"]])

# %%
fig, ax = plt.subplots(figsize=(6, 3))
for shift, (role, rows) in zip((-0.08, 0.08), course.groupby("role"), strict=True):
    limits = [rows["estimate"] - rows["conf_low"], rows["conf_high"] - rows["estimate"]]
    ax.errorbar(rows["lag"].astype(float) + shift, rows["estimate"], yerr=limits, fmt="o-", label=f"partner {role}")
ax.axhline(0, color="grey", linewidth=0.8)
ax.set(xlabel="days from the check-in", ylabel="closeness", xticks=range(-2, 3))
ax.legend(frameon=False)
plt.show()

# %% [markdown]
# ## The truth
#
# The one couple: neither partner's slope changed, and the levels changed by these amounts, in SD of a person's days
# (which is 1 here).

# %%
shown = ["role", "estimate", "conf_low", "conf_high", "p_value"]
planted = pd.DataFrame({"role": ["a", "b"], "planted": one.truth.level})
single = planted.merge(changed[shown]).merge(level.models[["role", "detectable"]])
single.round(2)

# %%
Markdown(
    " ".join(
        f"Partner {row.role}: {row.planted:g} planted, "
        + ("more" if row.planted > row.detectable else "less")
        + f" than is found with a power of .80 ({row.detectable:.2f}); p = {row.p_value:.3f}, and the interval "
        + ("contains" if row.conf_low <= row.planted <= row.conf_high else "misses")
        + " the planted change."
        for row in single.itertuples()
    )
)

# %% [markdown]
# The eight couples. On top of the change of level came a response to each check-in, on its day and on the day after; a
# model of the phases alone has the mean of it over a week in its level. How much the change differs between couples was
# planted too, as an SD.

# %%
weekly = sum(eight.truth.response) / 7
found = common.tidy().query("effect == 'level change'")
planted = pd.DataFrame({"role": ["a", "b"], "level": eight.truth.level})
planted["with response"] = planted["level"] + weekly
several = planted.merge(found[shown])
several.round(2)

# %%
gaps = ", ".join(f"{gap:+.2f}" for gap in several["estimate"] - several["with response"])
covered = several["with response"].between(several["conf_low"], several["conf_high"])
Markdown(
    f"The response adds {weekly:.2f} a day. {int(covered.sum())} of {len(covered)} intervals contain the level with "
    f"the response; the estimates lie {gaps} "
    f"from it. The change was planted to differ between couples by an SD of {eight.truth.spread:g}; the notes above "
    "say whether the model found a difference between couples at all."
)

# %%
lags = pd.DataFrame({"lag": range(-2, 3), "planted": eight.truth.response})
lags.merge(course[["role", "lag", "estimate", "conf_low", "conf_high"]]).round(2)
