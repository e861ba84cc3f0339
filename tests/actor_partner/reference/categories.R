# Categorical covariates in an actor-partner model: coefficients, Wald and likelihood-ratio tests, marginal means, by nlme.
# Rscript categories.R, in this folder; reads apim_long.csv and makes a site per dyad.
suppressMessages({library(nlme); library(jsonlite)})
l <- read.csv("apim_long.csv")
l$site <- factor(c("Bern", "Oslo", "Turin")[l$dyad %% 3 + 1]); l$role <- factor(l$role)
l$ca <- l$xa - mean(l$xa); l$cp <- l$xp - mean(l$xa)
# Treatment columns by hand: role:site has one column too many beside role.
l$oslo <- as.numeric(l$site == "Oslo"); l$turin <- as.numeric(l$site == "Turin")
form <- y ~ 0 + role + role:ca + role:cp + role:oslo + role:turin
run <- function(f, method) gls(f, l, correlation = corCompSymm(form = ~1 | dyad), weights = varIdent(form = ~1 | role), method = method)
m <- run(form, "REML"); b <- coef(m); V <- vcov(m)
wald <- function(L) { e <- L %*% b; c(chisq = drop(t(e) %*% solve(L %*% V %*% t(L)) %*% e), df = nrow(L)) }
pick <- function(names) { L <- matrix(0, length(names), length(b)); for (k in seq_along(names)) L[k, match(names[k], names(b))] <- 1; L }
site <- c("roleA:oslo", "roleB:oslo", "roleA:turin", "roleB:turin")
stopifnot(all(site %in% names(b)))
differ <- pick(site[c(1, 3)]) - pick(site[c(2, 4)])
full <- run(form, "ML")
lr <- function(f) { s <- run(f, "ML"); c(chisq = as.numeric(2 * (logLik(full) - logLik(s))), df = attr(logLik(full), "df") - attr(logLik(s), "df")) }
mean_of <- function(role, category) {
  L <- rep(0, length(b)); names(L) <- names(b)
  L[paste0("role", role)] <- 1; L[paste0("role", role, ":ca")] <- mean(l$ca); L[paste0("role", role, ":cp")] <- mean(l$cp)
  if (category != "Bern") L[paste0("role", role, ":", tolower(category))] <- 1
  list(role = role, category = category, estimate = sum(L * b), std_error = sqrt(drop(L %*% V %*% L)))
}
means <- list(); for (r in c("A", "B")) for (s in levels(l$site)) means[[length(means) + 1]] <- mean_of(r, s)
out <- list(R = R.version.string, nlme = as.character(packageVersion("nlme")),
  coef = data.frame(name = names(b), estimate = unname(b), std_error = sqrt(diag(V))),
  wald_site = as.list(wald(pick(site))), wald_role_site = as.list(wald(differ)),
  lr_site = as.list(lr(y ~ 0 + role + role:ca + role:cp)),
  lr_role_site = as.list(lr(y ~ 0 + role + role:ca + role:cp + oslo + turin)), means = means)
writeLines(toJSON(out, digits = 12, auto_unbox = TRUE, pretty = TRUE), "categories.json")
