"""The least of a trial that the tables demand: a study, a site, a participant and a slot."""

from dataclasses import dataclass
from datetime import date

from app.domain.audit import Event
from app.domain.window import Window, window_of
from app.storage.changes import chain_of_participant, chain_of_study
from app.storage.feed import begin
from app.storage.people import Participant
from app.storage.schedule import Slot
from app.storage.slots import place
from app.storage.study import Mode, Site, Study
from app.storage.unit_of_work import UnitOfWork

WINDOW = window_of(
    date(2026, 3, 1), date(2026, 3, 8), date(2026, 3, 15), "Asia/Shanghai", overdue_after=3, grace_hours=48
)


@dataclass(frozen=True, slots=True)
class Trial:
    """The keys of what was founded."""

    study: int
    site: int
    participant: int
    slot: int

    @property
    def chain(self) -> str:
        """The participant's audit chain."""
        return chain_of_participant(self.participant)


def found_trial(work: UnitOfWork) -> Trial:
    """Add one of each, with the events that cover them."""
    study = Study(
        code="sbrt-nsclc",
        plan_version="1.0",
        plan_sha256="0" * 64,
        mode=Mode.DEMO,
        feed="f",
        loaded_at=work.at,
    )
    work.session.add(study)
    work.session.flush()
    work.session.add(begin(study.id or 0))
    site = Site(study_id=study.id or 0, code="01", name="One", phone="1", hours="8-17", zone="Asia/Shanghai")
    work.session.add(site)
    work.session.flush()
    participant = a_participant(work, study.id or 0, site.id or 0, "01-001")
    slot = a_slot(participant, "W6", WINDOW)
    work.session.add(slot)
    work.session.flush()
    chain = chain_of_study(study.id or 0)
    work.record(Event.STUDY_LOADED, chain, study.id)
    work.record(Event.SITE_OPENED, chain, study.id)
    work.record(Event.ANCHOR_RECORDED, chain_of_participant(participant.id or 0))
    return Trial(study.id or 0, site.id or 0, participant.id or 0, slot.id or 0)


def a_participant(work: UnitOfWork, study: int, site: int, subject: str) -> Participant:
    """A participant whose chain begins in this transaction."""
    participant = Participant(
        public_id=f"p{subject}",
        study_id=study,
        site_id=site,
        subject=subject,
        zone="Asia/Shanghai",
        language="zh_CN",
        enrolled_at=work.at,
    )
    work.session.add(participant)
    work.session.flush()
    chain = chain_of_participant(participant.id or 0)
    work.lock(chain, study)
    work.record(Event.PARTICIPANT_ENROLLED, chain, study)
    return participant


def a_slot(participant: Participant, visit: str, window: Window | None) -> Slot:
    """An expected form of this participant, not yet added."""
    slot = Slot(
        public_id=f"s{participant.id}-{visit}",
        study_id=participant.study_id,
        participant_id=participant.id or 0,
        site_id=participant.site_id,
        visit=visit,
        series="qlq",
        instrument="qlq-c30",
        instrument_version="3.0",
        plan_version="1.0",
        anchor="randomisation",
        arm_revealing=False,
        position=0,
        zone="Asia/Shanghai",
    )
    place(slot, window)
    return slot
