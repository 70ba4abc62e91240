"""Which requests are acts that happen once: the table beside that of permissions, and how a key is read.

A page that offers an act carries a key in the hidden field `FIELD` (`app/templates/ui/act_form.html`). The
guard of the face makes of it the act that the context carries, and the unit of work of that context claims
it. `check_acts` refuses an application with a route that writes and stands in neither table.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.routing import BaseRoute

from app.domain.people.identifying import names_somebody
from app.domain.records.acts import KeyedAct, page_owner, parse_page_key
from app.domain.records.audit import AuditEvent
from app.services.core.acts import check_repeated
from app.services.core.installation import Installation
from app.web import urls
from app.web.form_fields import find_long_fields, find_unwritable_fields
from app.web.permissions import RouteMismatch

FIELD = "act"
STALE = frozenset({"page_outdated", "page_used", "state_changed", "preview_changed"})
"""Refusals of an act because of the page that offered it: what is true now is shown beside them."""
_EXPLAINING = ("reason", "note", "outcome")
"""Fields in which staff say in their own words why or what they did."""
SIGNING = frozenset({"password", "one_time_code", "passkey"})
"""Fields in which staff sign an act; they are no part of what was typed."""
_SAFE = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class ActRule:
    """An act: where its result is shown, and the events that spoil the page which offered it.

    `result` is an address with the names of the route's own in braces.
    """

    result: str
    spoiled_by: frozenset[AuditEvent] = frozenset()


_FACTS = frozenset(
    {
        AuditEvent.PARTICIPANT_ENROLLED,
        AuditEvent.PARTICIPANT_UPDATED,
        AuditEvent.ARM_RECORDED,
        AuditEvent.ANCHOR_RECORDED,
        AuditEvent.ANCHOR_RECEIVED,
        AuditEvent.VISIT_RECEIVED,
        AuditEvent.VISIT_REQUESTED,
        AuditEvent.VISIT_CANCELLED,
        AuditEvent.DISPOSITION_RECORDED,
        AuditEvent.DISPOSITION_RECEIVED,
        AuditEvent.DISPOSITION_UNDONE,
        AuditEvent.PLAN_FOLLOWED,
        AuditEvent.SCHEDULE_MENDED,
    }
)
"""What is known of a participant's course, and the plan that they follow; the schedule follows from both."""

_FORM = _FACTS | {
    AuditEvent.SLOT_EXCUSED,
    AuditEvent.MISSED_REASON_RECORDED,
    AuditEvent.FORM_BEGUN,
    AuditEvent.FORM_SUBMITTED,
    AuditEvent.PAPER_ENTERED,
    AuditEvent.PAPER_SETTLED,
    AuditEvent.PAPER_SUBMITTED,
    AuditEvent.ANSWERS_ACCEPTED,
    AuditEvent.CORRECTION_APPROVED,
}
"""Besides what becomes of a form; not what time alone brings, which spoils no page."""
_PHONES = frozenset({AuditEvent.DEVICE_REVOKED, AuditEvent.DEVICE_REMOVED, AuditEvent.DEVICE_SIGNED_OUT})
_INVITED = frozenset(
    {
        AuditEvent.ACTIVATION_ISSUED,
        AuditEvent.DEVICE_BOUND,
        AuditEvent.DISPOSITION_RECORDED,
        AuditEvent.DISPOSITION_RECEIVED,
        AuditEvent.DISPOSITION_UNDONE,
    }
)
_BORN = frozenset({AuditEvent.BIRTH_DATE_RECORDED, AuditEvent.PARTICIPANT_ENROLLED})
_SNOOZED = frozenset({AuditEvent.WORK_SNOOZED, AuditEvent.WORK_RESUMED})
_CALLS = frozenset({AuditEvent.CALL_REQUESTED, AuditEvent.REQUEST_REOPENED})
_REMINDERS = frozenset(
    {
        AuditEvent.REMINDERS_CHANGED,
        AuditEvent.REMINDERS_PAUSED,
        AuditEvent.REMINDERS_RESUMED,
        AuditEvent.CONTACT_CHANGED,
        AuditEvent.CONTACT_REMOVED,
        AuditEvent.ADDRESS_VERIFIED,
    }
)

