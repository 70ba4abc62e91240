# Analyses one export of Daybook: Rscript docs/analysis/analyse.R EXPORT FOLDER [PARAMCD ...]
#
# Writes the same tables as analyse.py, from the SAS transport files of the export; README.md says what is in
# them. Needs haven, survival and nlme (Debian: r-cran-haven r-cran-survival r-cran-nlme).

needed <- c("haven", "survival", "nlme")
missing <- needed[!vapply(needed, requireNamespace, logical(1), quietly = TRUE)]
if (length(missing)) {
  message("Missing R packages: ", paste(missing, collapse = ", "))
  quit(status = 3)
}
suppressPackageStartupMessages({
  library(survival)
  library(nlme)
})

asked <- commandArgs(trailingOnly = TRUE)
if (length(asked) < 2) {
  message("usage: Rscript analyse.R EXPORT FOLDER [PARAMCD ...]")
  quit(status = 2)
}
from <- asked[1]
to <- asked[2]
modelled <- if (length(asked) > 2) asked[-(1:2)] else c("C30QL2", "C30PF2", "C30FA")
control <- "SOC"
points <- 10
largest <- 10  # a log hazard ratio beyond which there is none
fewest <- 5  # changes of each arm that a visit needs to be modelled
here <- dirname(sub("^--file=", "", grep("^--file=", commandArgs(), value = TRUE)))
dir.create(to, showWarnings = FALSE, recursive = TRUE)

stop_with <- function(...) {
  message(...)
  quit(status = 1)
}
if (!file.exists(file.path(from, "adqs.xpt"))) {
  stop_with(from, ": no adqs.xpt there; `daybook export` writes one with `--format xpt`.")
}

# An empty text of a transport file is "", which is missing.
read_data <- function(name) {
  data <- as.data.frame(haven::read_xpt(file.path(from, paste0(name, ".xpt"))))
  texts <- vapply(data, is.character, logical(1))
  data[texts] <- lapply(data[texts], function(said) ifelse(said == "", NA, said))
  data
}
write_table <- function(table, name) {
  write.csv(table, file.path(to, paste0(name, ".csv")), row.names = FALSE, quote = FALSE, na = "")
}

# A table to the digit; one without rows has its columns all the same.
show_table <- function(table, columns) {
  names <- strsplit(columns, " ")[[1]]
  if (is.null(table)) return(setNames(data.frame(matrix(nrow = 0, ncol = length(names))), names))
  shown <- format(table, digits = 15, trim = TRUE)
  shown[is.na(table)] <- ""
  shown
}

dm <- read_data("dm")
adqs <- read_data("adqs")
compl <- subset(read_data("compl"), RULESET == "1" & LATEFL == "N")
if (!"ARMCD" %in% names(dm)) stop_with("This export holds no arms: ask for one with them.")
if (all(is.na(adqs$AVAL))) stop_with("This export holds no scores: ask for one with them.")
unknown <- setdiff(modelled, adqs$PARAMCD)
if (length(unknown)) stop_with(unknown[1], " is no scale of it.")
people <- subset(dm, !is.na(RFSTDTC) & !is.na(RFICDTC))
arms <- unique(na.omit(people$ARMCD))
arms <- c(sort(setdiff(arms, control)), intersect(control, arms))
size_of <- function(arm) if (arm == "ALL") nrow(people) else sum(people$ARMCD == arm, na.rm = TRUE)

# Planned visits that all of every arm have and that somebody was expected at, in order.
whole <- subset(compl, NVALEXP > 0 & ARMCD != "ALL")
whole <- whole[whole$NPOP == vapply(whole$ARMCD, size_of, numeric(1)), ]
visits <- names(which(table(whole$VISIT) == length(arms)))
visits <- unique(whole$VISIT[order(whole$VISITNUM)])
visits <- visits[visits %in% names(which(table(whole$VISIT) == length(arms)))]

# --- Completeness: counted from ADQS, rule set 1, late forms do not count -------------------------------------
counted <- subset(adqs, AVISIT %in% visits & POPFL == "Y")
is_yes <- function(flag) !is.na(flag) & flag == "Y"
counted$scored <- is_yes(counted$AWINFL) & !is.na(counted$AVAL)
counted$expected <- is_yes(counted$EXP1FL)
forms <- aggregate(cbind(scored, expected) ~ AVISIT + USUBJID, counted, any)
forms$arm <- people$ARMCD[match(forms$USUBJID, people$USUBJID)]
percent <- function(part, whole) if (whole == 0) NA else (2000 * part + whole) %/% (2 * whole) / 10
completeness <- do.call(rbind, lapply(visits, function(visit) {
  do.call(rbind, lapply(c("ALL", arms), function(arm) {
    at <- forms[forms$AVISIT == visit & (arm == "ALL" | (!is.na(forms$arm) & forms$arm == arm)), ]
    expected <- sum(at$expected)
    valid <- sum(at$scored)
    both <- sum(at$expected & at$scored)
    data.frame(VISIT = visit, ARMCD = arm, NPOP = size_of(arm), NEXPECT = expected, NVALID = valid,
               NVALEXP = both, AVAILPCT = percent(valid, size_of(arm)), COMPLPCT = percent(both, expected))
  }))
}))
write_table(completeness, "completeness")
said <- merge(completeness, compl, by = c("VISIT", "ARMCD"), suffixes = c("", "_D"))
figures <- c("NPOP", "NEXPECT", "NVALID", "NVALEXP", "AVAILPCT", "COMPLPCT")
same <- Reduce(`&`, lapply(figures, function(each) {
  ours <- said[[each]]
  theirs <- said[[paste0(each, "_D")]]
  (is.na(ours) & is.na(theirs)) | (!is.na(ours) & !is.na(theirs) & abs(ours - theirs) < 1e-9)
}))
cat(sprintf("completeness: %d of %d equal\n", sum(same), nrow(completeness)))

