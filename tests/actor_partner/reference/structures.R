# Reference fits of structures of two members' moments: R 4.2.2, lavaan 0.6-14. Writes structures.json.
suppressMessages({library(lavaan); library(jsonlite)})
w <- read.csv("structures_wide.csv"); it <- read.csv("structures_items.csv"); R <- list()
lv <- function(f) {
  p <- parameterEstimates(f)
  fm <- fitMeasures(f, c("chisq", "df", "pvalue", "cfi", "tli", "rmsea", "srmr", "logl", "npar", "aic", "bic"))
  list(est = p[, intersect(c("lhs", "op", "rhs", "label", "est", "se", "z", "pvalue"), names(p))], fit = as.list(unclass(fm)))
}
# Value of column j in row i is missing where i * (3 + j) leaves 4 when divided by 17 (both counted from 1).
punch <- function(d) { for (j in seq_along(d)) d[(seq_len(nrow(d)) * (3 + j)) %% 17 == 4, j] <- NA; d }
both <- function(name, model, data, ...) {
  R[[name]] <<- lv(sem(model, data, fixed.x = FALSE, meanstructure = TRUE, ...))
  R[[paste0(name, "_fiml")]] <<- lv(sem(model, punch(data), fixed.x = FALSE, meanstructure = TRUE, missing = "ml", ...))
}
xy <- w[, c("x1", "x2", "y1", "y2")]
both("apim", "y1~a1*x1+p1*x2\ny2~a2*x2+p2*x1\ny1~~y2\nk1:=p1/a1\nk2:=p2/a2", xy)
both("apim_alike", "y1~a*x1+p*x2\ny2~a*x2+p*x1\ny1~~ve*y1\ny2~~ve*y2\ny1~~y2\nx1~~vx*x1\nx2~~vx*x2\nx1~~x2\nx1~mx*1\nx2~mx*1\ny1~my*1\ny2~my*1\nk:=p/a", xy)
both("isat", "y1~~vy*y1\ny2~~vy*y2\nx1~~vx*x1\nx2~~vx*x2\nx1~~x2\ny1~~y2\nx1~~c1*y1\nx2~~c1*y2\nx1~~c2*y2\nx2~~c2*y1\nx1~mx*1\nx2~mx*1\ny1~my*1\ny2~my*1", xy)
both("inull", "y1~~vy*y1\ny2~~vy*y2\nx1~~vx*x1\nx2~~vx*x2\nx1~~0*x2\ny1~~0*y2\nx1~~0*y1+0*y2\nx2~~0*y2+0*y1\nx1~mx*1\nx2~mx*1\ny1~my*1\ny2~my*1", xy)
both("mutual", "y1~x1+b12*y2\ny2~x2+b21*y1\nx1~~x2\ny1~~0*y2", xy)
both("common_fate", "X=~1*x1+1*x2\nY=~1*y1+1*y2\nY~b*X\nx1~~y1\nx2~~y2\nx1~1\nx2~1\ny1~1\ny2~1\nX~0*1\nY~0*1", xy)
# Mediation: two predictors, two mediators, an own covariate of each member, a covariate of the dyad. Covariances of
# exogenous variables are written out, else lavaan leaves them in the null model behind CFI and TLI.
med <- "
m1 ~ axm1*x1 + pxm1*x2 + awm1*w1 + pwm1*w2 + c1 + z
m2 ~ axm2*x2 + pxm2*x1 + awm2*w2 + pwm2*w1 + c2 + z
k1 ~ axk1*x1 + pxk1*x2 + awk1*w1 + pwk1*w2 + c1 + z
k2 ~ axk2*x2 + pxk2*x1 + awk2*w2 + pwk2*w1 + c2 + z
y1 ~ am1*m1 + pm1*m2 + ak1*k1 + pk1*k2 + ax1*x1 + px1*x2 + aw1*w1 + pw1*w2 + c1 + z
y2 ~ am2*m2 + pm2*m1 + ak2*k2 + pk2*k1 + ax2*x2 + px2*x1 + aw2*w2 + pw2*w1 + c2 + z
m1~~m2+k1+k2\nm2~~k1+k2\nk1~~k2\ny1~~y2
x1~~x2+w1+w2+c1+c2+z\nx2~~w1+w2+c1+c2+z\nw1~~w2+c1+c2+z\nw2~~c1+c2+z\nc1~~c2+z\nc2~~z
aa_xm1 := axm1*am1
pp_xm1 := pxm2*pm1
pa_xm1 := pxm1*am1
ap_xm1 := axm2*pm1
own_x1 := axm1*am1 + pxm2*pm1 + axk1*ak1 + pxk2*pk1
partner_x1 := pxm1*am1 + axm2*pm1 + pxk1*ak1 + axk2*pk1
total_own_x1 := own_x1 + ax1
own_w2 := awm2*am2 + pwm1*pm2 + awk2*ak2 + pwk1*pk2
k_xm1 := pxm1/axm1
k_m2 := pm2/am2
k_x2 := px2/ax2
"
both("mediation", med, w[, c("x1","x2","w1","w2","m1","m2","k1","k2","y1","y2","c1","c2","z")])
alike <- "
m1 ~ axm*x1 + pxm*x2 + cm*c1 + zm*z
m2 ~ axm*x2 + pxm*x1 + cm*c2 + zm*z
y1 ~ am*m1 + pm*m2 + ax*x1 + px*x2 + cy*c1 + zy*z
y2 ~ am*m2 + pm*m1 + ax*x2 + px*x1 + cy*c2 + zy*z
m1~~vm*m1\nm2~~vm*m2\nm1~~m2\ny1~~vy*y1\ny2~~vy*y2\ny1~~y2
m1~im*1\nm2~im*1\ny1~iy*1\ny2~iy*1
x1~~vx*x1\nx2~~vx*x2\nx1~~x2\nc1~~vc*c1\nc2~~vc*c2\nc1~~c2\nx1~ix*1\nx2~ix*1\nc1~ic*1\nc2~ic*1
x1~~o*c1\nx2~~o*c2\nx1~~u*c2\nx2~~u*c1\nz~~zx*x1+zx*x2+zc*c1+zc*c2
aa := axm*am
pp := pxm*pm
pa := pxm*am
ap := axm*pm
own := axm*am + pxm*pm
partner := pxm*am + axm*pm
total_own := own + ax
k_m := pm/am
"
both("mediation_alike", alike, w[, c("x1","x2","m1","m2","y1","y2","c1","c2","z")])
# Factor models of three items per member.
s <- it[, c("s1_1","s1_2","s2_1","s2_2","s3_1","s3_2")]
items <- function(f, j, load, int, res) {
  own <- function(what, i, k) if (what == "") paste0(f, k, j) else paste0(what, f, k)
  out <- ""
  for (i in 1:2) {
    l <- if (load) paste0("l", f, 1:3) else paste0("l", f, 1:3, "_", i)
    out <- paste0(out, toupper(f), i, " =~ NA*", f, "1_", i, "+", paste0(l, "*", f, 1:3, "_", i, collapse = "+"), "\n")
    for (k in 1:3) {
      out <- paste0(out, f, k, "_", i, " ~ ", if (int) paste0("i", f, k, "*"), "1\n", f, k, "_", i, " ~~ ", if (res) paste0("r", f, k, "*"), f, k, "_", i, "\n")
    }
  }
  paste0(out, paste0(f, 1:3, "_1 ~~ ", f, 1:3, "_2\n", collapse = ""))
}
one <- function(load, int, res, latent) paste0(items("s", "", load, int, res), latent)
fixed <- "S1~~1*S1\nS2~~1*S2\nS1~~S2\nS1~0*1\nS2~0*1\n"
both("factor_configural", one(FALSE, FALSE, FALSE, fixed), s)
both("factor_loadings", one(TRUE, FALSE, FALSE, "S1~~1*S1\nS2~~NA*S2\nS1~~S2\nS1~0*1\nS2~0*1\n"), s)
both("factor_intercepts", one(TRUE, TRUE, FALSE, "S1~~1*S1\nS2~~NA*S2\nS1~~S2\nS1~0*1\nS2~NA*1\n"), s)
both("factor_residuals", one(TRUE, TRUE, TRUE, "S1~~1*S1\nS2~~NA*S2\nS1~~S2\nS1~0*1\nS2~NA*1\n"), s)
both("factor_loadings_equal", one(TRUE, FALSE, FALSE, fixed), s)
both("factor_alike", one(TRUE, TRUE, TRUE, fixed), s)
# Latent actor-partner models of two factors per member, the outcome's disturbances fixed at 1.
measured <- function(load, int, res) paste0(items("s", "", load, int, res), items("c", "", load, int, res))
both("latent_loadings", paste0(measured(TRUE, FALSE, FALSE), "S1~~1*S1\nS2~~NA*S2\nS1~~S2\nC1~~1*C1\nC2~~NA*C2\nC1~~C2\nS1~0*1\nS2~0*1\nC1~0*1\nC2~0*1\nC1~a1*S1+p1*S2\nC2~a2*S2+p2*S1\nk1:=p1/a1\nk2:=p2/a2"), it)
both("latent_alike", paste0(measured(TRUE, TRUE, TRUE), "S1~~1*S1\nS2~~1*S2\nS1~~S2\nC1~~1*C1\nC2~~1*C2\nC1~~C2\nS1~0*1\nS2~0*1\nC1~0*1\nC2~0*1\nC1~a*S1+p*S2\nC2~a*S2+p*S1\nk:=p/a"), it)
# Moderated response surface with a covariate: each member's polynomial of x, its products with the dyad's z, own c.
d <- transform(w, z = z - mean(z))
d <- transform(d, o1 = x1, o2 = x2, q11 = x1^2, q12 = x1 * x2, q22 = x2^2)
d <- transform(d, zo1 = z * o1, zo2 = z * o2, z11 = z * q11, z12 = z * q12, z22 = z * q22)
f <- sem("y1 ~ o1 + o2 + q11 + q12 + q22 + z + zo1 + zo2 + z11 + z12 + z22 + c1
y2 ~ o2 + o1 + q22 + q12 + q11 + z + zo2 + zo1 + z22 + z12 + z11 + c2
y1 ~~ y2", d, meanstructure = TRUE, fixed.x = TRUE)
R$surface <- lv(f)
writeLines(toJSON(R, digits = 12, auto_unbox = TRUE, na = "null"), "structures.json")
