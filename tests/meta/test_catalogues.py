"""Every sentence of the interface stands in every language, and nothing else does."""

import pytest

from app.i18n.languages import ENGLISH, LANGUAGES
from tests.catalogues import extracted, faults


@pytest.mark.parametrize("code", [known.code for known in LANGUAGES if known is not ENGLISH])
def test_the_catalogue_is_complete_and_true(code: str) -> None:
    assert list(faults(code)) == []


def test_sentences_come_from_templates_and_from_code() -> None:
    files = {file for message in extracted() if message.id for file, _ in message.locations}
    assert {file.rpartition(".")[2] for file in files} == {"html", "py", "txt"}
