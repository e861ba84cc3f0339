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
# # From a file to a panel
#
# Many mistakes in the analysis of diaries are made before any model is fitted: a person who answered twice, a
# comma where a point should be, a lag that spans the night. This notebook takes a file from the
# disk to a checked `DyadPanel`, and says at each step what would have gone wrong without it.
#
# The data are the sample study that ships with reldyn: 140 simulated couples, prompted four times a day for
# 56 days. No real person answered, so we know what is true, and we may spoil the file as we like.

# %%
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

import reldyn as rd

pd.set_option("display.max_colwidth", 90)
folder = Path(tempfile.mkdtemp())

# %% [markdown]
# ## A file as it comes from the field
#
# We write the first twelve couples to disk the way an export often looks: semicolons, decimal commas, `NA` for a
# missed beep. Then we add four accidents: one beep was uploaded twice, one rating of stress arrived as 380,
# one couple lost a partner, and the clock of one phone put an answer before its beep.

# %%
sample = rd.load_sample()
assert (sample.n_dyads, sample.frame["day"].nunique(), sample.frame["beep"].nunique()) == (140, 56, 4)
rows = sample.select(dyads=range(1, 13)).frame
whole = ["warmth_given", "warmth_received", "longing", "stress", "positive_affect", "negative_affect"]
rows[whole] = rows[whole].astype("Int64")

answered = rows.index[rows["stress"].notna()]
rows.loc[answered[40], "stress"] = 380
rows.loc[answered[90], "answered"] = rows.loc[answered[90], "scheduled"] - pd.Timedelta(minutes=45)
rows = rows[~((rows["dyad"] == 12) & (rows["role"] == "male"))]
rows = pd.concat([rows, rows.loc[[answered[20]]]], ignore_index=True)

path = folder / "diary.csv"
rows.to_csv(path, sep=";", decimal=",", index=False, na_rep="NA")
print(path.read_text(encoding="utf-8")[:420])

# %% [markdown]
# `rd.read_table` reads by suffix (csv, tsv, parquet, feather, xlsx, sav, dta), finds the delimiter, sees that this
# file writes its numbers with commas, and takes blanks, `NA` and `.` for missing. Times stay text until we say
# what they are.

# %%
frame = rd.read_table(path)
for clock in ("scheduled", "answered"):
    frame[clock] = pd.to_datetime(frame[clock])
frame.shape, frame["attachment_anxiety"].head(3).tolist()

# %% [markdown]
# ## Ask before you trust
#
# `rd.check_panel` does not raise for faults in the data. It answers with a table: what was found, how grave it is, in
# which rows, and how to correct it. The roles of the columns are the only thing it has to be told; the response scales
# help it to see values that cannot be.

# %%
roles = {"dyad": "dyad", "person": "person", "role": "role", "day": "day", "beep": "beep"}
schedule = rd.Schedule(scheduled="scheduled", answered="answered")
scales = {"stress": (0, 100), "positive_affect": (0, 100), "warmth_received": (1, 7)}

findings = rd.check_panel(frame, **roles, schedule=schedule, scales=scales)
findings.loc[findings["severity"] != "note", ["severity", "code", "column", "n", "fix"]]

# %% [markdown]
# Every finding names its rows, as positions in the frame:

# %%
findings.set_index("code").loc["duplicate-occasion", ["rows", "message"]].to_list()

# %% [markdown]
# As long as an error stands, there is no panel. `DyadPanel` raises *one* `DataError` with all of them, and
# carries the same table, so that nobody mends a file one message at a time.

# %%
try:
    rd.DyadPanel(frame, **roles, schedule=schedule, scales=scales)
except rd.DataError as error:
    print(error)
    print("\nfindings carried:", len(error.findings))

# %% [markdown]
# ## Mend in the open
#
# Each repair is one visible line. Nothing is repaired silently, because a repair is a decision: the value 380
# might have been 38 or 80, so we set it to missing.

# %%
clean = rd.read_table(path)
for clock in ("scheduled", "answered"):
    clean[clock] = pd.to_datetime(clean[clock])

clean = clean.drop_duplicates(["dyad", "person", "day", "beep"])
clean.loc[clean["stress"] > 100, "stress"] = np.nan
clean = clean[clean["dyad"] != 12]
clean.loc[clean["answered"] < clean["scheduled"], "answered"] = pd.NaT

panel = rd.DyadPanel(clean, **roles, schedule=schedule, scales=scales)
panel

# %% [markdown]
# ## Who answered, and when
#
# From here on we use the whole sample. Compliance of *persons* is what papers report; for a model of two people
# the share of occasions at which *both* answered matters more, and it can never be higher
# than that of the partner who answers less.

