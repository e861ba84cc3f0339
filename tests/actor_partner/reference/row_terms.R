# Offsets, prior weights and equal coefficients: glm, geepack, nlme and lme4.
# Rscript row_terms.R, in this folder; reads apim_long.csv.
suppressMessages({library(nlme); library(lme4); library(geepack); library(jsonlite)})
l <- read.csv("apim_long.csv"); l <- l[order(l$dyad, l$member), ]
l$role <- factor(l$role); l$ca <- l$xa - mean(l$xa); l$cp <- l$xp - mean(l$xa)
l$count <- pmax(0, round(l$y)); l$hours <- 1 + l$dyad %% 4
l$w <- 1 + l$dyad %% 3            # one weight per dyad
l$rw <- 1 + (l$dyad + 2 * l$member) %% 4  # one per row
l$iw <- 1 / l$rw
slopes <- ~ 0 + role + role:ca + role:cp
named <- function(b) as.list(setNames(unname(b), names(b)))
gee <- geeglm(count ~ 0 + role + role:ca + role:cp + offset(log(hours)), id = dyad, data = l, family = poisson, weights = w, corstr = "exchangeable")
ind <- geeglm(count ~ 0 + role + role:ca + role:cp + offset(log(hours)), id = dyad, data = l, family = poisson, weights = rw, corstr = "independence")
plain <- glm(count ~ 0 + role + role:ca + role:cp + offset(log(hours)), data = l, family = poisson, weights = rw)
m <- gls(I(y - log(hours)) ~ 0 + role + role:ca + role:cp, l, correlation = corCompSymm(form = ~1 | dyad),
  weights = varComb(varIdent(form = ~1 | role), varFixed(~iw)), method = "REML")
r <- lmer(y ~ ca + cp + (1 | dyad), l, weights = rw, REML = TRUE)
free <- gls(y ~ 0 + role + role:ca + role:cp, l, correlation = corCompSymm(form = ~1 | dyad), weights = varIdent(form = ~1 | role), method = "ML")
one <- gls(y ~ 0 + role + role:I(ca + cp), l, correlation = corCompSymm(form = ~1 | dyad), weights = varIdent(form = ~1 | role), method = "ML")
out <- list(R = R.version.string,
  versions = lapply(c(nlme = "nlme", lme4 = "lme4", geepack = "geepack"), function(p) as.character(packageVersion(p))),
  gee = list(coef = named(coef(gee)), std_error = unname(summary(gee)$coefficients[, 2]), alpha = unname(gee$geese$alpha)),
  gee_independence = list(coef = named(coef(ind)), std_error = unname(summary(ind)$coefficients[, 2])),
  glm = named(coef(plain)),
  gls = list(coef = named(coef(m)), std_error = unname(sqrt(diag(vcov(m)))), loglik = as.numeric(logLik(m))),
  lmer = list(coef = named(fixef(r)), std_error = unname(sqrt(diag(as.matrix(vcov(r))))), loglik = as.numeric(logLik(r)),
    sigma = sigma(r), sd_dyad = attr(VarCorr(r)$dyad, "stddev")[[1]]),
  equal = list(coef = named(coef(one)), chisq = as.numeric(2 * (logLik(free) - logLik(one))), loglik = as.numeric(logLik(one))))
writeLines(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "row_terms.json")
