"""A small trial for datasets: both arms, a correction, a death, a moved date, gaps, and two cuts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from app.domain.plans.plan import MissedReason, Owner
from app.domain.records.access import SYSTEM, Role, Scope
from app.domain.records.dispositions import DispositionKind
from app.services.accounts.edc_clients import authenticate_client, issue_token
from app.services.clinic.corrections.decisions import DecisionEntry
from app.services.clinic.corrections.proposals import ProposalEntry, ProposedAnswer, propose_correction
from app.services.core.context import EdcContext, StaffContext
from app.services.core.installation import Installation
from app.services.datasets.cuts import make_cut
from app.services.edc.entity_tags import Preconditions
from app.services.edc.requests import EdcRequest
from app.services.edc.schedule import AnchorBody, receive_anchor, receive_arm
from app.services.setup.studies import create_client
from tests.scenarios.beginnings import SITE, make_stage, site_of
from tests.scenarios.correction_signer import Signer
from tests.scenarios.people import START, Person, days, enrol_person, qlq
from tests.scenarios.report_stage import give_reason, leave_blank_but, record_exit

STUDY = "sbrt-nsclc"
RANDOMISED = START.date() + days(2)
W6 = datetime(2026, 4, 15, 2, 0, tzinfo=UTC)
"""Ten in the morning of the target day of W6, in Shanghai."""
INTERIM = W6 + days(3)
"""While the window of W6 is open."""
FINAL = W6 + days(60)
"""After the window of W12 closed."""
TREATED, OFF, DEAD = "0571-001", "0571-002", "0571-003"


def _trial(installation: Installation) -> Sequence[str]:
    site = site_of(installation)
    people = {subject: enrol_person(installation, site, subject) for subject in (TREATED, OFF, DEAD)}
    edc = client_of(installation, START)
    _treat(people[TREATED], edc)
    _control(people[OFF], edc)
    _answer_and_die(people[DEAD])
    operator = StaffContext(installation, SYSTEM, INTERIM)
    make_cut(operator, STUDY, "IA1", "first interim analysis")
    _correct(people[TREATED], Signer(installation, site, "zhang", Role.INVESTIGATOR))
    people[TREATED].begin("W12", W6 + days(42))
    people[TREATED].submit("W12", W6 + days(42), qlq(3))
    give_reason(people[OFF], "W6", MissedReason.too_ill_patient, W6 + days(20))
    record_exit(people[OFF], DispositionKind.withdrew_treatment, (W6 + days(10)).date(), W6 + days(11))
    record_exit(people[OFF], DispositionKind.lost, (W6 + days(19)).date(), W6 + days(21))
    people[OFF].anchor("randomisation", RANDOMISED + days(1), W6 + days(21), source=Owner.edc)
    make_cut(StaffContext(installation, SYSTEM, FINAL), STUDY, "FINAL", "final analysis")
    return (people[TREATED].cookie,)


def client_of(installation: Installation, at: datetime, scopes: Sequence[Scope] = tuple(Scope)) -> EdcContext:
    """A new EDC client, signed in."""
    client = create_client(StaffContext(installation, SYSTEM, at), STUDY, "EDC", scopes, None)
    issued = issue_token(installation, client.client_id, client.secret, None, "192.0.2.9", at)
    return EdcContext(installation, authenticate_client(installation, issued.token, at), at)


def _answered(person: Person, visit: str, at: datetime, answers: dict[str, int | str | None]) -> None:
    person.begin(visit, at)
    person.submit(visit, at + timedelta(minutes=12), answers)


def _treat(person: Person, edc: EdcContext) -> None:
    """Randomised to SBRT, treated, and there at every visit so far; two diary days."""
    _answered(person, "BL", START + timedelta(hours=1), qlq(2))
    randomised = AnchorBody("randomisation", RANDOMISED, START + days(2), confirm=True)
    receive_anchor(
        EdcRequest(replace(edc, at=START + days(2)), person.subject, START, Preconditions()), randomised
    )
    receive_arm(EdcRequest(edc, person.subject, START, Preconditions()), "SBRT")
    evening = START + days(2.5)
    symptoms: dict[str, int | str | None] = {
        "any_symptom": 1,
        "fatigue": 4,
        "pain": None,
        "fever": 1,
        "temperature": 385,
    }
    person.begin("D0", evening)
    person.submit("D0", evening, complete_diary(symptoms))
    person.begin("D1", evening + days(1))
    person.submit("D1", evening + days(1), {"any_symptom": 0})
    person.anchor("sbrt_start", date(2026, 3, 10), START + days(9))
    person.anchor("sbrt_end", date(2026, 3, 20), START + days(19))
    _answered(person, "EOT", START + days(20), qlq(3) | {"q29": 4, "q30": None})
    _answered(person, "W6", W6, qlq(1) | {"q1": None, "q2": None, "q3": None, "q29": 7, "q30": 6})


def _control(person: Person, edc: EdcContext) -> None:
    """Randomised to standard care, progressed, and never at W6."""
    _answered(person, "BL", START + days(1), leave_blank_but(20))
    person.randomise(RANDOMISED, START + days(2))
    receive_arm(EdcRequest(edc, person.subject, START, Preconditions()), "SOC")
    person.anchor("progression", date(2026, 4, 1), START + days(31))


def _answer_and_die(person: Person) -> None:
    """Randomised, without an arm so far; died inside the window of W6, known to the day."""
    _answered(person, "BL", START + days(1), qlq(4))
    person.randomise(RANDOMISED, START + days(2))
    record_exit(person, DispositionKind.death, (W6 + days(1)).date(), W6 + days(2))


def complete_diary(some: dict[str, int | str | None]) -> dict[str, int | str | None]:
    """A diary day with symptoms of which all but these were left blank."""
    symptoms = (
        "fatigue pain chest_pain cough breathlessness blood_in_sputum trouble_swallowing appetite nausea"
    )
    symptoms += (
        " vomiting diarrhoea constipation fever skin_reaction rash numbness mouth_sores sleep low_mood"
    )
    return {**dict.fromkeys(symptoms.split()), **some}


def _correct(person: Person, signer: Signer) -> None:
    """An answer of W6 was a wrong tap."""
    at = W6 + days(10)
    nurse = StaffContext(person.installation, person.nurse, at)
    wrong = ProposedAnswer("q9", "4", "wrong_tap")
    entry = ProposalEntry(1, (wrong,), "I meant the last one", at.date(), "telephone")
    proposed = propose_correction(nurse, person.row().id, person.slot("W6").public_id, entry)
    signer.decide(person, proposed, at, DecisionEntry("approved"))


TRIAL = make_stage(_trial, SITE)
