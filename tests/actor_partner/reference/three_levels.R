# Predictors split into couple, person and day, in a dyadic multilevel model by nlme.
# Rscript three_levels.R, in this folder; reads components.csv (made by components.py).
suppressMessages({library(nlme); library(jsonlite)})
d <- read.csv("components.csv"); d <- d[order(d$dyad, d$time, d$role), ]; d$role <- factor(d$role)
d$mean <- ave(d$x, d$dyad, d$role); d$couple <- ave(d$mean, d$dyad)
d$person <- d$mean - d$couple; d$couple <- d$couple - mean(d$couple)
d$own <- d$x - d$mean; d$partner <- ave(d$own, d$dyad, d$time, FUN = rev)
m <- lme(y ~ 0 + role + role:own + role:partner + role:person + role:couple, random = ~ 0 + role | dyad, d, method = "REML",
  control = lmeControl(opt = "optim", maxIter = 500, msMaxIter = 500, niterEM = 50),
  correlation = corSymm(form = ~ as.integer(role) | dyad/time), weights = varIdent(form = ~ 1 | role))
out <- list(R = R.version.string, nlme = as.character(packageVersion("nlme")), coef = as.list(fixef(m)),
  std_error = as.list(sqrt(diag(vcov(m)))), loglik = as.numeric(logLik(m)))
writeLines(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "three_levels.json")
