# Shares of variance by the R package r2mlm: one role's models by lme4, both roles of an actor-partner model by nlme.
# Rscript r2mlm.R FOLDER, in this folder: FOLDER is R/ of the sources of r2mlm (github.com/mkshaw/r2mlm), which are read
# from there and are no part of this project. Reads r2mlm.csv (made by r2mlm.py) and components.csv (components.py).
# The numbers are of prepare_data.R and r2mlm_manual.R, which holds the formulas, as in release 0.3.7 (they have the MD5
# sums of the release), r2mlm_long_manual.R of commit aacedea0432621796ea406a0c0a79675c9facdfe (before release 0.3.1),
# and r2mlm.R and utils.R, which take the estimates from a fit, of some state before release 0.3.2.
suppressMessages({library(lme4); library(nlme); library(jsonlite); library(magrittr); library(rlang); library(stringr)
  library(rockchalk)})
folder <- commandArgs(trailingOnly = TRUE)[1]
files <- file.path(folder, c("r2mlm.R", "r2mlm_manual.R", "r2mlm_long_manual.R", "prepare_data.R", "utils.R"))
for (file in files) source(file, encoding = "UTF-8")
table <- function(found) {
  shares <- found$R2s
  values <- suppressWarnings(matrix(as.numeric(shares), nrow(shares), dimnames = dimnames(shares)))
  row <- function(name) as.list(na.omit(setNames(values[name, ], colnames(values))))
  lapply(setNames(nm = rownames(values)), row)
}
d <- read.csv("r2mlm.csv")
d$xb <- ave(d$x, d$person); d$xw <- d$x - d$xb
d$zb <- ave(d$z, d$person); d$zw <- d$z - d$zb
d$person <- factor(d$person)
tight <- lmerControl(optimizer = "bobyqa", optCtrl = list(rhoend = 1e-10, maxfun = 1e5))
models <- list(intercepts = y ~ xw + zw + xb + zb + (1 | person), slopes = y ~ xw + zw + xb + zb + (1 + xw | person),
  uncentred = y ~ x + z + (1 + x | person))
one <- list()
for (name in names(models)) for (method in c("reml", "ml")) {
  fit <- lmer(models[[name]], d, REML = method == "reml", control = tight)
  shares <- suppressWarnings(table(r2mlm(fit, bargraph = FALSE)))
  one[[name]][[method]] <- list(loglik = as.numeric(logLik(fit)), r2 = shares)
  if (name == "uncentred")  # Level by level, which r2mlm has for predictors that are not centred in this function only.
    one[[name]][[method]]$long <- table(r2mlm_long_manual(d, c("x", "z"), "x", "person", fixef(fit)[c("x", "z")],
      as.matrix(VarCorr(fit)$person), sigma(fit)^2, bargraph = FALSE))
}
# Both roles, with actor and partner effects within and between persons; r2mlm gets one role's rows and estimates.
d <- read.csv("components.csv"); d <- d[order(d$dyad, d$time, d$role), ]; d$role <- factor(d$role)
d$b <- ave(d$x, d$dyad, d$role); d$w <- d$x - d$b
d$pb <- ave(d$b, d$dyad, d$time, FUN = rev); d$pw <- ave(d$w, d$dyad, d$time, FUN = rev)
fit <- lme(y ~ 0 + role + role:w + role:pw + role:b + role:pb, random = ~ 0 + role | dyad, d, method = "REML",
  control = lmeControl(opt = "optim", maxIter = 500, msMaxIter = 500, niterEM = 50, reltol = 1e-12, tolerance = 1e-9),
  correlation = corSymm(form = ~ as.integer(role) | dyad/time), weights = varIdent(form = ~ 1 | role))
sd <- fit$sigma * coef(fit$modelStruct$varStruct, unconstrained = FALSE, allCoef = TRUE)
both <- list(loglik = as.numeric(logLik(fit)))
for (role in levels(d$role)) {
  rows <- d[d$role == role, ]
  slopes <- function(names) unname(fixef(fit)[paste0("role", role, ":", names)])
  both[[role]] <- table(r2mlm_manual(rows, match(c("w", "pw"), names(rows)), match(c("b", "pb"), names(rows)), NULL,
    slopes(c("w", "pw")), c(unname(fixef(fit)[paste0("role", role)]), slopes(c("b", "pb"))),
    matrix(getVarCov(fit)[paste0("role", role), paste0("role", role)]), unname(sd[role]^2), bargraph = FALSE))
}
versions <- sapply(c("lme4", "nlme", "dplyr", "rockchalk"), function(name) as.character(packageVersion(name)))
sums <- as.list(setNames(tools::md5sum(files), basename(files)))
out <- list(R = R.version.string, packages = as.list(versions), r2mlm_md5 = sums, one = one, both = both)
writeLines(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "r2mlm.json")
