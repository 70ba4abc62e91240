"""Looking one thing up: the study, a participant, a visit, as an EDC client may see them."""

from collections.abc import Mapping

from sqlmodel import Session

from app.domain.refusal import Refused
from app.services.core.context import EdcContext
from app.services.core.plans import get_plan_of, list_plans
from app.services.edc.entity_tags import (
    Preconditions,
    digest_text,
    list_entity_tags,
    serialise_representation,
)
from app.services.edc.records import StoreEffect, StoreResult
from app.services.edc.representations import JsonObject, Stated, describe_form, list_forms, represent_part
from app.services.edc.requests import find_participant
from app.services.edc.transfers import newest_seal
from app.storage.queries import feed_pages
from app.storage.queries.slots import slot_status


def describe_study(context: EdcContext, study: str) -> JsonObject:
    """The client's study: feed, head, plan, instruments, time rule. Raises Refused("unknown_study").

    The instruments are those of each version of the plan that the study has followed, the present one first.
    """
    if study != context.client.study:
        raise Refused("unknown_study", study=study)
    with context.read() as session:
        plans = list_plans(context.installation, session, context.client.study_id)
        head = feed_pages.read_feed_head(session, context.client.study_id)
        seal = newest_seal(session, context.client.study_id)
    plan, find = plans[0], context.installation.library.get_instrument
    named = dict.fromkeys(
        (instrument.id, instrument.version) for version in plans for instrument in version.instruments
    )
    used = [find(*key) for key in named]
    return {
        "study": study,
        "feed": context.client.feed,
        "head": head,
        "plan_version": plan.version,
        "plan_sha256": plan.sha256,
        "zone": plan.zone,
        "time_rule": "Windows are whole local days in the zone of the participant's site; instants are UTC.",
        "languages": list(plan.languages),
        "arms": [arm.code for arm in plan.arms],
        "anchors": [{"kind": anchor.kind, "owner": anchor.owner.value} for anchor in plan.anchors],
        "visits": [rule.code_of(offset) for rule in plan.visits for offset in rule.offsets],
        "instruments": [
            {
                "id": instrument.id,
                "version": instrument.version,
                "sha256": instrument.sha256,
                "algorithm": instrument.algorithm,
            }
            for instrument in used
        ],
        "formats": ["application/json", "application/x-ndjson"],
        "audit_head": seal,
    }


def describe_part(context: EdcContext, subject: str, part: str) -> JsonObject:
    """The representation of a part of a participant, as `represent_part` names them.

    Raises Refused: "unknown_participant", "no_anchor", "no_visit", "insufficient_scope".
    """
    with context.read() as session:
        return represent_part(_find(context, session, subject), part)


def confirm_unset(
    context: EdcContext, subject: str, part: str, body: Mapping[str, object], conditions: Preconditions
) -> StoreResult:
    """Take back what was served of a part where the EDC has stated nothing yet: nothing changes.

    Raises Refused: "bad_field" for any other body with an empty member, "version_mismatch", and as
    `describe_part`.
    """
    served = describe_part(context, subject, part)
    conditions.check(list_entity_tags(digest_text(serialise_representation(served))), exists=not part)
    if body != served:
        empty = next(name for name in ("as_of", *body) if body[name] is None)
        raise Refused("bad_field", field=empty, allowed="stated")
    return StoreResult(0, None, StoreEffect.none, None, text=serialise_representation(served))


def describe_forms(context: EdcContext, subject: str, visit: str) -> JsonObject:
    """The forms of a visit with their state at this moment.

    Raises Refused: "unknown_participant", "no_visit".
    """
    with context.read() as session:
        stated = _find(context, session, subject)
        forms = [
            describe_form(slot) | {"status": slot_status(slot, context.at).value}
            for slot in list_forms(stated, visit)
        ]
    return {"subject": subject, "visit": visit, "forms": forms}


def _find(context: EdcContext, session: Session, subject: str) -> Stated:
    participant = find_participant(session, context.client, subject)
    plan = get_plan_of(context.installation, session, participant)
    return Stated(session, context.client, plan, participant)