# %%
panel = sample
compliance = panel.compliance()
compliance[compliance["level"].isin(["overall", "role"])].round(3)

# %%
rd.plot.compliance_heatmap(panel)

# %% [markdown]
# The sample has couples of several compositions. They are recognised from the roles, and a model can treat each
# by itself (the members of a female-male couple are distinguishable by gender, two women are not).

# %%
dict(panel.compositions)

# %% [markdown]
# Three couples, as they answered. Lines break where a beep was missed.

# %%
rd.plot.trajectories(panel, ["warmth_received", "positive_affect"], dyads=[2, 3, 5])

# %% [markdown]
# ## The lag that is not there
#
# *What was felt before* sounds like the row above. It is not, once missed beeps are dropped: the row above may be
# yesterday evening, or two beeps ago. `panel.lag` counts scheduled beeps within the day instead, and leaves the
# lag missing where there was no beep to look back to.

# %%
lagged = panel.lag(["stress"]).frame
right = lagged["stress_lag1"]

answered = lagged[lagged["stress"].notna()].sort_values(["person", "day", "beep"])
row_above = answered.groupby("person")["stress"].shift(1)
days_back = answered["day"] - answered.groupby("person")["day"].shift(1)
beeps_back = answered["beep"] - answered.groupby("person")["beep"].shift(1)

has_row_above = row_above.notna()
shares = pd.Series(
    {
        "row above is the previous beep of the day": ((days_back == 0) & (beeps_back == 1))[has_row_above].mean(),
        "row above skips a beep of the same day": ((days_back == 0) & (beeps_back > 1))[has_row_above].mean(),
        "row above lies on an earlier day": (days_back > 0)[has_row_above].mean(),
    },
    name="share",
)
shares.round(3).to_frame()

# %%
Markdown(
    f"{1 - shares.iloc[0]:.0%} of the naive lags are not the previous beep. Each of them enters a model of inertia or "
    "influence as if a night, or a gap, were as long as the time between two beeps."
)

# %%
same = ((days_back == 0) & (beeps_back == 1)).reindex(lagged.index, fill_value=False)
assert (row_above[same] == right[same]).all()
assert right[answered.index][~same[answered.index]].isna().all()
print("panel.lag agrees with the row above wherever that is the previous beep, and is missing elsewhere")

# %% [markdown]
# ## Within and between
#
# Do people who are more stressed on average feel worse on average? And does a given person feel worse at moments of
# more stress than usual? These are two questions, and the answers may have different slopes, or different signs.
# `within_between` splits a variable into the two parts.

# %%
parts = panel.within_between(["stress", "positive_affect"]).frame

fig, (left, right_ax) = plt.subplots(1, 2, figsize=(9, 3.8))
some = parts.dropna(subset=["stress_within", "positive_affect_within"]).iloc[::25]
left.plot(some["stress_within"], some["positive_affect_within"], ".", ms=3, alpha=0.4)
left.set(xlabel="stress, deviation from own mean", ylabel="positive affect, deviation from own mean")
left.set_title("within persons: moments")
persons = parts.groupby("person")[["stress_between", "positive_affect_between"]].first()
right_ax.plot(persons["stress_between"], persons["positive_affect_between"], ".", ms=5, alpha=0.7)
right_ax.set(xlabel="mean stress of the person", ylabel="mean positive affect of the person")
right_ax.set_title("between persons: people")
fig.tight_layout()
plt.show()

# %% [markdown]
# ## Two people in one row
#
# Actor-partner models need the partner's value in the row of one's own. Pairing by hand is another source of silent
# errors (a merge that pairs persons with themselves, or loses the occasions one partner missed).
# `actor_partner` adds both columns, by scheduled occasion; one partner's actor column is the other's partner column:

# %%
paired = panel.actor_partner(["stress"]).frame
paired.loc[paired["dyad"] == 1, ["person", "role", "day", "beep", "stress_actor", "stress_partner"]].head(6)

# %%
first, second = (paired.loc[paired["person"] == person, ["stress_actor", "stress_partner"]] for person in (11, 12))
bool(np.array_equal(first["stress_actor"], second["stress_partner"], equal_nan=True))

# %% [markdown]
# ## Keep it
#
# A panel is saved with its roles, schedule and scales, so that the next script need not know them.

# %%
panel.to_parquet(folder / "study.parquet")
again = rd.DyadPanel.from_parquet(folder / "study.parquet")
again.frame.equals(panel.frame), again.roles

# %% [markdown]
# Next: [a longitudinal actor-partner model](02_longitudinal_apim.ipynb).
