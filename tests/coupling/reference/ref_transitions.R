# Logits of a state on both partners' last states by glm: per role over all dyads, with and without the product, with
# errors clustered by dyad after Mancl and DeRouen (2001) written out occasion by occasion; and one dyad by itself.
d <- read.csv("in/transitions.csv")
w <- merge(subset(d, role == "a", -role), subset(d, role == "b", -role), by = c("dyad", "time"))
names(w)[3:4] <- c("a", "b")
w <- w[order(w$dyad, w$time), ]
n <- nrow(w)
l <- data.frame(w[-1, ], a0 = w$a[-n], b0 = w$b[-n])[w$dyad[-1] == w$dyad[-n] & w$time[-1] == w$time[-n] + 1, ]
l <- l[complete.cases(l), ]
clustered <- function(m, id) {
  X <- model.matrix(m); mu <- fitted(m); v <- mu * (1 - mu); y <- m$y
  B <- solve(t(X) %*% (v * X)); M <- matrix(0, ncol(X), ncol(X))
  for (g in unique(id)) {
    k <- id == g; D <- v[k] * X[k, , drop = FALSE]; Vi <- diag(1 / v[k])
    r <- solve(diag(sum(k)) - D %*% B %*% t(D) %*% Vi, y[k] - mu[k])
    s <- t(D) %*% Vi %*% r; M <- M + s %*% t(s)
  }
  sqrt(diag(B %*% M %*% B))
}
tell <- function(f, data, id = NULL) {
  m <- glm(f, binomial, data, control = glm.control(epsilon = 1e-14, maxit = 100))
  num <- function(x) paste0("[", paste(sprintf("%.12g", x), collapse = ", "), "]")
  se <- summary(m)$coefficients[, 2]
  out <- sprintf('"estimate": %s, "std_error": %s, "n": %d', num(coef(m)), num(se), nrow(data))
  if (!is.null(id)) out <- sprintf('%s, "clustered": %s', out, num(clustered(m, id)))
  paste0("{", out, "}")
}
one <- l[l$dyad == 1, ]
told <- c(
  sprintf('"version": "%s"', R.version.string),
  sprintf('"a": %s', tell(a ~ a0 + b0, l, l$dyad)), sprintf('"b": %s', tell(b ~ b0 + a0, l, l$dyad)),
  sprintf('"a product": %s', tell(a ~ a0 * b0, l, l$dyad)),
  sprintf('"dyad 1 a": %s', tell(a ~ a0 + b0, one)), sprintf('"dyad 1 b": %s', tell(b ~ b0 + a0, one)))
writeLines(paste0("{\n ", paste(told, collapse = ",\n "), "\n}"), "transitions.json")
