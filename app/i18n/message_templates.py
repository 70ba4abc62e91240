"""The environments in which the texts of letters are written, one for each language."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.i18n import formats
from app.i18n.catalogues import Catalogues
from app.i18n.languages import LANGUAGES, Language

TEMPLATES = Path(__file__).parents[1] / "templates"


def load_environments(catalogues: Catalogues, templates: Path = TEMPLATES) -> Mapping[str, Environment]:
    """An environment for every language of ours, by its code."""
    return {known.code: _environment(known, catalogues, templates) for known in LANGUAGES}


def write_letter(environment: Environment, template: str, **values: object) -> tuple[str, str]:
    """Subject and text of a letter: the first line of its template, and the rest."""
    subject, _, text = environment.get_template(template).render(**values).partition("\n")
    return subject.strip(), text.strip()


def _environment(spoken: Language, catalogues: Catalogues, templates: Path) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(templates),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        extensions=["jinja2.ext.i18n"],
        trim_blocks=True,
        auto_reload=False,
    )
    environment.policies["ext.i18n.trimmed"] = True
    words = catalogues.get_translations(spoken)
    environment.install_gettext_translations(words, newstyle=True)  # type: ignore[attr-defined]  # set by i18n
    environment.filters["day"] = partial(formats.format_day, language=spoken)
    environment.filters["moment"] = partial(formats.format_moment, language=spoken)
    return environment