# --- Scores once more, by the arguments of admiral::compute_scale ---------------------------------------------
compute_scale <- if (requireNamespace("admiral", quietly = TRUE)) admiral::compute_scale else
  function(source, source_range, target_range, flip_direction = FALSE, min_n = 1) {
    source <- source[!is.na(source)]
    if (length(source) < min_n) return(NA_real_)
    share <- (mean(source) - source_range[1]) / diff(source_range)
    if (flip_direction) share <- 1 - share
    target_range[1] + share * diff(target_range)
  }
scales <- read.csv(file.path(here, "qlq-c30-scales.csv"))
qs <- subset(read_data("qs"), !is.na(QSSTRESN))
matched <- 0
checked <- 0
for (place in seq_len(nrow(scales))) {
  scale <- scales[place, ]
  items <- strsplit(scale$items, " ")[[1]]
  answers <- subset(qs, QSTESTCD %in% items)
  scored <- subset(adqs, PARAMCD == scale$PARAMCD & !is.na(AVAL))
  again <- vapply(split(answers$QSSTRESN, answers$QSGRPID), compute_scale, numeric(1),
                  source_range = c(scale$source_low, scale$source_high),
                  target_range = c(scale$target_low, scale$target_high),
                  flip_direction = as.logical(scale$flip_direction), min_n = scale$min_n)
  matched <- matched + sum(abs(again[scored$ASSESSID] - scored$AVAL) < 1e-9, na.rm = TRUE)
  checked <- checked + nrow(scored)
}
cat(sprintf("scores: %d of %d equal\n", matched, checked))

# --- Mean change by visit, with its 95 % confidence interval --------------------------------------------------
analysed <- subset(adqs, is_yes(ANL01FL) & POPFL == "Y" & TRTP %in% arms & AVISIT %in% visits)
parameters <- unique(adqs[c("PARAMCD", "BETTER")])
changes <- subset(analysed, !is.na(CHG))
groups <- split(changes, list(factor(changes$TRTP, arms), factor(changes$AVISIT, visits),
                              factor(changes$PARAMCD, parameters$PARAMCD)), drop = TRUE)
change <- do.call(rbind, lapply(groups, function(group) {
  count <- nrow(group)
  half <- if (count > 1) qt(0.975, count - 1) * sd(group$CHG) / sqrt(count) else NA
  middle <- mean(group$CHG)
  data.frame(PARAMCD = group$PARAMCD[1], AVISIT = group$AVISIT[1], TRTP = group$TRTP[1], N = count,
             MEAN = middle, SD = sd(group$CHG), LOWER = middle - half, UPPER = middle + half)
}))
write_table(show_table(change, "PARAMCD AVISIT TRTP N MEAN SD LOWER UPPER"), "change")

# --- Time to deterioration: events, curves, hazards -----------------------------------------------------------
ice <- subset(read_data("ice"), ICECD == "death" & !is.na(ICEDY))
died_on <- setNames(ice$ICEDY, ice$USUBJID)
list_events <- function(parameter) {
  rows <- subset(analysed, PARAMCD == parameter)
  begun <- subset(rows, is_yes(ABLFL))
  later <- subset(rows, !is.na(CHG))
  worse <- if (parameters$BETTER[parameters$PARAMCD == parameter] == "HIGHER") -later$CHG else later$CHG
  first <- tapply(later$ADY[worse >= points], later$USUBJID[worse >= points], min)
  last <- tapply(later$ADY, later$USUBJID, max)
  do.call(rbind, lapply(sort(begun$USUBJID), function(person) {
    day <- if (person %in% names(last)) last[[person]] else 1
    event <- 0
    if (person %in% names(first)) {
      day <- first[[person]]
      event <- 1
    } else if (person %in% names(died_on)) {
      day <- died_on[[person]]
      event <- 2
    }
    data.frame(ESTIMAND = c("DEATH COMPETES", "DEATH IS AN EVENT"), PARAMCD = parameter, USUBJID = person,
               TRTP = begun$TRTP[begun$USUBJID == person], DAY = day, EVENT = c(event, min(event, 1)))
  }))
}
events <- do.call(rbind, lapply(parameters$PARAMCD, list_events))
write_table(events, "events")

