"""Rules of CDISC's CORE for SDTM 3.4 that can be asked of our datasets, in our own words; each with a fault.

The engine and its rules were not run. An id is CORE's, and what stands here is our reading of it. A check is
true of each record (or group of records) that keeps its rule; `fault` is a dataset, a column and what to
write there in a record that has something in `where`, so that the rule is broken.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation

Cells = Mapping[str, str]
Tables = Mapping[str, Sequence[Cells]]


@dataclass(frozen=True)
class Rule:
    """A rule as a check of all tables, and a fault that breaks it."""

    check: Callable[[Tables], Iterable[bool]]
    fault: tuple[str, str, str]
    where: str = "USUBJID"


def of_each(name: str, holds: Callable[[Cells], bool]) -> Callable[[Tables], Iterable[bool]]:
    """A check of every record of a dataset."""
    return lambda tables: (holds(row) for row in tables[name])


def pairs(name: str, first: str, second: str) -> Callable[[Tables], Iterable[bool]]:
    """A check that two columns name the same thing, one to one; per category where there is one."""

    def check(tables: Tables) -> Iterable[bool]:
        faulty = {
            (row.get("QSCAT", ""), row.get(first, ""), row.get(second, ""))
            for row in tables[name]
            if row.get(first) or row.get(second)
        }
        for column in (1, 2):
            yield from (times == 1 for times in Counter((each[0], each[column]) for each in faulty).values())

    return check


def once(name: str, *columns: str) -> Callable[[Tables], Iterable[bool]]:
    """A check that no two records have the same in these columns."""
    return lambda tables: (
        times == 1
        for times in Counter(tuple(row.get(key, "") for key in columns) for row in tables[name]).values()
    )


def number(text: str) -> Decimal | None:
    """A text as a number; None of any other."""
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def day_of(row: Cells, start: str, column: str) -> str:
    """The day of the study by the guide's own algorithm; nothing of a date that is not whole."""
    day = row.get(column, "")[:10]
    if not start or len(day) < len("2026-03-04"):
        return ""
    days = (date.fromisoformat(day) - date.fromisoformat(start)).days
    return str(days + 1 if days >= 0 else days)


def days_of(name: str, dated: str, numbered: str) -> Callable[[Tables], Iterable[bool]]:
    """A check of the days of the study of one dataset."""

    def check(tables: Tables) -> Iterable[bool]:
        starts = {row["USUBJID"]: row.get("RFSTDTC", "") for row in tables["dm"]}
        for row in tables[name]:
            yield row.get(numbered, "") == day_of(row, starts[row["USUBJID"]], dated)

    return check


def codes(name: str, column: str) -> Callable[[Tables], Iterable[bool]]:
    """A check of short codes: at most eight letters, digits and underscores, and no digit first."""
    return of_each(name, lambda row: re.fullmatch("[A-Z_][A-Z0-9_]{0,7}", row[column]) is not None)


def deaths(tables: Tables) -> Iterable[bool]:
    """Each death of DS has the date of DM."""
    died = {row["USUBJID"]: row.get("DTHDTC", "") for row in tables["dm"]}
    return (row["DSSTDTC"] == died[row["USUBJID"]] for row in tables["ds"] if row["DSDECOD"] == "DEATH")


def dead(tables: Tables) -> Iterable[bool]:
    """Whoever died in DS died in DM, and nobody else."""
    deceased = {row["USUBJID"] for row in tables["ds"] if row["DSDECOD"] == "DEATH"}
    return ((row.get("DTHFL") == "Y") is (row["USUBJID"] in deceased) for row in tables["dm"])


def consents(tables: Tables) -> Iterable[bool]:
    """The consent of DM is the first one of DS."""
    consents_of = [row for row in tables["ds"] if row["DSDECOD"] == "INFORMED CONSENT OBTAINED"]
    first = {
        row["USUBJID"]: row["DSSTDTC"]
        for row in sorted(consents_of, key=lambda row: row["DSSTDTC"], reverse=True)
    }
    return (row.get("RFICDTC", "") == first.get(row["USUBJID"], "") for row in tables["dm"])


