"""Made-up licences of the demonstration: of our own words, so that it is seen how a licence ends."""

from datetime import date, datetime, timedelta

from app.definitions.library import Library
from app.demo.acts import DemoStage
from app.demo.sites import STUDY
from app.domain.instruments.text import InstrumentText
from app.domain.records.audit import sha256_hex
from app.services.setup.packs import import_sample_pack

_INSTRUMENT = ("qlq-c30", "3.0")
_LANGUAGES = {"en": timedelta(0), "zh_CN": timedelta(days=365)}
"""By language, how much longer its licence lasts than the one that ends first."""


def import_licences(stage: DemoStage, at: datetime, ends_on: date) -> None:
    """The administrator imports the questionnaire in each language, with a licence that is no real one."""
    library = stage.installation.library
    instrument = library.get_instrument(*_INSTRUMENT)
    for language, longer in _LANGUAGES.items():
        content = _write_pack(library, library.get_text(instrument, language), ends_on + longer)
        import_sample_pack(stage.staff_context(stage.administrator, at), STUDY, content, f"{language}.toml")
    stage.installation.refresh_packs(STUDY, at)


def _write_pack(library: Library, text: InstrumentText, ends_on: date) -> str:
    folder = library.root / text.instrument / text.version
    files = (path.read_text("utf-8") for path in folder.glob(f"text.{text.lang}*.toml"))
    words = next(words for words in files if sha256_hex(words) == text.sha256)
    return f"""copyright = "Our own words, for the demonstration"
{words}
[licence]
study = "{STUDY}"
licensee = "West Lake Demonstration Hospital"
permission = "DEMO-1"
valid_until = {ends_on.isoformat()}
"""
