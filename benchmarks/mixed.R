# The six-effect model with a free 2 x 2 residual within occasions, by nlme. Usage: Rscript mixed.R rows.csv
suppressMessages(library(nlme))
d <- read.csv(commandArgs(TRUE)[1])
d$role <- factor(d$role)
d$dyad <- factor(d$dyad)
for (r in c("A", "B")) {
  here <- as.numeric(d$role == r)
  for (v in c("aw", "pw", "ab", "pb", "tm")) d[[paste0(r, v)]] <- here * d[[v]]
  d[[r]] <- here
}
began <- proc.time()
fit <- lme(
  y ~ 0 + A + B + Aaw + Baw + Apw + Bpw + Aab + Bab + Apb + Bpb + Atm + Btm,
  data = d, random = ~ 0 + A + B + Aaw + Baw + Apw + Bpw | dyad,
  correlation = corCompSymm(form = ~ 1 | dyad / time), weights = varIdent(form = ~ 1 | role), method = "REML",
  control = lmeControl(maxIter = 200, msMaxIter = 500, niterEM = 25, returnObject = TRUE)
)
took <- proc.time() - began
cat(sprintf('{"cpu": %.3f, "log_likelihood": %.9f, "version": "R %s.%s, nlme %s"}\n',
  took[["user.self"]] + took[["sys.self"]], as.numeric(logLik(fit)),
  R.version$major, R.version$minor, as.character(packageVersion("nlme"))))