def in_time(tables: Tables) -> Iterable[bool]:
    """DSSEQ follows whole dates."""
    last: dict[str, str] = {}
    for row in sorted(tables["ds"], key=lambda row: (row["USUBJID"], int(row["DSSEQ"]))):
        if len(row["DSSTDTC"]) == len("2026-03-04"):
            yield row["DSSTDTC"] >= last.get(row["USUBJID"], "")
            last[row["USUBJID"]] = row["DSSTDTC"]


def visits(tables: Tables) -> Iterable[bool]:
    """Every visit that QS names is one of SV."""
    known = {(row["USUBJID"], row["VISITNUM"], row["VISIT"]) for row in tables["sv"]}
    for row in tables["qs"]:
        named = (row["USUBJID"], row.get("VISITNUM", ""), row.get("VISIT", ""))
        yield named in known or not any(named[1:])


def parents(tables: Tables) -> Iterable[bool]:
    """Every supplement is of a group of QS records of its participant."""
    known = {(row["USUBJID"], row["QSGRPID"]) for row in tables["qs"]}
    return ((row["USUBJID"], row["IDVARVAL"]) in known for row in tables["suppqs"])


def people(tables: Tables) -> Iterable[bool]:
    """Everybody of any dataset is in DM."""
    known = {row["USUBJID"] for row in tables["dm"]}
    return (row["USUBJID"] in known for rows in tables.values() for row in rows)


def studies(tables: Tables) -> Iterable[bool]:
    """One study in all."""
    return (row["STUDYID"] == tables["dm"][0]["STUDYID"] for rows in tables.values() for row in rows)


def is_result_whole(row: Cells) -> bool:
    """A numeric result is the same number twice, and there is no number beside another text."""
    text, value = row.get("QSSTRESC", ""), row.get("QSSTRESN")
    return number(text) == (None if value is None else number(value))


def is_explained(row: Cells) -> bool:
    """What was not done has a reason."""
    return row.get("QSSTAT") != "NOT DONE" or "QSREASND" in row


