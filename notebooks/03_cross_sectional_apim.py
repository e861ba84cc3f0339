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
# # The cross-sectional actor-partner model
#
# One questionnaire, both partners: does a person's satisfaction go with the own stress (actor effect), with the
# partner's (partner effect), or with both? This notebook goes through the questions in the order of a methods
# course: are partners alike, do roles matter, how large are the effects, and which dyadic pattern do they form.
#
# The 148 couples are simulated, so we know the truth: actor effects of -.40 (women) and -.30 (men), a partner
# effect of -.20 for both, intercepts of 5.0 and 5.1, partners' residuals correlated .40.

# %%
import matplotlib.pyplot as plt
import pandas as pd
from IPython.display import Markdown

import reldyn as rd

ap = rd.actor_partner
pd.set_option("display.width", 140)
pd.set_option("display.max_columns", 20)

simulated = rd.simulate.apim(
    n_dyads=148, actor=(-0.4, -0.3), partner=-0.2, intercept=(5.0, 5.1), r_predictors=0.3, r_residuals=0.4, seed=2026
)
rows = simulated.panel.frame.rename(columns={"x": "stress", "y": "satisfaction"})
rows["role"] = rows["role"].map({"a": "woman", "b": "man"}).astype(pd.CategoricalDtype(["woman", "man"]))
panel = rd.DyadPanel(rows, dyad="dyad", person="person", role="role")
panel

# %% [markdown]
# ## Are partners alike?
#
# If partners' scores go together, their two rows are not two independent observations, and a regression that
# treats them so has wrong standard errors. Three forms of the same question; the Pearson correlation uses the
# roles, the other two do not need any.

# %%
ap.nonindependence(panel, ["stress", "satisfaction"]).tidy()[
    ["variable", "method", "estimate", "p_value", "conf_low", "conf_high"]
].round(3)

# %% [markdown]
# ## The model
#
# Each role has its own intercept, actor effect and partner effect; partners' residuals may go together.

# %%
fit = rd.apim(panel, outcome="satisfaction", predictors=["stress"])
print(fit.summary())

# %%
fit.plot()
plt.show()

# %% [markdown]
# ## Do women and men differ?
#
# First in the regression (intercept, actor, partner, residual variance: 4 degrees of freedom), then in all means,
# variances and covariances, the predictor's included (6 degrees of freedom).

# %%
model = {"outcome": "satisfaction", "predictors": ["stress"]}
differ = rd.distinguishability(panel, **model)
print(differ.summary())
print()
print(ap.distinguishability_sem(panel, **model).summary())

# %%
p_value = differ.tidy()["p_value"].item()
Markdown(
    "The simulated roles do differ, in intercept and actor effect. "
    + (
        "In this sample the test does not show it. A test that is not significant does not prove that roles are alike."
        if p_value > 0.05
        else "With this sample the test shows it; what follows treats roles as alike for illustration."
    )
)

# %% [markdown]
# The model of exchangeable members has one actor and one partner effect, an average over roles. Its effects have a
# closed form: the regression of couples' means and the one of partners' differences. Estimates by likelihood agree with
# it up to rounding.

# %%
alike = rd.apim(panel, roles="exchangeable", centering="none", **model)
closed = ap.pooled_regression(panel, **model)
both = pd.DataFrame(
    {
        "by likelihood": alike.tidy().set_index("term")["estimate"],
        "closed form": closed.tidy().set_index("term")["estimate"],
    }
).dropna()
assert len(both) == 3
assert (both["by likelihood"] - both["closed form"]).abs().max() < 1e-8
both

# %% [markdown]
# ## How large are they?

# %%
print(ap.effect_sizes(alike).summary())

# %% [markdown]
# ## Which pattern?
#
# k is the partner effect over the actor effect: 1 means that the partner's stress counts as much as the own
# (couple pattern), 0 that only the own counts (actor-only), -1 that it is the difference that matters (contrast).
# A ratio is only worth reading where its denominator is not near zero; otherwise k is withheld.

# %%
alike.pattern()[["variable", "actor", "partner", "k", "conf_low", "conf_high", "pattern", "note"]].round(3)

# %% [markdown]
# The same by structural equations: the chi-squared says how much fit is lost when k is fixed at a pattern.
# The choice of "member 1" is arbitrary for exchangeable members, so the fit is judged against the I-SAT model, which
# takes the cost of that choice out; the raw values are in `unadjusted`.

# %%
moments = ap.apim_sem(panel, roles="exchangeable", **model)
moments.pattern_tests().round(3)

# %%
pd.DataFrame({"judged against I-SAT": moments.glance().iloc[0], "raw": moments.unadjusted}).loc[
    ["statistic", "df", "p_value"]
]

# %% [markdown]
# ## Two other ways to write it
#
# The dyadic score model speaks of the couple's level and difference, the dyad-individual model of the couple's mean
# and the person's deviation. Both are this model in other coordinates: `equivalence` compares their estimates with
# those computed from the actor-partner model.

# %%
scores = ap.dyadic_score(panel, **model).equivalence
assert scores["difference"].abs().max() < 1e-8
scores

# %%
individual = ap.dyad_individual(panel, **model).equivalence
assert individual["difference"].abs().max() < 1e-8
individual

# %% [markdown]
# ## When the outcome is a yes or a no
#
# Here: satisfaction above 5. Effects are log odds in the population of couples; `ratio` is the odds ratio.

# %%
binary = rows.assign(content=(rows["satisfaction"] > 5).astype(float))
marginal = rd.apim(
    rd.DyadPanel(binary, dyad="dyad", person="person", role="role"),
    outcome="content",
    predictors=["stress"],
    family="binomial",
)
print(marginal.summary())
