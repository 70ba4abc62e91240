"""Whether a study is a demonstration or a trial."""

from enum import StrEnum


class StudyMode(StrEnum):
    """Whether an installation holds a demonstration or a trial; never both."""

    DEMO = "demo"
    LIVE = "live"
