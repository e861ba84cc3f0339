# Reference values in tests/mixed/test_robust.py and test_kenward_roger.py.
# R 4.x with nlme, clubSandwich, lme4, pbkrtest, lmerTest; data: the first 25 dyads of d100x14.csv.
suppressMessages({library(nlme); library(clubSandwich); library(lme4); library(pbkrtest); library(lmerTest)})
d <- read.csv("d100x14.csv"); d <- d[d$dyad <= 25, ]
d$A <- as.numeric(d$role == "A"); d$B <- 1 - d$A; d$role <- factor(d$role)
m <- lme(y ~ 0 + A + B + A:aw + B:aw + A:ab + B:ab, d, random = ~ 0 + A + B | dyad,
         weights = varIdent(form = ~ 1 | role), method = "REML",
         control = lmeControl(msTol = 1e-12, tolerance = 1e-10, maxIter = 500, msMaxIter = 500, niterEM = 0, opt = "optim"))
V <- vcovCR(m, cluster = d$dyad, type = "CR2")
print(logLik(m), digits = 12)
print(coef_test(m, V, test = "Satterthwaite"), digits = 8)
print(Wald_test(m, constraints = constrain_zero(1:2), vcov = V, test = "HTZ"), digits = 8)
m2 <- lmer(y ~ 0 + A + B + A:aw + B:aw + A:ab + B:ab + (0 + A + B | dyad), d, REML = TRUE)
print(summary(m2, ddf = "Kenward-Roger")$coefficients, digits = 9)
print(KRmodcomp(m2, matrix(c(0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 1, 0), nrow = 2, byrow = TRUE)), digits = 9)
print(sessionInfo())
