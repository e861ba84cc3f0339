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
# # A complete study
#
# From the file that a survey platform hands out to the sentences of a results section: import, alignment, findings,
# models, cycles, report. The question is one a couple's researcher might ask: is warmth from the partner followed by
# better feelings at that moment, and does it come and go in phases?
#
# Eight couples of the sample study took part. They are simulated, so the truth is known. It is revealed at the end.

# %%
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from IPython.display import Markdown

import reldyn as rd
from reldyn.results import format_table

os.environ["TQDM_DISABLE"] = "1"  # no progress bars on this page
pd.set_option("display.max_colwidth", 100)
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## The export
#
# We write what m-Path would have exported: one row per prompt, stamps in seconds, 0 where nothing happened, one trial
# prompt per phone, an alias that does not belong into an analysis. Each phone rang at a moment of its own, up to ten
# minutes after the other's. Who is whose partner stands in a second table, because no export says it.

# %%
rows = rd.load_sample().select(dyads=range(7, 15)).frame
draws = np.random.default_rng(11)
phone = {person: 600_000 + 7 * place for place, person in enumerate(sorted(rows["person"].unique()))}


def seconds(moments):
    return ((moments - pd.Timestamp(0)) // pd.Timedelta(seconds=1)).fillna(0).astype(int)


rings = rows["scheduled"] + pd.to_timedelta(draws.integers(0, 600, len(rows)), unit="s")
begins = rings + (rows["answered"] - rows["scheduled"])
export = pd.DataFrame(
    {
        "connectionId": rows["person"].map(phone),
        "alias": "couple " + rows["dyad"].astype(str),
        "scheduledBeepId": np.arange(1, len(rows) + 1),
        "timeStampScheduled": seconds(rings),
        "timeStampSent": seconds(rings),
        "timeStampStart": seconds(begins),
        "timeStampStop": seconds(begins + pd.Timedelta(seconds=50)),
        "warmth_received_slider_likert": rows["warmth_received"],
        "longing_slider_likert": rows["longing"],
        "positive_affect_slider": rows["positive_affect"],
    }
)
trial = (
    export.groupby("connectionId")
    .head(1)
    .assign(scheduledBeepId=-1, timeStampScheduled=lambda one: one["timeStampScheduled"] - 86_400)
)
export = pd.concat([trial, export]).sort_values(["connectionId", "timeStampScheduled"])
export.to_csv(folder / "basic.csv", sep=";", index=False)

couples = rows[["dyad", "person", "role"]].drop_duplicates()
couples.assign(person=couples["person"].map(phone)).to_csv(folder / "couples.csv", index=False)
print((folder / "basic.csv").read_text(encoding="utf-8")[:560])

# %% [markdown]
# ## Import
#
# On the command line this is `reldyn import m-path basic.csv --dyads couples.csv --output diary.csv`. What was dropped,
# recoded and left out is counted, in one warning and in the frame's attributes:

# %%
with warnings.catch_warnings(record=True) as said:
    warnings.simplefilter("always")
    diary = rd.study.read_export(folder / "basic.csv", preset="m-path", dyads=folder / "couples.csv")
diary.to_csv(folder / "diary.csv", index=False)
print(str(said[0].message).partition("basic.csv: ")[2])
diary.head(3)

# %% [markdown]
# ## Alignment
#
# Partners are compared at the same prompt, and there is no column that says which prompt a row belongs to. Looking for
# equal stamps finds next to none:

# %%
one, other = (part.set_index("dyad")["scheduled"] for _, part in diary.groupby("role"))
shared = [len(set(one[dyad]) & set(other[dyad])) / len(one[dyad]) for dyad in one.index.unique()]
print(f"{np.mean(shared):.1%} of the stamps are those of the partner, too")

aligned = rd.align(diary, dyad="dyad", person="person", stamp="scheduled")
print(aligned)

# %%
aligned.prompts

# %% [markdown]
# The hours are those of the schedule (10, 14, 18 and 22 o'clock, up to 40 minutes around them), and every row found its
# partner's.
#
# ## Findings
#
# What would a careful reader ask about these rows?

# %%
panel = aligned.panel(role="role", scales={"warmth_received": (1, 7), "longing": (1, 7), "positive_affect": (0, 100)})
for found in panel.findings.itertuples():
    print(f"{found.severity} {found.code}: {found.message}")

# %%
rd.plot.compliance_heatmap(panel, variables=["warmth_received"])

# %% [markdown]
# Couples began on different days, which is no fault. Nothing has to be mended. About a fifth of the prompts was missed,
# and both partners answered somewhat less than two thirds of them. Stretches of the same answers to all items, longer
# than a person's habits explain, would be left out of the analysis of cycles:

# %%
stretches = panel.careless(["warmth_received", "longing", "positive_affect"])
print(f"{len(stretches)} stretches of equal answers, {int(stretches['masked'].sum())} of them careless")

# %% [markdown]
# ## The study, in one file
#
# The analyses are written down before they are run. `reldyn new` writes a file to begin with; this is ours. It begins
# with the alignment, so that the file leads from the imported rows to the report without a step by hand.

# %%
study = """
[data]
path = "diary.csv"

[columns]
dyad = "dyad"
person = "person"
role = "role"
day = "day"
beep = "beep"

[scales]
warmth_received = [1, 7]
longing = [1, 7]
positive_affect = [0, 100]

[[prepare]]
step = "align"
stamp = "scheduled"

[analyses.affect]
verb = "affect_dynamics"
variables = ["positive_affect"]

[analyses.warmth]
verb = "apim"
outcome = "positive_affect"
predictors = ["warmth_received"]
residual = "ar1"

[analyses.cycles]
verb = "detect_cycles"
warmth = "warmth_received"
response = "longing"
n_surrogates = 99    # 999 for a paper

[report]
title = "Warmth and positive affect in eight couples"
anonymise = false    # simulated couples: nobody to protect
"""
(folder / "study.toml").write_text(study, encoding="utf-8")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # the notes are in the report
    run = rd.run_study(folder / "study.toml")
run.flow

# %% [markdown]
# ## Actor and partner effects

# %%
warmth = run.results["warmth"]
format_table(warmth.tidy()[["term", "estimate", "std_error", "df", "p_value", "conf_low", "conf_high"]])

# %%
warmth.plot()

# %% [markdown]
# The right half compares persons: does whoever receives more warmth on average feel better on average? Eight couples
# cannot tell; the intervals say so. The left half rests on moments, of which there are thousands.
#
# ## Cycles

# %%
cycles = run.results["cycles"]
verdicts = cycles.verdicts()
verdicts[["dyad", "giver", "verdict", "n_occasions", "n_cycles", "reason"]].round({"n_cycles": 0})

# %%
cycles.plot()

# %% [markdown]
# The warmth of one couple, phase by phase. The title says what the tests made of it.

# %%
found = verdicts.loc[verdicts["verdict"] == "supported", "dyad"]
rd.plot.phase_ribbon(cycles, dyad=found.iloc[0] if len(found) else verdicts["dyad"].iloc[0])

# %% [markdown]
# ## Report, and running again
#
# The run wrote one HTML file that opens anywhere, and every table beside it:

# %%
for path in sorted(run.output.rglob("*")):
    if path.is_file():
        print(f"{path.relative_to(run.output).as_posix():<32}{path.stat().st_size / 1024:>8.0f} KB")

# %% [markdown]
# What is unchanged is kept when the study is run again. After a change of one analysis, only that one is computed:

# %%
(folder / "study.toml").write_text(study.replace('residual = "ar1"', 'residual = "unstructured"'), encoding="utf-8")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    again = rd.run_study(folder / "study.toml")
print("kept:", ", ".join(again.kept))

# %% [markdown]
# ## A results section
#
# Every number of these sentences comes from the results above. The methods paragraph of the report is there to be
# taken over in the same way.

# %%
affect = run.results["affect"].tidy()
overall = panel.compliance(["warmth_received"]).iloc[0]
share = cycles.sample().set_index("term").loc["prevalence"]


def effect(name, role):
    row = warmth.tidy().query(f"effect == '{name}' and level == 'within' and role == '{role}'").iloc[0]
    p_value = f"= {row['p_value']:.3f}".replace("0.", ".") if row["p_value"] >= 0.001 else "< .001"
    text = f"*b* = {row['estimate']:.2f}, 95 % CI [{row['conf_low']:.2f}, {row['conf_high']:.2f}], *p* {p_value}"
    return text.replace("-", "\N{MINUS SIGN}")


def counted(verdict):
    return int((verdicts["verdict"] == verdict).sum())


Markdown(
    f"{panel.n_dyads} couples ({panel.n_persons} persons) answered {overall['share']:.0%} of "
    f"{overall['expected']:,.0f} prompts; both partners answered {overall['both_share']:.0%}. Positive affect "
    f"(0 to 100) was {affect['mean'].mean():.1f} on average over persons, with a mean inertia of "
    f"{affect['inertia'].mean():.2f}.\n\n"
    "In an actor-partner interdependence model with first-order autoregressive residuals, positive affect was higher "
    f"at moments of more warmth received than usual, in women ({effect('actor', 'female')}) and in men "
    f"({effect('actor', 'male')}). The warmth that the partner received at that moment did not add to it "
    f"(women: {effect('partner', 'female')}; men: {effect('partner', 'male')}).\n\n"
    f"Of {len(verdicts)} directions (who gives warmth to whom), {counted('supported')} showed phases of warmth at "
    f"irregular times after adjustment over directions and {counted('rhythm')} a rhythm; {counted('not supported')} "
    f"showed neither, and for {counted('not decidable')} these data could not decide it. The share "
    f"of directions with intermittent warmth was estimated at {share['estimate']:.2f}, 95 % CI "
    f"[{share['conf_low']:.2f}, {share['conf_high']:.2f}]. Verdicts describe series of answers, "
    "not persons or relationships."
)

# %% [markdown]
# ## The truth
#
# Planted were 3 points of positive affect per point of warmth received, nothing for the warmth that the partner
# received, and these kinds of warmth (`cycle` and `alternation` are intermittent):

# %%
truth = rd.load_sample_truth().couples
people = rows[["dyad", "person", "role"]].drop_duplicates()
planted = people.merge(truth, left_on=["dyad", "person"], right_on=["dyad", "giver"])[
    ["dyad", "role", "kind", "effect"]
]
compared = verdicts.merge(planted, left_on=["dyad", "giver"], right_on=["dyad", "role"], validate="one_to_one")
assert len(compared) == len(verdicts)
pd.crosstab(compared["kind"], compared["verdict"])

# %%
within = warmth.tidy().query("level == 'within'")
covered = within["effect"].map({"actor": 3.0, "partner": 0.0}).between(within["conf_low"], within["conf_high"])
intermittent = compared["kind"].isin(["cycle", "alternation"])
right = int((intermittent & (compared["verdict"] == "supported")).sum())
wrong = int((~intermittent & (compared["verdict"] == "supported")).sum())
Markdown(
    f"{covered.sum()} of {len(covered)} intervals hold the planted effect. Of {intermittent.sum()} directions with "
    f"planted cycles {right} were called supported, of {(~intermittent).sum()} without {wrong}. Eight couples are "
    "enough to learn the way, not for a paper: with so few, standard errors themselves are uncertain, and the share of "
    "directions is known to within a large interval."
)
