"""The session of a participant in a bound browser: authentication, idle lock, language, sign-out."""

from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from app.domain.clock_trust import is_over
from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.accounts.second_check import require_answer
from app.services.core.context import DeviceContext, ParticipantContext, ParticipantSession
from app.storage.queries.form_rows import SessionRows, read_session_by_token
from app.storage.row_changes import participant_chain
from app.storage.statements.save_answers import renew_device_lease
from app.storage.tables.participants import Device, Participant
from app.storage.unit_of_work import UnitOfWork

_SEEN_EVERY = timedelta(seconds=60)


def authenticate_participant(
    session: Session, context: DeviceContext, *, bringing: bool = False
) -> ParticipantSession:
    """The participant behind this browser; raises Refused("not_signed_in") for none, unknown or revoked.

    Raises Refused("hand_over_ended") for a tablet of the clinic that is this participant's no longer;
    `bringing` as in `build_session`.
    """
    rows = read_session_by_token(session.connection(), context.token_digest)
    if rows is None:
        handed = select(Device.id).where(
            Device.token_hash == context.token_digest, col(Device.handed_over_by).is_not(None)
        )
        raise Refused("not_signed_in" if session.exec(handed).first() is None else "hand_over_ended")
    return build_session(context, rows, bringing=bringing)


def authenticate_device(context: DeviceContext, *, bringing: bool = False) -> ParticipantSession:
    """Authenticate the browser of a request, in a read of its own."""
    with context.installation.read() as session:
        return authenticate_participant(session, context, bringing=bringing)


def build_session(context: DeviceContext, rows: SessionRows, *, bringing: bool = False) -> ParticipantSession:
    """The participant behind a bound browser whose rows were read.

    Raises Refused("hand_over_ended") for the clinic's tablet that nobody has used for too long; where the
    request is `bringing` answers it is locked instead, so that they wait for the second check.
    """
    device, participant, study = rows.device, rows.participant, rows.study
    plan = context.installation.library.get_plan(study.code, participant.plan_version)
    idle = is_idle(device.seen_at, context.at, plan.idle_minutes)
    if idle and device.handed_over_by is not None and not bringing:
        raise Refused("hand_over_ended")
    return ParticipantSession(
        token_digest=context.token_digest,
        device_id=device.id,
        participant_id=participant.id,
        public_id=participant.public_id,
        study_id=participant.study_id,
        study=study.code,
        plan_version=participant.plan_version,
        subject=participant.subject,
        language=participant.language,
        text_size=participant.text_size,
        zone=participant.zone,
        site=rows.site,
        exit_kind=participant.exit_kind,
        enrolled_at=participant.enrolled_at,
        seen_at=device.seen_at,
        locked=device.locked_at is not None or idle,
        put_down=device.locked_at is not None,
        second_check=plan.second_check,
        handed_over=device.handed_over_by is not None,
        handed_slot=device.handed_slot_id,
        helper=device.helper or "",
        helper_on=device.helper_on,
    )


def is_idle(seen_at: datetime, at: datetime, idle_minutes: int) -> bool:
    """Whether a browser was not seen for too long, or was last seen in the future by a wrong clock."""
    return is_over(seen_at, at, timedelta(minutes=idle_minutes))


def is_keep_alive_due(seen_at: datetime, at: datetime) -> bool:
    """Whether to renew a browser's lease (debounced: at most once a minute)."""
    return at - seen_at >= _SEEN_EVERY


def device_to_keep_alive(context: ParticipantContext) -> int | None:
    """The browser whose lease is due (debounced); None for a locked one, or one renewed a moment ago."""
    participant = context.participant
    if participant.locked or not is_keep_alive_due(participant.seen_at, context.at):
        return None
    return participant.device_id


def keep_alive(context: ParticipantContext) -> None:
    """Renew an unlocked browser's lease, by one statement that is a transaction by itself."""
    device = device_to_keep_alive(context)
    if device is not None:
        renew_device_lease(context.installation.engine, device, context.at)


def unlock_device(context: ParticipantContext, answer: str) -> None:
    """Unlock a browser by the answer to the study's second check: PIN, birth date, or nothing at all.

    Raises Refused: "throttled" (this browser alone), "sign_in_busy", "wrong_pin", "wrong_birth_date"; a wrong
    answer is recorded.
    """
    require_answer(context, context.participant.second_check, answer)
    with context.unit_of_work() as work:
        chain = participant_chain(context.participant.participant_id)
        work.lock(chain)
        device = work.session.get_one(Device, context.participant.device_id)
        device.seen_at, device.locked_at = context.at, None
        work.record(AuditEvent.DEVICE_UNLOCKED, chain)


def lock_device(context: ParticipantContext) -> None:
    """Lock this browser at once: the phone passes to another participant."""
    with context.unit_of_work() as work:
        chain = participant_chain(context.participant.participant_id)
        work.lock(chain)
        device = work.session.get_one(Device, context.participant.device_id)
        if device.locked_at is None:
            device.locked_at = context.at
            device.helper = device.helper_on = None  # whoever comes back says anew who fills in
            work.record(AuditEvent.DEVICE_LOCKED, chain)


def sign_out_device(context: ParticipantContext) -> None:
    """Unbind this browser (idempotent); a fresh link binds it again."""
    participant = context.participant
    with context.unit_of_work() as work:
        unbind_device(work, participant.participant_id, participant.device_id, AuditEvent.DEVICE_SIGNED_OUT)


def unbind_device(
    work: UnitOfWork, participant_id: int, device_id: int, event: AuditEvent, reason: str | None = None
) -> None:
    """Unbind a browser with this event; one that was unbound meanwhile, by whomever, stays as it is."""
    chain = participant_chain(participant_id)
    work.lock(chain)
    device = work.session.get_one(Device, device_id)
    if device.revoked_at is None:
        device.revoked_at = work.at
        work.record(event, chain, reason=reason)


def change_language(context: ParticipantContext, language: str) -> None:
    """Set the participant's language; raises Refused("no_language") naming those of the study."""
    with context.unit_of_work() as work:
        plan = context.installation.library.get_plan(
            context.participant.study, context.participant.plan_version
        )
        if language not in plan.languages:
            raise Refused("no_language", field="language", allowed=plan.languages)
        participant = work.session.get_one(Participant, context.participant.participant_id)
        if participant.language != language:
            participant.language = language
            work.record(AuditEvent.LANGUAGE_CHANGED, participant_chain(context.participant.participant_id))


def remember_language(context: DeviceContext, language: str) -> None:
    """Keep the language that a browser chose for the participant behind it, if there is one.

    A language that the study is not done in, or a browser that nobody has bound, changes nothing.
    """
    try:
        participant = authenticate_device(context)
        change_language(ParticipantContext(context.installation, participant, context.at), language)
    except Refused as refused:
        if refused.code not in ("not_signed_in", "hand_over_ended", "no_language"):
            raise