ACTS: Mapping[tuple[str, str], ActRule] = {
    # participants
    ("POST", urls.WELCOME): ActRule(urls.PRACTICE),
    ("POST", "/f/{slot}/begin"): ActRule("/f/{slot}"),
    ("POST", "/f/{slot}/who"): ActRule("/f/{slot}", frozenset({AuditEvent.HELPER_CONFIRMED})),
    ("POST", "/f/{slot}/language/{code}"): ActRule("/f/{slot}"),
    ("POST", "/sent/{slot}/correction"): ActRule("/sent/{slot}/asked"),
    ("POST", "/sent/{slot}/correction/withdrawal"): ActRule("/sent?withdrawn=1"),  # a closed one stays so
    ("POST", urls.CALL): ActRule(urls.CALL_FORM),  # never spoiled: whoever wants to be called is called
    ("POST", urls.CALL_WITHDRAWAL): ActRule(f"{urls.HELP}?withdrawn=1#call"),  # a closed one stays so
    ("POST", urls.TEXT_SIZE): ActRule(
        f"{urls.SETTINGS_SAVED}/text_size", frozenset({AuditEvent.TEXT_SIZE_CHANGED})
    ),
    ("POST", urls.REMINDERS): ActRule(f"{urls.SETTINGS_SAVED}/reminders", _REMINDERS),
    ("POST", urls.REMINDER_HOUR): ActRule(f"{urls.SETTINGS_SAVED}/hour", _REMINDERS),
    ("POST", urls.REMINDER_PAUSE): ActRule(f"{urls.SETTINGS_SAVED}/pause", _REMINDERS),
    ("POST", urls.OWN_ADDRESS): ActRule(urls.ADDRESS_CODE),  # a later code takes the place of an earlier one
    ("POST", urls.LEAVE): ActRule(f"{urls.PEOPLE}?left=1"),
    ("POST", urls.DEVICES): ActRule(f"{urls.DEVICES}?made=1", frozenset({AuditEvent.OWN_CODE_ISSUED})),
    ("POST", f"{urls.DEVICES}/{{device}}"): ActRule(f"{urls.DEVICES}?removed=1", _PHONES),
    # site staff
    ("POST", urls.STAFF_LANGUAGE): ActRule(urls.DESK),
    ("POST", urls.REQUEST): ActRule(f"{urls.REQUESTS}?done=1"),  # a closed request stays closed by itself
    ("POST", urls.BULK_REMINDERS): ActRule(f"{urls.DESK}?done=reminded"),  # each judged by itself
    # it names the assignment that the page showed, and is refused where that changed meanwhile
    ("POST", urls.BULK_ASSIGNMENTS): ActRule(f"{urls.DESK}?done=assigned"),
    ("POST", urls.ASSIGNMENT): ActRule(f"{urls.PARTICIPANT}?done=assigned"),
    ("POST", urls.CONTACT_LOG): ActRule(f"{urls.DESK}?done=contact"),  # never spoiled: it was tried
    ("POST", urls.CONTACT_ENTRY): ActRule(f"{urls.PARTICIPANT}?done=contact"),
    ("POST", urls.SNOOZE): ActRule(f"{urls.DESK}?done=snoozed", _SNOOZED | _CALLS),
    ("POST", urls.RESUME): ActRule(f"{urls.DESK}?done=resumed", _SNOOZED),
    ("POST", urls.ENROL): ActRule(f"{urls.PARTICIPANTS}?done=enrolled"),
    ("POST", urls.CONTACT): ActRule(f"{urls.PARTICIPANT}?done=looked"),
    ("POST", urls.NEW_CONTACT): ActRule(f"{urls.PARTICIPANT}?done=new_contact", _REMINDERS | _FACTS),
    ("POST", urls.NEW_TELEPHONE): ActRule(f"{urls.PARTICIPANT}?done=telephone", _REMINDERS),
    ("POST", urls.REMOVED_CONTACT): ActRule(f"{urls.PARTICIPANT}?done=no_contact", _REMINDERS),
    ("POST", urls.STAFF_PAUSE): ActRule(f"{urls.PARTICIPANT}?done=paused", _REMINDERS),
    ("POST", urls.STAFF_PAUSE_END): ActRule(f"{urls.PARTICIPANT}?done=unpaused", _REMINDERS),
    ("POST", urls.INVITATION): ActRule(f"{urls.PARTICIPANT}?done=sheet", _INVITED),
    ("POST", urls.PARTICIPANT_DEVICE): ActRule(f"{urls.PARTICIPANT}?done=device", _PHONES),
    ("POST", urls.BIRTH_DATE): ActRule(f"{urls.PARTICIPANT}?done=birth_date", _BORN),
    ("POST", urls.VISITS): ActRule(f"{urls.PARTICIPANT}?done=visit", _FACTS),
    ("POST", urls.CANCELLED_VISIT): ActRule(f"{urls.PARTICIPANT}?done=cancelled", _FACTS),
    ("POST", urls.DATES): ActRule(f"{urls.PARTICIPANT}?done=date", _FACTS),
    ("POST", urls.DISPOSITION): ActRule(f"{urls.PARTICIPANT}?done=disposition", _FACTS),
    ("POST", urls.UNDO_DISPOSITION): ActRule(f"{urls.PARTICIPANT}?done=undone", _FACTS),
    ("POST", urls.PARTICIPANT_FORM): ActRule(f"{urls.PARTICIPANT}?done=reason", _FORM),
    # the days that the page showed are compared with those of now
    ("POST", urls.DIARY_GAPS): ActRule(f"{urls.PARTICIPANT}?done=reason"),
    ("POST", urls.EXEMPTION): ActRule(f"{urls.PARTICIPANT}?done=excused", _FORM),
    # a proposal names the version that it rests on, and a decided one stays decided by itself
    ("POST", urls.FORM_CORRECTION): ActRule(f"{urls.PARTICIPANT_FORM}?done=proposed"),
    ("POST", urls.CORRECTION): ActRule(f"{urls.CORRECTION}?done=signed"),
    # an alert is acknowledged once by itself; what was done was done; nobody closes what they have not read
    ("POST", urls.ALERT_ACKNOWLEDGEMENT): ActRule(f"{urls.ALERT}?done=acknowledged"),
    ("POST", urls.ALERT_ACTIONS): ActRule(f"{urls.ALERT}?done=acted"),
    ("POST", urls.ALERT_CLOSING): ActRule(
        f"{urls.ALERT}?done=closed", frozenset({AuditEvent.ALERT_ACTED, AuditEvent.CORRECTION_APPROVED})
    ),
    # a matter names the very records that it is about, and a settled one stays so by itself
    # a name stands for one cut: the same one again gives the first
    ("POST", urls.EXPORTS): ActRule(f"{urls.EXPORTS}?done=cut"),
    # the same request gives the same export while its files are kept
    ("POST", urls.EXPORT_REQUESTS): ActRule(f"{urls.EXPORTS}?done=requested"),
    ("POST", urls.EXPORT_CHECKS): ActRule(f"{urls.EXPORT_CHECKS}?done=requested"),
    ("POST", urls.MATTER): ActRule(f"{urls.SETTLE}?done=settled"),
    ("POST", urls.LICENCE): ActRule(f"{urls.SETTLE}?done=settled"),
    # What would spoil it is judged by the rule itself, at the press and once more before it leaves.
    ("POST", urls.STAFF_REMINDER): ActRule(f"{urls.PARTICIPANT}?done=reminded"),
    # The form is judged as it is at the press: what was typed of one that was sent meanwhile lies apart.
    ("POST", urls.PAPER_ENTRY): ActRule(f"{urls.PARTICIPANT_FORM}?done=paper"),
    # it names the very entries that were shown, and two that are settled stay so by themselves
    ("POST", urls.PAPER_DIFFERENCES): ActRule(f"{urls.PARTICIPANT_FORM}?done=paper"),
    # people and sites
    ("POST", urls.STAFF_INVITATION): ActRule(f"{urls.STAFF}?done=invited"),
    ("POST", urls.STAFF_EXISTING): ActRule(f"{urls.STAFF}?done=granted"),
    ("POST", urls.STAFF_GRANTS): ActRule(f"{urls.STAFF_PERSON}?done=granted"),
    ("POST", urls.STAFF_GRANT): ActRule(f"{urls.STAFF_PERSON}?done=revoked"),
    ("POST", urls.STAFF_RESET): ActRule(f"{urls.STAFF_PERSON}?done=reset"),
    ("POST", urls.STAFF_DISABLING): ActRule(f"{urls.STAFF_PERSON}?done=disabled"),
    ("POST", urls.STAFF_ENABLING): ActRule(f"{urls.STAFF_PERSON}?done=enabled"),
    ("POST", urls.STAFF_SESSION): ActRule(f"{urls.STAFF_PERSON}?done=ended"),
    ("POST", urls.ACCESS_REVIEW): ActRule(f"{urls.ACCESS_REVIEW}?done=reviewed"),
    ("POST", urls.CLIENTS): ActRule(f"{urls.CLIENTS}?done=created"),
    ("POST", urls.CLIENT_END): ActRule(f"{urls.CLIENTS}?done=ended"),  # an ended one stays so by itself
    ("POST", urls.SITES): ActRule(f"{urls.SITES}?done=opened"),
    ("POST", urls.SITE): ActRule(f"{urls.SITE}?done=changed"),
    ("POST", urls.SITE_CLOSING): ActRule(f"{urls.SITE}?done=closed"),
    ("POST", urls.SITE_REOPENING): ActRule(f"{urls.SITE}?done=reopened"),
}
"""Every act, by method and path as in the table of permissions."""

