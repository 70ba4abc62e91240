"""What is kept of a person: the whole list, so that nothing is added without a thought (PRI-02)."""

import pytest

from app.storage.tables.columns import metadata

KNOWN_COLUMNS = {
    "participant": "id public_id study_id site_id subject plan_version zone language arm enrolled_at "
    "consent_version consented_on reminders_wanted identity_check pin_hash birth_hash text_size remind_at "
    "reminders_paused_until activated_at exit_kind exit_at version",
    "contact": "participant_id channel address_sealed recorded_at entered_by telephone_sealed",
    "address_claim": "participant_id channel address_sealed code_hash issued_at expires_at closed_at",
    "device": "id participant_id token_hash label bound_at seen_at revoked_at locked_at "
    "handed_over_by handed_slot_id helper helper_on",
    "activation": "id participant_id token_hash code_hash issued_at issued_by expires_at code_expires_at "
    "used_at revoked_at resets_pin handed_over_by handed_slot_id",
}
"""No name, no number of an identity card; of a birth date a keyed digest, and only where the plan asks."""


@pytest.mark.req("PRI-02")
@pytest.mark.parametrize("table", KNOWN_COLUMNS)
def test_every_column_about_a_person_is_listed(table: str) -> None:
    assert [column.name for column in metadata.tables[table].columns] == KNOWN_COLUMNS[table].split()
