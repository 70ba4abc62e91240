"""Where the demonstration takes place: two studies, three hospitals that do not exist, and their staff."""

from dataclasses import dataclass

from app.domain.people.week_hours import WEEKDAYS
from app.domain.records.access import Role
from app.services.setup.studies import SiteEntry

PASSWORD = "demonstration-only"  # noqa: S105 - everybody may know it: it opens nothing but a demonstration
STUDY, PLAN = "sbrt-nsclc", "1.1"
HOME_STUDY, HOME_PLAN = "symptoms-at-home", "1.0"
ZONE = "Asia/Shanghai"
_HOURS = "08:00-11:30 / 13:30-17:00"
WEEK_HOURS = dict.fromkeys(WEEKDAYS[:5], "08:00-11:30, 13:30-17:00") | {"sat": "09:00-12:00"}
ADMINISTRATOR = "admin@daybook.example"

SITES = (
    # No Chinese subscriber's number begins with 0, so nobody is ever called by mistake.
    SiteEntry("0571", "西湖演示医院 · West Lake Demonstration Hospital", "0571-00000001", _HOURS, ZONE),
    SiteEntry("0512", "金鸡湖演示医院 · Jinji Lake Demonstration Hospital", "0512-00000002", _HOURS, ZONE),
    SiteEntry("0755", "莲花山演示医院 · Lotus Hill Demonstration Hospital", "0755-00000003", _HOURS, ZONE),
)
HOME_SITE = SITES[1]
"""The only hospital of the second study."""


@dataclass(frozen=True, slots=True)
class DemoStaff:
    """A member of staff; `site` None is every site of the study."""

    email: str
    name: str
    role: Role
    site: str | None
    language: str


STAFF = (
    DemoStaff("nurse.0571@daybook.example", "沈小雨 (demo)", Role.NURSE, "0571", "zh_CN"),
    DemoStaff("doctor.0571@daybook.example", "顾明远 (demo)", Role.INVESTIGATOR, "0571", "zh_CN"),
    DemoStaff("nurse.0512@daybook.example", "Lin Yue (demo)", Role.NURSE, "0512", "en"),
    DemoStaff("doctor.0512@daybook.example", "陆思齐 (demo)", Role.INVESTIGATOR, "0512", "zh_CN"),
    DemoStaff("nurse.0755@daybook.example", "何晓棠 (demo)", Role.NURSE, "0755", "zh_CN"),
    DemoStaff("doctor.0755@daybook.example", "Fang Wei (demo)", Role.INVESTIGATOR, "0755", "en"),
    DemoStaff("monitor@daybook.example", "Monitor (demo)", Role.MONITOR, None, "en"),
    DemoStaff("data@daybook.example", "Data manager (demo)", Role.DATA_MANAGER, None, "en"),
    DemoStaff(ADMINISTRATOR, "Administrator (demo)", Role.ADMIN, None, "en"),
    DemoStaff("statistician@daybook.example", "Statistician (demo)", Role.STATISTICIAN, None, "en"),
    DemoStaff("sponsor@daybook.example", "Sponsor's viewer (demo)", Role.SPONSOR_VIEWER, None, "en"),
)

BOTH_STUDIES = frozenset(
    {
        "nurse.0512@daybook.example",
        "doctor.0512@daybook.example",
        "data@daybook.example",
        ADMINISTRATOR,
        "statistician@daybook.example",
    }
)
"""Who works in the second study too; everybody else knows the first alone."""