_ANSWERS = "saving and sending answers have rules of their own for what is sent again or differs"
_TRIES = "every try at a secret counts, also the same one again"
_AS_OF = "the EDC says from when its body was true, and the same body again changes nothing"
_SEEN = "only who holds the phone, and when it was last used"
_SET = "the choice of a language, which the same choice again leaves as it is"
_NAMED = "a name stands for one cut, and the same name again gives the first one"
_SAME_EXPORT = "the same request again gives the same export while its files are kept"
_ENDS = "a browser that is signed out stays so"
_ADDED = "an authenticator's answer adds one passkey, and the same answer again none"
_REMOVED = "a passkey that is removed stays so"
_SEALS = "it ends the session whose page could ask for it again, and only the newest link works"
_NOTHING = "nothing is stored"

EXEMPT: Mapping[tuple[str, str], str] = {
    ("POST", "/f/{slot}/answers"): _ANSWERS,
    ("POST", "/f/{slot}/submit"): _ANSWERS,
    ("POST", "/f/{slot}/late"): _ANSWERS,
    ("POST", "/a/{link}"): _TRIES,
    ("POST", urls.CODE): _TRIES,
    ("POST", urls.UNLOCK): _TRIES,
    ("POST", urls.ADDRESS_CODE): _TRIES,
    ("POST", urls.NEW_PIN): _TRIES,
    ("POST", urls.SIGN_IN): _TRIES,
    ("POST", urls.SIGN_IN_CODE): _TRIES,
    ("POST", urls.SIGN_OUT): _TRIES,
    ("POST", urls.JOIN): _TRIES,
    ("POST", urls.HAND_OVER): _SEALS,
    ("POST", urls.ACCOUNT_PASSWORD): _TRIES,
    ("POST", urls.ACCOUNT_CODES): _TRIES,
    ("POST", urls.ACCOUNT_SESSION): _ENDS,
    ("POST", urls.ACCOUNT_PASSKEYS): _TRIES,
    ("POST", urls.ACCOUNT_NEW_PASSKEY): _ADDED,
    ("POST", urls.ACCOUNT_PASSKEY): _REMOVED,
    ("POST", f"{urls.EDC}/oauth/token"): _TRIES,
    ("POST", f"{urls.EDC}/cuts"): _NAMED,
    ("POST", f"{urls.EDC}/exports"): _SAME_EXPORT,
    ("POST", urls.PEOPLE): _SEEN,
    ("POST", urls.MARK): _NOTHING,  # and no digest of a nickname either
    ("POST", "/language"): _SET,
    ("POST", urls.HOME_SCREEN): _NOTHING,
    ("POST", urls.PRACTICE): _NOTHING,
    ("PUT", f"{urls.EDC}/participants/{{subject}}"): _AS_OF,
    ("PUT", f"{urls.EDC}/participants/{{subject}}/status"): _AS_OF,
    ("PUT", f"{urls.EDC}/participants/{{subject}}/visits/{{visit}}"): _AS_OF,
    ("PUT", f"{urls.EDC}/participants/{{subject}}/anchors/{{kind}}"): _AS_OF,
    ("PUT", f"{urls.EDC}/participants/{{subject}}/arm"): _AS_OF,
}
"""What needs no key, and why."""


