# The entries its_ar1_reml, its_ar1_ml and mbd_hlm of g_sced.json. Run in this directory: Rscript ref_nlme.R
library(nlme)
s <- read.csv("sced.csv")
s$ph <- as.numeric(s$phase == "B")
s$ts <- s$ph * (s$t - 9)
for (method in c("REML", "ML")) {
  fit <- gls(y ~ t + ph + ts, s, correlation = corAR1(form = ~t), method = method)
  print(summary(fit)$tTable, digits = 10)
  print(c(phi = coef(fit$modelStruct$corStruct, unconstrained = FALSE), sigma = fit$sigma, logLik = logLik(fit)), digits = 10)
}
m <- read.csv("mbd.csv")
m$ph <- as.numeric(m$phase == "B")
start <- tapply(m$t[m$ph == 1], m$case[m$ph == 1], min)
m$ts <- m$ph * (m$t - start[as.character(m$case)])
fit <- lme(y ~ t + ph + ts, m, random = ~ 1 + ph | case, correlation = corAR1(form = ~ t | case))
print(summary(fit)$tTable, digits = 10)
print(VarCorr(fit))
print(c(phi = coef(fit$modelStruct$corStruct, unconstrained = FALSE), logLik = logLik(fit)), digits = 10)
