# Dynamic panel models of 120 couples over four waves (dynamic_panel.csv) by lavaan, the first wave free: of all values,
# and with the values marked in `gap` taken out (full-information maximum likelihood). Writes dynamic_panel.json.
library(lavaan)
d <- read.csv("dynamic_panel.csv")
text <- function(alike) {
  lines <- c()
  for (t in 2:4) {
    lines <- c(lines,
      sprintf("f%d ~ s1*f%d + i1*m%d", t, t - 1, t - 1),
      sprintf("m%d ~ %s*m%d + %s*f%d", t, if (alike) "s1" else "s2", t - 1, if (alike) "i1" else "i2", t - 1),
      sprintf("f%d ~~ v1*f%d\nm%d ~~ %s*m%d\nf%d ~~ c*m%d", t, t, t, if (alike) "v1" else "v2", t, t, t))
    lines <- c(lines, if (alike) sprintf("f%d ~ n%d*1\nm%d ~ n%d*1", t, t, t, t) else sprintf("f%d ~ 1\nm%d ~ 1", t, t))
  }
  first <- if (alike) c("f1 ~~ w*f1\nm1 ~~ w*m1\nf1 ~~ m1\nf1 ~ n1*1\nm1 ~ n1*1",
                        "a ~~ p*a\nb ~~ p*b\na ~~ b\na ~~ k*f1\nb ~~ k*m1\na ~~ l*m1\nb ~~ l*f1")
  else c("f1 ~~ f1\nm1 ~~ m1\nf1 ~~ m1\nf1 ~ 1\nm1 ~ 1", "a ~~ a\nb ~~ b\na ~~ b\na ~~ f1 + m1\nb ~~ f1 + m1")
  paste(c("a =~ 1*f2 + 1*f3 + 1*f4", "b =~ 1*m2 + 1*m3 + 1*m4", lines, first), collapse = "\n")
}
wide <- function(gaps) {
  e <- d
  if (gaps) e$y[e$gap == 1] <- NA
  w <- reshape(e[, c("couple", "name", "y")], idvar = "couple", timevar = "name", direction = "wide")
  names(w) <- sub("^y\\.", "", names(w))
  w
}
out <- list()
for (gaps in c(FALSE, TRUE)) for (alike in c(FALSE, TRUE)) {
  fit <- lavaan(text(alike), wide(gaps), missing = if (gaps) "ml" else "listwise", meanstructure = TRUE,
                information = "observed")
  e <- parameterEstimates(fit)
  e <- e[!duplicated(e$label) & e$label %in% c("s1", "i1", "s2", "i2"), c("label", "est", "se")]
  out[[paste(if (alike) "exchangeable" else "distinguishable", if (gaps) "gaps" else "complete", sep = "_")]] <-
    list(effects = e, logl = as.numeric(logLik(fit)), npar = fitMeasures(fit, "npar")[[1]])
}
out$versions <- list(R = R.version.string, lavaan = as.character(packageVersion("lavaan")))
writeLines(jsonlite::toJSON(out, digits = 10, auto_unbox = TRUE, pretty = TRUE), "dynamic_panel.json")
