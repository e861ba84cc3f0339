# Variance components with intervals, and within and between R2 of one role, by nlme.
# Rscript components.R, in this folder; reads components.csv (made by components.py).
suppressMessages({library(nlme); library(jsonlite)})
d <- read.csv("components.csv")
d$role <- factor(d$role); d$occasion <- factor(paste(d$dyad, d$time))
ctl <- lmeControl(opt = "optim", maxIter = 500, msMaxIter = 500, niterEM = 50)
# One role: random intercept, independent residuals.
a <- subset(d, role == "f"); a$person <- factor(a$dyad)
a$xb <- ave(a$x, a$person); a$xw <- a$x - a$xb; a$xb <- a$xb - mean(a$xb[!duplicated(a$person)])
one <- lme(y ~ xw + xb, random = ~ 1 + xw | person, a, method = "REML", control = ctl)
i <- intervals(one)
# Rights and Sterba (2019), level-specific R2 from the fit: random slopes of cluster-mean-centred predictors.
b <- fixef(one); G <- unclass(getVarCov(one)); s2 <- one$sigma^2
f1 <- b["xw"]^2 * var(a$xw); f2 <- b["xb"]^2 * var(a$xb)
v <- G[2, 2] * var(a$xw); m <- G[1, 1]
within <- f1 + v + s2; between <- f2 + m; total <- within + between
r2 <- list(f1_t = f1 / total, f2_t = f2 / total, v_t = v / total, m_t = m / total, f_t = (f1 + f2) / total,
  fv_t = (f1 + f2 + v) / total, fvm_t = (f1 + f2 + v + m) / total,
  f1_w = f1 / within, v_w = v / within, fv_w = (f1 + v) / within, f2_b = f2 / between, m_b = m / between)
# Both roles: an intercept per role, correlated; free residual covariance within an occasion.
both <- lme(y ~ 0 + role, random = ~ 0 + role | dyad, d, method = "REML", control = ctl,
  correlation = corSymm(form = ~ as.integer(role) | dyad/time), weights = varIdent(form = ~ 1 | role))
j <- intervals(both, which = "var-cov")
cross <- subset(d, time == 0)
g <- gls(y ~ 0 + role, cross, correlation = corCompSymm(form = ~ 1 | dyad), weights = varIdent(form = ~ 1 | role))
k <- intervals(g)
frame <- function(x) data.frame(lower = x[, 1], est = x[, 2], upper = x[, 3])
out <- list(R = R.version.string, nlme = as.character(packageVersion("nlme")),
  one = list(fixef = as.list(b), G = G[1:2, 1:2], sigma = as.list(setNames(i$sigma, c("lower", "est", "upper"))),
    random = frame(as.matrix(i$reStruct$person)), r2 = lapply(r2, unname)),
  both = list(random = frame(as.matrix(j$reStruct$dyad)), sigma = as.list(setNames(j$sigma, c("lower", "est", "upper"))),
    correlation = frame(as.matrix(j$corStruct)), ratio = frame(as.matrix(j$varStruct))),
  gls = list(sigma = as.list(setNames(k$sigma, c("lower", "est", "upper"))), correlation = frame(as.matrix(k$corStruct))))
writeLines(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "components.json")
