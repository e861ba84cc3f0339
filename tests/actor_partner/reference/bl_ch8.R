# The actor-partner model of Bolger and Laurenceau (2013, chapter 8) with nlme, optimised by optim.
# Usage: Rscript bl_ch8.R BLdyads_long.csv bl_ch8.json   (R 4.2.2, nlme 3.1-162, jsonlite)
library(nlme)
paths <- commandArgs(trailingOnly = TRUE)
wide <- read.csv(paths[1])
f <- data.frame(coupleid = wide$coupleid, time = wide$time, gender = "f", reldis = wide$f_reldis, female = 1, male = 0)
m <- data.frame(coupleid = wide$coupleid, time = wide$time, gender = "m", reldis = wide$m_reldis, female = 0, male = 1)
for (name in c("f_wrkstrsc_b", "f_wrkstrsc_w", "m_wrkstrsc_b", "m_wrkstrsc_w")) {
  f[[name]] <- wide[[name]]
  m[[name]] <- wide[[name]]
}
rows <- rbind(f, m)
rows <- rows[order(rows$coupleid, rows$time, rows$gender), ]
fit <- lme(
  reldis ~ -1 + female + male +
    female:f_wrkstrsc_b + female:f_wrkstrsc_w + female:m_wrkstrsc_b + female:m_wrkstrsc_w +
    male:m_wrkstrsc_b + male:m_wrkstrsc_w + male:f_wrkstrsc_b + male:f_wrkstrsc_w,
  random = ~ -1 + female + male + female:f_wrkstrsc_w + male:m_wrkstrsc_w + female:m_wrkstrsc_w + male:f_wrkstrsc_w | coupleid,
  weights = varIdent(form = ~ 1 | gender), correlation = corCompSymm(form = ~ 1 | coupleid / time), data = rows,
  control = lmeControl(maxIter = 1000, msMaxIter = 1000, niterEM = 25, opt = "optim", returnObject = TRUE)
)
out <- list(
  log_likelihood = as.numeric(logLik(fit)), G = unclass(getVarCov(fit))[1:6, 1:6], sigma = fit$sigma,
  ratio = as.numeric(coef(fit$modelStruct$varStruct, unconstrained = FALSE)),
  rho = as.numeric(coef(fit$modelStruct$corStruct, unconstrained = FALSE)),
  fixed = as.list(fixef(fit)), std_error = as.list(sqrt(diag(vcov(fit))))
)
writeLines(jsonlite::toJSON(out, digits = NA, auto_unbox = TRUE, pretty = TRUE), paths[2])
