"""Opening an installation from its settings, for the server and the command line; knows no web."""

from app.definitions.library import Library, load_library
from app.i18n.languages import LANGUAGE_CODES
from app.services.core.installation import Installation
from app.services.core.secrets import HashCost, SecretBox
from app.settings import Settings
from app.storage.engine import open_engine

DEFAULT_COST = HashCost()


def open_installation(
    settings: Settings, hash_cost: HashCost = DEFAULT_COST, library: Library | None = None
) -> Installation:
    """Database, definitions and keys; `library` spares reading the definitions anew. Raises BadDefinition."""
    return Installation(
        engine=open_engine(settings.database_url),
        library=library or load_library(settings.questionnaires, LANGUAGE_CODES),
        secret_box=SecretBox(settings.key, hash_cost),
        public_url=settings.public_url,
        app_version=settings.version,
        head_file=settings.head_file,
    )
