# ccf with missing values and nights (as missing rows), R's na.pass; also for the first 40 occasions of cont.csv.
suppressMessages(library(jsonlite))
d <- read.csv("in/cont.csv"); a <- d$a[1:40]; b <- d$b[1:40]
a[c(5, 6, 23)] <- NA; b[c(6, 31)] <- NA
# nights after every ten occasions, as long as the largest lag
night <- function(v) unlist(lapply(split(v, rep(1:4, each = 10)), function(p) c(p, rep(NA, 3))))
k <- function(x, y) as.numeric(ccf(x, y, lag.max = 3, plot = FALSE, na.action = na.pass)$acf)
out <- list(gaps = k(a, b), nights = k(night(a), night(b)), version = R.version.string)
writeLines(toJSON(out, digits = 14, auto_unbox = TRUE), "ccf_gaps.json")
