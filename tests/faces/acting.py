"""The acts of the desk about participants and their forms as somebody presses them in good faith."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pyotp
import sqlalchemy as sa
from sqlmodel import select

from app.domain.capture.answers import CollectionMode
from app.domain.plans.plan import Owner, SecondCheck
from app.domain.records.access import SYSTEM
from app.domain.records.dispositions import DispositionKind
from app.domain.records.studies import StudyMode
from app.domain.today.contacts import join_reasons
from app.domain.today.reasons import Reason
from app.services.capture.quarantine import quarantine_answers
from app.services.clinic.paper.entries import TypedAnswer, TypedPaper, enter_paper
from app.services.core.context import StaffContext
from app.services.core.pack_registry import PackRegistry
from app.services.schedule.dispositions import DispositionEntry, record_disposition
from app.services.schedule.requested_visits import request_visit
from app.storage.tables.schedule import Disposition, Slot
from app.storage.tables.staff import Staff
from app.storage.tables.studies import Study
from app.web import urls
from app.web.acts import FIELD
from tests.faces.acting_reaching import REACHING_PRESSES
from tests.faces.callers import PASSWORD, SiteFixture, sign_in_colleague
from tests.faces.rights import Who
from tests.faces.valid_acts import Press, browser_of, press_as_participant, press_as_staff, with_address
from tests.markup import parse_page
from tests.scenarios.confirmation_rules import with_second_check
from tests.scenarios.people import START, Person


def _previewed(press: Press) -> Press:
    """The act behind its preview: what the confirming page carries along is its body."""
    preview = press.client.post(press.address, data=press.body)
    hidden = parse_page(preview.text).all("form", action=press.address)[-1].all("input", type="hidden")
    press.body = {str(each["name"]): str(each["value"]) for each in hidden if each["name"] != FIELD}
    assert press.body["step"] == "confirm"
    return press


def _enrol(sites: SiteFixture) -> Press:
    day = START.date().isoformat()
    typed = {
        "site": "sbrt-nsclc:0571",
        "subject": "0571-077",
        "language": "zh_CN",
        "enrolled_on": day,
        "consented_on": day,
        "consent_version": "2.1",
        "identity_check": "id_card",
        "channel": "",
        "address": "",
    }
    return press_as_staff(
        sites, urls.ENROL, body=typed, other=typed | {"subject": "0571-078"}, words="0571-078"
    )


def _contact(sites: SiteFixture) -> Press:
    with_address(sites)
    return press_as_staff(sites, urls.CONTACT, other={"x": "1"})


def _birth_date(sites: SiteFixture) -> Press:
    sites.app.state.installation = with_second_check(sites.installation, SecondCheck.birth_date)
    born = {"birth_year": "1950", "birth_month": "2", "birth_day": "3", "reason": "mistyped once"}
    return press_as_staff(
        sites, urls.BIRTH_DATE, body=born, other=born | {"reason": "typed twice"}, words="typed twice"
    )


def _visit(sites: SiteFixture) -> Press:
    day = START.date()
    return press_as_staff(
        sites,
        urls.VISITS,
        body={"visit": "UNS", "on": day.isoformat()},
        other={"visit": "UNS", "on": (day + timedelta(days=1)).isoformat()},
        words=f'maxlength="2" value="{day + timedelta(days=1):%d}"',
    )


def _cancel(sites: SiteFixture) -> Press:
    person = sites.phone.person
    context = StaffContext(sites.installation, person.nurse, START)
    request_visit(context, person.site.study_id, person.subject, "UNS", START.date())
    named = {"visit": "UNS-1"}
    return press_as_staff(
        sites,
        urls.CANCELLED_VISIT,
        body=named | {"reason": "wrong person"},
        other=named | {"reason": "wrong day"},
        words="wrong day",
    )


def _date(sites: SiteFixture) -> Press:
    day = START.date().isoformat()
    press = press_as_staff(
        sites, urls.DATES, body={"kind": "sbrt_start", "on": day, "reason": "as in the chart"}
    )
    press = _previewed(press)
    press.other, press.words = press.body | {"reason": "as in the plan"}, "as in the plan"
    return press


def _disposition(sites: SiteFixture) -> Press:
    day = START.date().isoformat()
    press = press_as_staff(
        sites, urls.DISPOSITION, body={"kind": "withdrew_study", "stated": day, "reason": "moved away"}
    )
    press = _previewed(press)
    press.other, press.words = press.body | {"reason": "is tired"}, "is tired"
    return press


def _undo(sites: SiteFixture) -> Press:
    person = sites.phone.person
    entry = DispositionEntry(
        DispositionKind.withdrew_treatment, START.date().isoformat(), Owner.site, "moved"
    )
    context = StaffContext(sites.installation, person.nurse, START)
    recorded: Disposition = record_disposition(context, person.site.study_id, person.subject, entry)
    named = {"entry": str(recorded.id)}
    return press_as_staff(
        sites,
        urls.UNDO_DISPOSITION,
        body=named | {"reason": "wrong person"},
        other=named | {"reason": "wrong day"},
        words="wrong day",
    )


def _reason(sites: SiteFixture) -> Press:
    sites.clock.forward(days=40)
    return press_as_staff(
        sites,
        urls.PARTICIPANT_FORM,
        body={"reason": "not_reachable", "note": ""},
        other={"reason": "other", "note": "was in hospital"},
        words="was in hospital",
    )


def _gap(sites: SiteFixture) -> Press:
    """Forty days after randomisation nobody has entered a day of the diary: D0 to D37 are closed."""
    day = sites.clock.at.date()
    sites.phone.person.randomise(day, sites.clock.at)
    sites.clock.forward(days=40)
    shown = {"first": day.isoformat(), "last": (day + timedelta(37)).isoformat(), "entries": "38"}
    return press_as_staff(
        sites,
        urls.DIARY_GAPS,
        body=shown | {"reason": "not_reachable", "note": ""},
        other=shown | {"reason": "other", "note": "was in hospital"},
        words="was in hospital",
    )


def _exemption(sites: SiteFixture) -> Press:
    typed = {"exemption": "no_translation", "step": "confirm"}
    return press_as_staff(sites, urls.EXEMPTION, body=typed, other=typed | {"x": "1"})


def _reminder(sites: SiteFixture) -> Press:
    with_address(sites)
    wish = press_as_participant(sites, urls.REMINDERS, body={"wanted": "yes"})
    assert wish.post(wish.key()).status_code == 303
    return press_as_staff(sites, urls.STAFF_REMINDER, other={"x": "1"})


def _paper(sites: SiteFixture) -> Press:
    day = {"collected_on_year": "2026", "collected_on_month": "3", "collected_on_day": "2"}
    typed = {f"a_q{number}": "2" for number in range(1, 31)} | day | {"reason": "no_device"}
    other = typed | {"paper": "binder 2, page 9"}
    return press_as_staff(
        sites, urls.PAPER_ENTRY, body=typed | {"paper": "binder 2"}, other=other, words="binder 2, page 9"
    )


def _paper_difference(sites: SiteFixture) -> Press:
    """Two nurses entered the first answer of a sheet differently, in a plan that asks for both."""
    library = sites.installation.library
    plans = {key: replace(plan, double_paper_entry=True) for key, plan in library.plans.items()}
    double = replace(sites.installation, library=replace(library, plans=plans))
    sites.app.state.installation = double
    person = sites.phone.person
    for number, first in enumerate(("1", "2")):
        nurse = replace(person.nurse, id=f"nurse-{number}")
        answers = [TypedAnswer(f"q{item}", first if item == 1 else "3") for item in range(1, 31)]
        typed = TypedPaper(answers, START.date(), "sheet 1", "no_device")
        enter_paper(StaffContext(double, nurse, START), person.row().id, person.slot("BL").public_id, typed)
    press = press_as_staff(sites, urls.PAPER_DIFFERENCES, words="the second one")
    hidden = parse_page(press.client.get(press.address).text).one("input", name="second")
    chosen = {"second": hidden["value"], "c_q1": "second"}
    press.body, press.other = chosen | {"reason": "as it is"}, chosen | {"reason": "the second one"}
    return press


def _bulk(sites: SiteFixture) -> Press:
    person = sites.phone.person
    press = _reminder(sites)
    press.address, press.participant = urls.BULK_REMINDERS, None
    press.body = {f"remind-{person.row().public_id}": person.slot("BL").public_id}
    press.other = press.body | {"x": "1"}
    return press


def _snooze(sites: SiteFixture) -> Press:
    day = (START + timedelta(days=3)).date().isoformat()
    typed = {"reasons": join_reasons(frozenset(Reason)), "reason": "is abroad", "until": day}
    other = typed | {"reason": "is on holiday"}
    return press_as_staff(sites, urls.SNOOZE, body=typed, other=other)


def _resume(sites: SiteFixture) -> Press:
    press = _snooze(sites)
    assert press.post(press.key()).status_code == 303
    press.address = sites.address(urls.RESUME, sites.phone.person)
    press.body, press.other = {}, {"x": "1"}
    return press


def _about_submitted(sites: SiteFixture, path: str, **typed: Any) -> Press:  # noqa: ANN401 - fields of `Press`
    """An act of the investigator about the form that the fourth person of this site has sent."""
    press = press_as_staff(sites, path, **typed)
    site = sites.phone.person.site
    press.participant = Person(sites.installation, site, f"{site.code}-004").row().public_id
    return press


def _proposal(sites: SiteFixture) -> Press:
    typed = {
        "items": "q6",
        "version": "1",
        "new_q6": "3",
        "reason_q6": "wrong_tap",
        "words": "I meant quite a bit",
        "told_on": START.date().isoformat(),
        "evidence": "telephone",
    }
    other = typed | {"words": "I meant not at all"}
    return _about_submitted(sites, urls.FORM_CORRECTION, body=typed, other=other, words="I meant not at all")


def _signature(sites: SiteFixture) -> Press:
    press = _about_submitted(sites, urls.CORRECTION)
    sites.clock.forward(minutes=1)  # the code of signing in signs nothing
    with sites.installation.read() as session:
        email = f"{Who.investigator}@example.org"
        sealed = session.exec(select(Staff.totp_sealed).where(Staff.email == email)).one()
    secret = sites.installation.secret_box.decrypt(sealed)
    code = pyotp.TOTP(secret).generate_otp(int(sites.clock.at.timestamp()) // 30)
    press.body = {"outcome": "approved", "note": "", "password": PASSWORD, "one_time_code": code}
    press.other = press.body | {"outcome": "declined", "note": "as it was meant"}
    return press


def _alert_action(sites: SiteFixture) -> Press:
    press = _about_submitted(sites, urls.ALERT_ACKNOWLEDGEMENT)
    assert press.post(press.key()).status_code == 303
    press.address = press.address.replace("acknowledgement", "actions")
    press.body = {"kind": "called", "note": ""}
    press.other = {"kind": "other", "note": "asked the family"}
    press.words = "asked the family"
    return press


def _alert_closing(sites: SiteFixture) -> Press:
    press = _alert_action(sites)
    assert press.post(press.key()).status_code == 303
    press.address = press.address.replace("actions", "closing")
    press.body, press.other = {"note": "is better"}, {"note": "is worse"}
    press.words = "is worse"
    return press


def _settlement(sites: SiteFixture) -> Press:
    """The data manager rejects answers that came when the baseline had been sent."""
    site = sites.phone.person.site
    about = Person(sites.installation, site, f"{site.code}-004")
    with sites.installation.open_work(SYSTEM, START) as work:
        slot = work.session.exec(select(Slot).where(Slot.public_id == about.slot("BL").public_id)).one()
        mode = CollectionMode.own_device
        quarantine_answers(
            work, slot, {"q1": 4}, "already_submitted", START, mode=mode, clock_untrusted=False
        )
    typed = {"decision": "rejected", "reason": "asked again by telephone"}
    other = typed | {"reason": "as it was sent"}
    return _about_submitted(sites, urls.MATTER, body=typed, other=other, words="as it was sent")


def _licence(sites: SiteFixture) -> Press:
    """The study's data manager, once it is a trial whose official wording is missing."""
    owner = sa.create_engine(sites.installation.engine.url)
    with owner.begin() as connection:
        connection.execute(sa.update(Study).values(mode=StudyMode.LIVE))
    owner.dispose()
    sites.app.state.installation = replace(sites.installation, pack_registry=PackRegistry())
    carried = sign_in_colleague(sites, Who.data_manager, "whole@example.org", None)["Cookie"]
    press = press_as_staff(sites, urls.LICENCE, words="asked for in May")
    press.client, press.cookies = browser_of(sites, carried)
    typed = {"licence": "qlq-c30~3.0~en~missing~", "decision": "renewal"}
    press.body = typed | {"reason": "asked for in March"}
    press.other = typed | {"reason": "asked for in May"}
    return press