def _find_identifying(path: str, fields: Mapping[str, str]) -> tuple[str, ...]:
    """Fields of an act about a participant whose words may not go into the trail: it cannot be emptied."""
    if not path.startswith(urls.PARTICIPANT) and path != urls.REQUEST:
        return ()
    return tuple(name for name in _EXPLAINING if names_somebody(fields.get(name, "")))


def check_acts(routes: Sequence[BaseRoute]) -> None:
    """Compare the routes that write with the two tables. Raises RouteMismatch naming the difference."""
    writing = {
        (method, route.path)
        for route in routes
        if isinstance(route, APIRoute)
        for method in (route.methods or set()) - _SAFE
    }
    for row in sorted(writing):
        if (row in ACTS) is (row in EXEMPT):
            raise RouteMismatch(f"{row[0]} {row[1]}: must be an act or exempt, and not both")
    if absent := sorted((ACTS.keys() | EXEMPT.keys()) - writing):
        raise RouteMismatch(f"an act or exempt, and no route: {absent}")


def read_act(
    request: Request,
    installation: Installation,
    actor_id: str,
    fields: Mapping[str, str],
    participant_id: int | None = None,
    secret_fields: Collection[str] = (),
) -> KeyedAct | None:
    """The act that this request asks for; None where the route offers none.

    What was typed goes into a keyed digest, without the fields that hold secrets. Raises ActRepeated.
    """
    rule = ACTS.get((request.method, request.scope["route"].path))
    if rule is None:
        return None
    key = parse_page_key(fields.get(FIELD, ""))
    typed = sorted(pair for pair in fields.items() if pair[0] != FIELD and pair[0] not in secret_fields)
    act = KeyedAct(
        key=key.name_act(request.url.path) if key else "",
        own=key is not None and key.owner == page_owner(actor_id),
        actor=actor_id,
        body=installation.secret_box.keyed_fingerprint(urlencode(typed), "act"),
        result=rule.result.format(**request.path_params),
        participant_id=participant_id,
        seen=key.seen if key else None,
        epoch=key.epoch if key else 0,
        spoiled_by=rule.spoiled_by,
        unwritable=find_unwritable_fields(dict(typed)),
        too_long=find_long_fields(dict(typed)),
        identifying=_find_identifying(request.scope["route"].path, fields),
    )
    check_repeated(installation, act)
    return act


def require_act(request: Request, act: KeyedAct | None) -> KeyedAct:
    """The act that a request asks for. Raises LookupError where its route offers none."""
    if act is None:
        raise LookupError(request.url.path)
    return act
