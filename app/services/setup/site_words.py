"""A site's own words beside an answer that means "call now"."""

from app.domain.records.audit import AuditEvent
from app.domain.refusal import Refused
from app.services.core.context import StaffContext
from app.storage.plain_rows import SiteRecord
from app.storage.queries.participants import get_site_by_code, get_study
from app.storage.row_changes import study_chain
from app.storage.tables.studies import Site

MOST_CHARACTERS = 120
"""A person who must call reads no more."""


def urgent_words(site: Site | SiteRecord, language: str) -> str:
    """The site's words in this language; "" where it has none, and ours are shown."""
    return str((site.urgent_words or {}).get(language, ""))


def set_urgent_words(context: StaffContext, study: str, site: str, language: str, words: str) -> None:
    """Set a site's words in one language of its study; without words ours are shown again.

    Raises Refused: "unknown_study", "unknown_site", "no_language", "words_too_long".
    """
    said = " ".join(words.split())
    if len(said) > MOST_CHARACTERS:
        raise Refused("words_too_long", most=MOST_CHARACTERS)
    with context.unit_of_work() as work:
        study_row = get_study(work.session, study)
        site_row = get_site_by_code(work.session, study_row.id, site)
        languages = context.installation.library.get_plan(study_row.code, study_row.plan_version).languages
        if language not in languages:
            raise Refused("no_language", field="language", allowed=languages)
        others = {code: text for code, text in (site_row.urgent_words or {}).items() if code != language}
        others |= {language: said} if said else {}
        if others != (site_row.urgent_words or {}):
            site_row.urgent_words = others or None
            work.record(AuditEvent.SITE_UPDATED, study_chain(study_row.id), study_row.id)