def _data_cut(sites: SiteFixture) -> Press:
    """The study's data manager makes a cut."""
    carried = sign_in_colleague(sites, Who.data_manager, "whole@example.org", None)["Cookie"]
    press = press_as_staff(sites, urls.EXPORTS, words="second interim analysis")
    press.client, press.cookies = browser_of(sites, carried)
    press.body = {"name": "IA2", "purpose": "interim analysis"}
    press.other = {"name": "IA3", "purpose": "second interim analysis"}
    return press


def _export(sites: SiteFixture, url: str) -> Press:
    """The study's statistician has something made of a cut."""
    carried = sign_in_colleague(sites, Who.statistician, "whole@example.org", None)["Cookie"]
    press = press_as_staff(sites, url, words="second interim analysis")
    press.client, press.cookies = browser_of(sites, carried)
    press.body = {"cut": "IA1", "dataset": "all", "format": "csv", "purpose": "interim analysis"}
    press.other = press.body | {"purpose": "second interim analysis"}
    return press


PRESSES: Mapping[tuple[str, str], Callable[[SiteFixture], Press]] = {
    ("POST", urls.STAFF_LANGUAGE): lambda sites: press_as_staff(
        sites, urls.STAFF_LANGUAGE, body={"lang": "zh_CN"}, other={"lang": "en"}
    ),
    ("POST", urls.BULK_REMINDERS): _bulk,
    ("POST", urls.CONTACT_LOG): lambda sites: press_as_staff(
        sites,
        urls.CONTACT_LOG,
        body={"outcome": "no_answer"},
        other={"outcome": "other", "note": "a neighbour answered"},
        words="a neighbour answered",
    ),
    ("POST", urls.CONTACT_ENTRY): lambda sites: press_as_staff(
        sites,
        urls.CONTACT_ENTRY,
        body={"outcome": "too_ill", "reason": "mixed up"},
        other={"outcome": "too_ill", "reason": "wrong line"},
        words="wrong line",
    ),
    ("POST", urls.SNOOZE): _snooze,
    ("POST", urls.RESUME): _resume,
    ("POST", urls.ENROL): _enrol,
    ("POST", urls.CONTACT): _contact,
    **REACHING_PRESSES,
    ("POST", urls.INVITATION): lambda sites: press_as_staff(sites, urls.INVITATION, other={"x": "1"}),
    ("POST", urls.PARTICIPANT_DEVICE): lambda sites: press_as_staff(
        sites, urls.PARTICIPANT_DEVICE, body={"reason": "lost"}, other={"reason": "stolen"}, words="stolen"
    ),
    ("POST", urls.BIRTH_DATE): _birth_date,
    ("POST", urls.VISITS): _visit,
    ("POST", urls.CANCELLED_VISIT): _cancel,
    ("POST", urls.DATES): _date,
    ("POST", urls.DISPOSITION): _disposition,
    ("POST", urls.UNDO_DISPOSITION): _undo,
    ("POST", urls.PARTICIPANT_FORM): _reason,
    ("POST", urls.DIARY_GAPS): _gap,
    ("POST", urls.EXEMPTION): _exemption,
    ("POST", urls.STAFF_REMINDER): _reminder,
    ("POST", urls.PAPER_ENTRY): _paper,
    ("POST", urls.PAPER_DIFFERENCES): _paper_difference,
    ("POST", urls.FORM_CORRECTION): _proposal,
    ("POST", urls.CORRECTION): _signature,
    ("POST", urls.ALERT_ACKNOWLEDGEMENT): lambda sites: _about_submitted(
        sites, urls.ALERT_ACKNOWLEDGEMENT, other={"x": "1"}
    ),
    ("POST", urls.ALERT_ACTIONS): _alert_action,
    ("POST", urls.ALERT_CLOSING): _alert_closing,
    ("POST", urls.MATTER): _settlement,
    ("POST", urls.LICENCE): _licence,
    ("POST", urls.EXPORTS): _data_cut,
    ("POST", urls.EXPORT_REQUESTS): lambda sites: _export(sites, urls.EXPORT_REQUESTS),
    ("POST", urls.EXPORT_CHECKS): lambda sites: _export(sites, urls.EXPORT_CHECKS),
}
"""How each of these acts is pressed."""