# survfit gives the Aalen-Johansen share of each kind of event where the event is a factor.
describe_curve <- function(group) {
  kind <- factor(group$EVENT, levels = 0:2, labels = c("censored", "deteriorated", "died"))
  fitted <- survfit(Surv(DAY, kind) ~ 1, data = cbind(group, kind))
  shown <- which(rowSums(fitted$n.event) > 0)
  data.frame(ESTIMAND = group$ESTIMAND[1], PARAMCD = group$PARAMCD[1], TRTP = group$TRTP[1],
             DAY = fitted$time[shown], ATRISK = fitted$n.risk[shown, 1],
             SHARE = fitted$pstate[shown, fitted$states == "deteriorated"])
}
keys <- list(events$TRTP, events$PARAMCD, events$ESTIMAND)
curves <- do.call(rbind, lapply(split(events, keys, drop = TRUE), describe_curve))
write_table(show_table(curves, "ESTIMAND PARAMCD TRTP DAY ATRISK SHARE"), "curves")

describe_hazards <- function(group) {
  do.call(rbind, lapply(setdiff(arms, control), function(arm) {
    pair <- subset(group, TRTP %in% c(arm, control))
    # There is no ratio while nobody of one of the arms has deteriorated, or the estimate runs off.
    ratio <- error <- NA
    if (all(c(arm, control) %in% pair$TRTP[pair$EVENT == 1])) {
      fitted <- suppressWarnings(coxph(Surv(DAY, EVENT == 1) ~ I(TRTP == arm), data = pair, ties = "efron"))
      ratio <- unname(coef(fitted))
      error <- sqrt(vcov(fitted)[1, 1])
      if (abs(ratio) > largest) ratio <- error <- NA
    }
    data.frame(ESTIMAND = group$ESTIMAND[1], PARAMCD = group$PARAMCD[1], TRTP = arm, LOGHR = ratio, SE = error,
               HR = exp(ratio), LOWER = exp(ratio - 1.959964 * error), UPPER = exp(ratio + 1.959964 * error))
  }))
}
hazards <- do.call(rbind, lapply(split(events, keys[2:3], drop = TRUE), describe_hazards))
write_table(show_table(hazards, "ESTIMAND PARAMCD TRTP LOGHR SE HR LOWER UPPER"), "hazards")

# --- Repeated measures: any covariance within a person, by restricted maximum likelihood ----------------------
estimate_changes <- function(parameter) {
  rows <- subset(changes, PARAMCD == parameter & !is.na(BASE))
  counts <- table(rows$AVISIT, factor(rows$TRTP, arms))
  enough <- rownames(counts)[apply(counts >= fewest, 1, all)]
  if (length(enough) < 2) return(NULL)
  rows <- rows[rows$AVISIT %in% enough, ]
  rows$visit <- factor(rows$AVISIT, visits[visits %in% rows$AVISIT])
  rows$arm <- factor(rows$TRTP, c(control, setdiff(arms, control)))
  rows$place <- as.integer(rows$visit)
  rows <- rows[order(rows$USUBJID, rows$place), ]
  # The usual optimiser of gls, nlminb, stops some 1e-4 short of the maximum; optim reaches it.
  fitted <- gls(CHG ~ 0 + visit + visit:BASE + visit:arm, data = rows, method = "REML",
                correlation = corSymm(form = ~ place | USUBJID), weights = varIdent(form = ~ 1 | visit),
                control = glsControl(opt = "optim", maxIter = 500, msMaxIter = 1000, tolerance = 1e-10, msTol = 1e-14))
  middle <- mean(rows$BASE[!duplicated(rows$USUBJID)])
  coefficients <- coef(fitted)
  estimate <- function(weights) {
    row <- setNames(rep(0, length(coefficients)), names(coefficients))
    row[names(weights)] <- weights
    c(sum(row * coefficients), sqrt(drop(row %*% vcov(fitted) %*% row)))
  }
  line <- function(visit, arm, kind, weights) {
    found <- estimate(weights)
    data.frame(PARAMCD = parameter, AVISIT = visit, TRTP = arm, KIND = kind, ESTIMATE = found[1], SE = found[2],
               LOWER = found[1] - 1.959964 * found[2], UPPER = found[1] + 1.959964 * found[2])
  }
  do.call(rbind, lapply(levels(rows$visit), function(visit) {
    own <- setNames(c(1, middle), paste0("visit", visit, c("", ":BASE")))
    rest <- lapply(setdiff(arms, control), function(arm) {
      effect <- setNames(1, paste0("visit", visit, ":arm", arm))
      rbind(line(visit, arm, "MEAN", c(own, effect)), line(visit, arm, "DIFFERENCE", effect))
    })
    rbind(line(visit, control, "MEAN", own), do.call(rbind, rest))
  }))
}
model <- do.call(rbind, lapply(modelled, estimate_changes))
write_table(show_table(model, "PARAMCD AVISIT TRTP KIND ESTIMATE SE LOWER UPPER"), "model")
quit(status = if (all(same) && matched == checked) 0 else 1)
