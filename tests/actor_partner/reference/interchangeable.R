# Fit of models of exchangeable members against I-SAT and I-NULL (Olsen and Kenny, 2006), by lavaan.
# Rscript interchangeable.R, in this folder; reads apim_wide.csv.
suppressMessages({library(lavaan); library(jsonlite)})
w <- read.csv("apim_wide.csv")
equal <- "x1~~vx*x1\nx2~~vx*x2\ny1~~vy*y1\ny2~~vy*y2\nx1~mx*1\nx2~mx*1\ny1~my*1\ny2~my*1\n"
models <- list(
  model = paste0("y1~a*x1+i*y2\ny2~a*x2+i*y1\ny1~~0*y2\nx1~~x2\n", equal),
  isat = paste0("x1~~x2\ny1~~y2\nx1~~c*y1\nx2~~c*y2\nx1~~d*y2\nx2~~d*y1\n", equal),
  inull = paste0("x1~~0*x2\ny1~~0*y2\nx1~~0*y1+0*y2\nx2~~0*y1+0*y2\n", equal))
run <- function(text, ...) sem(text, fixed.x = FALSE, meanstructure = TRUE, ...)
fit <- function(data) lapply(models, function(text) {
  m <- fitMeasures(run(text, data = data), c("chisq", "df", "logl", "npar"))
  as.list(unclass(m))
})
f <- fit(w)
chi <- f$model$chisq - f$isat$chisq; df <- f$model$df - f$isat$df
chi0 <- f$inull$chisq - f$isat$chisq; df0 <- f$inull$df - f$isat$df
# Double entry: moments averaged over both orders of the members.
p <- c(2, 1, 4, 3); v <- w[, c("x1", "x2", "y1", "y2")]; m <- colMeans(v); away <- (m - m[p]) / 2
T <- cov(v) * (nrow(v) - 1) / nrow(v) + outer(away, away); S <- (T + T[p, p]) / 2; level <- m - away
dimnames(S) <- list(names(v), names(v)); names(level) <- names(v)
d <- run(models$model, sample.cov = S, sample.mean = level, sample.nobs = nrow(v), sample.cov.rescale = FALSE)
out <- list(
  R = R.version.string, lavaan = as.character(packageVersion("lavaan")), raw = f,
  adjusted = list(statistic = chi, df = df, p_value = pchisq(chi, df, lower.tail = FALSE),
    cfi = 1 - max(chi - df, 0) / max(chi0 - df0, chi - df, 0), tli = (chi0 / df0 - chi / df) / (chi0 / df0 - 1),
    rmsea = sqrt(max(chi - df, 0) / (df * nrow(v)))),
  double_entry = as.list(unclass(fitMeasures(d, c("chisq", "srmr", "logl")))))
writeLines(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "interchangeable.json")
