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
# # Moderation, mediation, common fate
#
# Three extensions of the actor-partner model. For whom is an effect larger (moderation)? By which way may it come
# about (mediation)? And is it about two persons at all, or about something they share (common fate)?
#
# The couples are simulated, with everything known.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from IPython.display import Markdown

import reldyn as rd
from reldyn.results import format_table

ap = rd.actor_partner
pd.set_option("display.width", 150)
pd.set_option("display.max_columns", 20)

generator = np.random.default_rng(11)
n = 200
stress = generator.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], size=n)
neuroticism = generator.multivariate_normal([0, 0], [[1, 0.1], [0.1, 1]], size=n)
noise = generator.multivariate_normal([0, 0], [[1, 0.3], [0.3, 1]], size=n)
rumination = 0.45 * stress + 0.2 * stress[:, ::-1] + 0.8 * noise
rest = generator.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], size=n)
conflict = 0.2 * stress + 0.35 * rumination + 0.15 * rumination[:, ::-1] + 0.25 * stress * neuroticism + 0.8 * rest
# Something the couple shares, seen by both through their own eyes.
home = generator.normal(size=(n, 1))
noise_of_home = home + 0.7 * generator.normal(size=(n, 2))
tension = 0.6 * home + 0.6 * generator.normal(size=(n, 1)) + 0.7 * generator.normal(size=(n, 2))

rows = pd.DataFrame({"couple": np.repeat(np.arange(n), 2), "role": np.tile(["woman", "man"], n)})
columns = (
    ("stress", stress),
    ("neuroticism", neuroticism),
    ("rumination", rumination),
    ("conflict", conflict),
    ("noise", noise_of_home),
    ("tension", tension),
)
for name, values in columns:
    rows[name] = values.ravel()
panel = rd.DyadPanel(rows, dyad="couple", person="role", role="role")
panel

# %% [markdown]
# ## For whom? Moderation by the own neuroticism
#
# The moderator enters with its main effect and with its product with every actor and partner effect.

# %%
moderated = rd.apim(
    panel, outcome="conflict", predictors=["stress"], moderators={"neuroticism": "actor"}, roles="exchangeable"
)
format_table(moderated.tidy()[["term", "estimate", "std_error", "p_value"]])

# %% [markdown]
# A product is hard to read. Simple slopes give the effect at chosen values of the moderator; the shaded part of the
# figure is the region in which the 95 % interval leaves zero out (Johnson and Neyman).

# %%
slopes = ap.simple_slopes(moderated)
format_table(slopes.tidy()[["term", "estimate", "conf_low", "conf_high", "p_value"]])

# %%
slopes.plot()
plt.show()

# %% [markdown]
# ## By which way? Mediation by rumination
#
# Each partner's stress may be related to each partner's conflict through both partners' rumination: four simple
# indirect effects per outcome. Products of estimates are not normal, so intervals come from resampled couples. That
# rumination lies on the way is an assumption (true of these simulated data); no model of one occasion can show it.

# %%
mediation = ap.mediation(
    panel, outcome="conflict", predictor="stress", mediator="rumination", roles="exchangeable", n_boot=2000, seed=1
)
print(mediation.summary())

# %%
mediation.plot()
plt.show()

# %% [markdown]
# ## Does it matter that partners are alike? The response surface
#
# A congruence effect would mean that conflict depends on how far apart the two are. It must pass four conditions,
# not one; the first that fails is named.

# %%
surface = ap.response_surface(panel, outcome="conflict", predictor="stress", roles="exchangeable")
surface.plot()
plt.show()
surface.verdicts

# %% [markdown]
# ## Is it the couple? Common fate
#
# Noise at home is one thing, reported by two people. The common fate model puts a couple-level variable behind both
# reports and asks how those go together. It is fitted only where partners agree enough.

# %%
fate = ap.common_fate(panel, outcome="tension", predictor="noise")
print(fate.summary())

# %%
fate.plot()
plt.show()

# %% [markdown]
# Neuroticism is another matter: partners were simulated with a correlation of .1 in it, and the model is refused.

# %%
try:
    ap.common_fate(panel, outcome="tension", predictor="neuroticism")
except rd.DesignError as refusal:
    print(refusal)
else:
    raise AssertionError("the text says that this model is refused")

# %% [markdown]
# ## Or does one partner's conflict feed the other's? Mutual influence
#
# This model lets each partner's conflict depend on the other's at the same time. What identifies it is a strong
# assumption: that a person's stress is related to the partner's conflict only through the person's own conflict. Here
# the assumption is false: conflict was simulated without any such feedback, and one path from stress to the partner's
# conflict leads through rumination.

# %%
mutual = ap.mutual_influence(panel, outcome="conflict", predictor="stress", roles="exchangeable")
print(mutual.summary())

# %%
influence = mutual.tidy().set_index("term").loc["influence"]
fit_p = mutual.glance()["p_value"].item()
text = (
    f"No influence was simulated; the estimate is {influence['estimate']:.2f} "
    f"[{influence['conf_low']:.2f}, {influence['conf_high']:.2f}], and the test of fit has p = {fit_p:.2f}. "
)
if influence["conf_low"] > 0 and fit_p > 0.05:
    text += "A good fit and a significant influence do not show that the assumption holds."
Markdown(text)

# %% [markdown]
# ## Into the paper
#
# Every result is a table in HTML or LaTeX, and `maketables.ETable([...])` reads several side by side.

# %%
print(mediation.to_table("latex")[:400])
