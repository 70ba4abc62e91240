"""Instrument packs in use: importing them, what must be there before a form begins, and what ends soon."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from sqlmodel import Session, col, select

from app.domain.capture.slot_view import SlotInstrument
from app.domain.instruments.definition import Instrument
from app.domain.instruments.pack import Pack, PackValidity, parse_pack
from app.domain.instruments.text import Wording
from app.domain.plans.plan import Plan
from app.domain.plans.windows import local_day
from app.domain.records.access import Actor
from app.domain.records.audit import AuditEvent
from app.domain.records.studies import StudyMode
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.services.core.installation import Installation
from app.storage.queries.participants import get_study
from app.storage.row_changes import study_chain
from app.storage.tables.packs import InstrumentPack
from app.storage.tables.studies import Study


@dataclass(frozen=True, slots=True)
class PackStatus:
    """How a study stands with one instrument in one language; `valid_until` is None without a pack."""

    study: str
    instrument: str
    version: str
    language: str
    standing: PackValidity
    valid_until: date | None = None
    remaining_days: int = 0


def import_pack(context: StaffContext, study: str, content: str, file: str) -> tuple[Pack, bool]:
    """Store a pack for a study; the newest replaces those before it. Whether it is new: the same file
    again changes nothing.

    Raises BadDefinition for words that are not whole, and Refused: "unknown_study", "demo_takes_no_pack",
    "pack_of_other_study", "not_in_plan", "no_language", "pack_expired".
    """
    return _import(context, study, content, file, Wording.OFFICIAL)


def import_sample_pack(context: StaffContext, study: str, content: str, file: str) -> Pack:
    """Store a pack of our own words for a demonstration, whose licence is made up: it shows how one ends.

    Raises as `import_pack`.
    """
    pack, _is_new = _import(context, study, content, file, Wording.DEMONSTRATION)
    return pack


def _import(
    context: StaffContext, study: str, content: str, file: str, wording: Wording
) -> tuple[Pack, bool]:
    pack = parse_pack(content, file, context.installation.library.get_instrument, wording)
    with context.unit_of_work() as work:
        study_row = get_study(work.session, study)
        chain = study_chain(study_row.id)
        work.lock(chain)
        _check_fits(context.installation, study_row, pack)
        if _is_stored(work.session, study_row, pack):
            return pack, False
        plan = context.installation.library.get_plan(study_row.code, study_row.plan_version)
        _check_runs(pack, plan, context.at)
        work.session.add(_row(study_row, pack, content, context.actor, context.at))
        work.record(AuditEvent.PACK_IMPORTED, chain, study_row.id)
    return pack, True


def _check_fits(installation: Installation, study: Study, pack: Pack) -> None:
    if (study.mode is StudyMode.LIVE) is not (pack.text.wording is Wording.OFFICIAL):
        raise Refused("demo_takes_no_pack")
    if pack.study != study.code:
        raise Refused("pack_of_other_study", study=pack.study)
    # Of any version of the plan: the words are there before the study follows it.
    plans = [plan for plan in installation.library.plans.values() if plan.id == study.code and not plan.draft]
    used = dict.fromkeys(
        f"{instrument.id}@{instrument.version}" for plan in plans for instrument in plan.instruments
    )
    named = f"{pack.text.instrument}@{pack.text.version}"
    if named not in used:
        raise Refused("not_in_plan", instrument=named, allowed=", ".join(used))
    spoken = dict.fromkeys(language for plan in plans for language in plan.languages)
    if pack.text.lang not in spoken:
        raise Refused("no_language", field="lang", allowed=", ".join(spoken))


def _is_stored(session: Session, study: Study, pack: Pack) -> bool:
    same = select(InstrumentPack.id).where(
        InstrumentPack.study_id == study.id, InstrumentPack.sha256 == pack.text.sha256
    )
    return session.exec(same).first() is not None


def _row(study: Study, pack: Pack, content: str, actor: Actor, at: datetime) -> InstrumentPack:
    text = pack.text
    return InstrumentPack(
        study_id=study.id,
        instrument=text.instrument,
        version=text.version,
        lang=text.lang,
        name=text.name,
        copyright=text.copyright,
        licensee=pack.licensee,
        permission=pack.permission,
        valid_until=pack.valid_until,
        sha256=text.sha256,
        content=content,
        imported_at=at,
        imported_by=actor.id,
    )


def check_packs(installation: Installation, plan: Plan, at: datetime) -> None:
    """Refuse where the plan's licensed instruments lack words in one of its languages.

    Nobody is enrolled before all are there. Raises as `check_pack`.
    """
    for instrument in _licensed(installation, plan):
        for language in plan.languages:
            check_pack(installation, plan, instrument, language, at)


def check_form_wording(
    installation: Installation, study: str, language: str, slot: SlotInstrument, at: datetime
) -> None:
    """Refuse a form that may not be begun in this language; a begun one may be finished (CAP-15).

    Raises as `check_pack`.
    """
    if slot.begun_at is None:
        plan = installation.library.get_plan(study, slot.plan_version)
        instrument = installation.library.get_instrument(slot.instrument, slot.instrument_version)
        check_pack(installation, plan, instrument, language, at)


def has_form_wording(
    installation: Installation, study: str, language: str, slot: SlotInstrument, at: datetime
) -> bool:
    """Whether `check_form_wording` lets the form pass."""
    try:
        check_form_wording(installation, study, language, slot, at)
    except Refused:
        return False
    return True


def check_pack(
    installation: Installation, plan: Plan, instrument: Instrument, language: str, at: datetime
) -> None:
    """Refuse an instrument whose official words may not be shown today in this study.

    Raises Refused: "pack_missing", "pack_altered", "pack_expired". A demonstration and what is not
    licensed need none.
    """
    if not instrument.licensed or not installation.study_packs(plan.id).live:
        return
    pack = installation.get_pack(plan.id, instrument, language)
    if pack.judge_validity(local_day(at, plan.zone)) is PackValidity.EXPIRED:
        installation.refresh_packs(plan.id, at)  # perhaps another process imported its successor
        _check_runs(installation.get_pack(plan.id, instrument, language), plan, at)


def _check_runs(pack: Pack, plan: Plan, at: datetime) -> None:
    if pack.judge_validity(local_day(at, plan.zone)) is PackValidity.EXPIRED:
        text = pack.text
        raise Refused("pack_expired", instrument=text.instrument, language=text.lang, day=pack.valid_until)


def refresh_packs(installation: Installation, at: datetime) -> None:
    """Look for new packs of the trials that this process serves; a demonstration costs nothing."""
    for study in installation.pack_registry.live_studies():
        installation.refresh_packs(study, at)


def list_pack_statuses(
    installation: Installation, study: str, plan_version: str, at: datetime
) -> list[PackStatus]:
    """Every licensed instrument of a study's plan in each of its languages.

    A demonstration, which needs no licences, has those that were made up for it.
    """
    plan, packs = installation.library.get_plan(study, plan_version), installation.study_packs(study)
    return [
        _standing(installation, plan, instrument, language, at)
        for instrument in _licensed(installation, plan)
        for language in plan.languages
        if packs.live or packs.get_pack(instrument, language) is not None
    ]


def list_all_pack_statuses(installation: Installation, at: datetime) -> list[PackStatus]:
    """The standings of every trial of the installation, as they are now."""
    with installation.read() as session:
        trials = session.exec(
            select(Study).where(Study.mode == StudyMode.LIVE).order_by(col(Study.code))
        ).all()
    for study in trials:
        installation.refresh_packs(study.code, at)
    return [
        status
        for study in trials
        for status in list_pack_statuses(installation, study.code, study.plan_version, at)
    ]


def packs_needing_attention(packs: Iterable[PackStatus]) -> list[PackStatus]:
    """The packs that somebody must renew or provide."""
    return [pack for pack in packs if pack.standing is not PackValidity.VALID]


def _licensed(installation: Installation, plan: Plan) -> Iterator[Instrument]:
    for used in plan.instruments:
        instrument = installation.library.get_instrument(used.id, used.version)
        if instrument.licensed:
            yield instrument


_STANDINGS = {"pack_missing": PackValidity.MISSING, "pack_altered": PackValidity.ALTERED}


def _standing(
    installation: Installation, plan: Plan, instrument: Instrument, language: str, at: datetime
) -> PackStatus:
    of = (plan.id, instrument.id, instrument.version, language)
    try:
        pack = installation.get_pack(plan.id, instrument, language)
    except Refused as refused:
        return PackStatus(*of, _STANDINGS[refused.code])
    today = local_day(at, plan.zone)
    return PackStatus(*of, pack.judge_validity(today), pack.valid_until, pack.days_to_expiry(today))
