"""A participant's own browsers, text size, and one phone for several people."""

from dataclasses import replace

import pytest

from app.domain.records.audit import AuditEvent
from app.domain.records.participants import TextSize
from app.services.accounts.devices import list_own_devices, remove_own_device
from app.services.accounts.participant_session import lock_device, unlock_device
from app.services.accounts.shared_device import list_bound_participants
from app.services.core.context import ParticipantContext
from app.services.patient.text_size import choose_text_size
from tests.refusals import refused
from tests.scenarios.people import PIN, START, Person, bind_browser, days, enrol_person
from tests.scenarios.trail_entries import entries_of


@pytest.fixture
def person(lone: Person) -> Person:
    return lone


@pytest.mark.req("IAM-13")
def test_one_s_own_browsers_are_listed_and_another_one_removed(person: Person) -> None:
    later = START + days(1)
    other = replace(person, cookie=bind_browser(person, later))
    here, there = person.participant(START), other.participant(later)
    mine = ParticipantContext(person.installation, here, later)
    assert [each.device_id for each in list_own_devices(mine)] == [there.device_id, here.device_id]
    assert (
        refused(
            lambda: remove_own_device(ParticipantContext(person.installation, here, later), here.device_id)
        )
        == "this_device"
    )
    assert (
        refused(lambda: remove_own_device(ParticipantContext(person.installation, here, later), 999))
        == "unknown_device"
    )
    for _ in range(2):
        remove_own_device(ParticipantContext(person.installation, here, later), there.device_id)
    assert refused(lambda: other.participant(later)) == "not_signed_in"
    assert len(entries_of(person.installation, AuditEvent.DEVICE_REMOVED)) == 1
    assert [each.device_id for each in list_own_devices(mine)] == [here.device_id]


def test_another_one_s_browser_is_not_there(person: Person) -> None:
    stranger = enrol_person(person.installation, person.site, "0571-002").participant(START)
    gone = refused(
        lambda: remove_own_device(
            ParticipantContext(person.installation, person.participant(START), START), stranger.device_id
        )
    )
    assert gone == "unknown_device"


def test_the_text_size_is_stored_and_audited_once(person: Person) -> None:
    for _ in range(2):
        choose_text_size(ParticipantContext(person.installation, person.participant(START), START), "large")
    assert person.participant(START).text_size is TextSize.large
    assert len(entries_of(person.installation, AuditEvent.TEXT_SIZE_CHANGED)) == 1
    huge = refused(
        lambda: choose_text_size(
            ParticipantContext(person.installation, person.participant(START), START), "huge"
        )
    )
    assert huge == "unknown_choice"


def test_a_browser_that_is_put_down_asks_the_check_at_once(person: Person) -> None:
    for _ in range(2):
        lock_device(ParticipantContext(person.installation, person.participant(START), START))
    participant = person.participant(START)
    assert (participant.locked, participant.put_down) == (True, True)
    assert len(entries_of(person.installation, AuditEvent.DEVICE_LOCKED)) == 1
    unlock_device(ParticipantContext(person.installation, participant, START), PIN)
    assert not person.participant(START).locked


def test_only_those_still_bound_use_a_phone(person: Person) -> None:
    other = enrol_person(person.installation, person.site, "0571-002")
    participants = list_bound_participants(person.installation, ("guess", other.cookie, person.cookie), START)
    assert [each.participant.subject for each in participants] == ["0571-002", "0571-001"]
