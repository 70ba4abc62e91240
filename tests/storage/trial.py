"""The least of a trial that the tables demand: a study, a site, a participant and a slot."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

from sqlalchemy.engine import Engine
from sqlmodel import Session, col, select

from app.domain.plans.windows import Window, build_window
from app.domain.records.audit import AuditEvent
from app.domain.records.studies import StudyMode
from app.storage.feed_numbering import new_feed_head
from app.storage.queries.slots import window_columns
from app.storage.row_changes import participant_chain, study_chain
from app.storage.tables.audit import AuditEntry
from app.storage.tables.participants import Participant
from app.storage.tables.schedule import Slot
from app.storage.tables.studies import Site, Study
from app.storage.unit_of_work import UnitOfWork

AT = datetime(2026, 3, 1, 2, tzinfo=UTC)
WINDOW = build_window(
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
        return participant_chain(self.participant)


def set_up_trial(work: UnitOfWork) -> Trial:
    """Add one of each, with the events that cover them."""
    study = Study(
        code="sbrt-nsclc",
        plan_version="1.0",
        plan_sha256="0" * 64,
        mode=StudyMode.DEMO,
        feed="f",
        loaded_at=work.at,
    )
    work.session.add(study)
    work.session.flush()
    work.session.add(new_feed_head(study.id))
    site = Site(study_id=study.id, code="01", name="One", phone="1", hours="8-17", zone="Asia/Shanghai")
    work.session.add(site)
    work.session.flush()
    participant = a_participant(work, study.id, site.id, "01-001")
    slot = a_slot(participant, "W6", WINDOW)
    work.session.add(slot)
    work.session.flush()
    chain = study_chain(study.id)
    work.record(AuditEvent.STUDY_LOADED, chain, study.id)
    work.record(AuditEvent.SITE_OPENED, chain, study.id)
    work.record(AuditEvent.ANCHOR_RECORDED, participant_chain(participant.id))
    return Trial(study.id, site.id, participant.id, slot.id)


def a_participant(work: UnitOfWork, study: int, site: int, subject: str) -> Participant:
    """A participant whose chain begins in this transaction."""
    participant = Participant(
        public_id=f"p{subject}",
        study_id=study,
        site_id=site,
        subject=subject,
        plan_version="1.0",
        zone="Asia/Shanghai",
        language="zh_CN",
        enrolled_at=work.at,
    )
    work.session.add(participant)
    work.session.flush()
    chain = participant_chain(participant.id)
    work.lock(chain, study)
    work.record(AuditEvent.PARTICIPANT_ENROLLED, chain, study)
    return participant


def a_slot(participant: Participant, visit: str, window: Window | None) -> Slot:
    """An expected form of this participant, not yet added."""
    slot = Slot(
        public_id=f"s{participant.id}-{visit}",
        study_id=participant.study_id,
        participant_id=participant.id,
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
    for column, value in window_columns(window).items():
        setattr(slot, column, value)
    slot.window_version = 1
    return slot


def language(engine: Engine, trial: Trial) -> str:
    """The language of the participant, as the database has it."""
    with Session(engine) as session:
        return session.get_one(Participant, trial.participant).language


def last_entry(engine: Engine, chain: str) -> AuditEntry:
    """The newest entry of an audit chain."""
    with Session(engine) as session:
        newest = select(AuditEntry).where(AuditEntry.chain == chain).order_by(col(AuditEntry.seq).desc())
        return session.exec(newest.limit(1)).one()