RULES: Mapping[str, Rule] = {
    "CORE-000006": Rule(of_each("dm", lambda row: row.get("DTHFL", "Y") == "Y"), ("dm", "DTHFL", "N")),
    "CORE-000007": Rule(
        of_each("dm", lambda row: ("DTHDTC" in row) is ("DTHFL" in row)), ("dm", "DTHFL", ""), "DTHDTC"
    ),
    "CORE-000010": Rule(of_each("dm", lambda row: len(row.get("ARMCD", "")) < 21), ("dm", "ARMCD", "A" * 21)),
    "CORE-000031": Rule(of_each("qs", lambda row: "QSEVAL" not in row), ("qs", "QSEVAL", "INVESTIGATOR")),
    "CORE-000034": Rule(deaths, ("dm", "DTHDTC", "2026-01-01"), "DTHDTC"),
    "CORE-000037": Rule(of_each("sv", lambda row: row.get("SVPRESP", "Y") == "Y"), ("sv", "SVPRESP", "N")),
    "CORE-000038": Rule(
        of_each("sv", lambda row: "SVOCCUR" not in row or "SVPRESP" in row), ("sv", "SVPRESP", ""), "SVOCCUR"
    ),
    "CORE-000099": Rule(
        of_each("qs", lambda row: not row.keys() >= {"QSORRES", "QSSTAT"}), ("qs", "QSORRES", "1"), "QSSTAT"
    ),
    "CORE-000119": Rule(
        of_each("dm", lambda row: "ARM" not in row or "ARMCD" in row), ("dm", "ARMCD", ""), "ARM"
    ),
    "CORE-000135": Rule(of_each("suppqs", lambda row: "IDVARVAL" in row), ("suppqs", "IDVARVAL", "")),
    "CORE-000138": Rule(days_of("ds", "DSSTDTC", "DSSTDY"), ("ds", "DSSTDTC", "2026-04"), "DSSTDY"),
    "CORE-000159": Rule(of_each("qs", lambda row: row["QSTESTCD"] != "OTHER"), ("qs", "QSTESTCD", "OTHER")),
    "CORE-000168": Rule(visits, ("qs", "VISITNUM", "99"), "VISITNUM"),
    "CORE-000172": Rule(studies, ("qs", "STUDYID", "another")),
    "CORE-000186": Rule(once("dm", "SUBJID"), ("dm", "SUBJID", "0571-002")),
    "CORE-000199": Rule(of_each("qs", lambda row: len(row["QSTEST"]) <= 40), ("qs", "QSTEST", "n" * 41)),
    "CORE-000200": Rule(
        of_each("qs", lambda row: "QSORRES" in row or "QSSTAT" in row or row.get("QSDRVFL") == "Y"),
        ("qs", "QSORRES", ""), "QSORRES",
    ),
    "CORE-000201": Rule(people, ("sv", "USUBJID", "nobody")),
    "CORE-000203": Rule(once("suppqs", "USUBJID", "IDVARVAL", "QNAM"), ("suppqs", "QNAM", "QSLANG")),
    "CORE-000204": Rule(once("sv", "USUBJID", "VISITNUM"), ("sv", "VISITNUM", "1")),
    "CORE-000206": Rule(parents, ("suppqs", "IDVARVAL", "none")),
    "CORE-000220": Rule(codes("qs", "QSTESTCD"), ("qs", "QSTESTCD", "1A")),
    "CORE-000221": Rule(codes("suppqs", "QNAM"), ("suppqs", "QNAM", "TOOLONGNAME")),
    "CORE-000222": Rule(
        of_each("suppqs", lambda row: len(row["QLABEL"]) < 41), ("suppqs", "QLABEL", "n" * 41)
    ),
    "CORE-000225": Rule(
        of_each("qs", lambda row: "QSREASND" not in row or "QSSTAT" in row), ("qs", "QSSTAT", ""), "QSREASND"
    ),
    "CORE-000252": Rule(dead, ("ds", "DSDECOD", "DEATH"), "DSSCAT"),
    "CORE-000302": Rule(pairs("suppqs", "QNAM", "QLABEL"), ("suppqs", "QLABEL", "Another")),
    "CORE-000303": Rule(pairs("qs", "QSTESTCD", "QSTEST"), ("qs", "QSTEST", "Another")),
    "CORE-000318": Rule(pairs("dm", "ARMCD", "ARM"), ("dm", "ARM", "Another"), "ARMCD"),
    "CORE-000354": Rule(days_of("qs", "QSDTC", "QSDY"), ("qs", "QSDTC", "2026-04"), "QSDY"),
    "CORE-000370": Rule(consents, ("dm", "RFICDTC", "2026-01-01"), "RFICDTC"),
    "CORE-000522": Rule(of_each("ds", lambda row: "DSCAT" in row), ("ds", "DSCAT", "")),
    "CORE-000529": Rule(days_of("qs", "QSDTC", "QSDY"), ("qs", "QSDY", "0"), "QSDY"),
    "CORE-000535": Rule(in_time, ("ds", "DSSTDTC", "2099-01-01")),
    "CORE-000542": Rule(of_each("qs", is_result_whole), ("qs", "QSSTRESN", "9"), "QSSTRESC"),
    "CORE-000544": Rule(once("qs", "USUBJID", "QSSEQ"), ("qs", "QSSEQ", "2")),
    "CORE-000552": Rule(days_of("sv", "SVSTDTC", "SVSTDY"), ("sv", "SVSTDY", "0"), "SVSTDY"),
    "CORE-000679": Rule(dead, ("dm", "DTHFL", "Y")),
    "CORE-000705": Rule(
        of_each("dm", lambda row: ("DTHDTC" in row) is ("DTHFL" in row)), ("dm", "DTHDTC", ""), "DTHFL"
    ),
    "CORE-000732": Rule(of_each("qs", is_result_whole), ("qs", "QSSTRESC", "often"), "QSSTRESN"),
    "CORE-000774": Rule(of_each("qs", is_explained), ("qs", "QSREASND", ""), "QSSTAT"),
    "CORE-000863": Rule(of_each("qs", is_result_whole), ("qs", "QSSTRESN", ""), "QSSTRESN"),
}  # fmt: skip


ALWAYS = RULES.keys() - {"CORE-000034"}
"""Those that hold whatever happens: of two deaths in force DS has both."""


def break_rule(tables: Tables, rule: Rule) -> Tables:
    """The tables with the rule's fault in the first record that can have it."""
    name, column, value = rule.fault
    index = next(
        number
        for number, row in enumerate(tables[name])
        if rule.where in row and row.get(column, "") != value
    )
    rows = [dict(row) for row in tables[name]]
    rows[index] = {key: cell for key, cell in {**rows[index], column: value}.items() if cell}
    return {**tables, name: rows}
