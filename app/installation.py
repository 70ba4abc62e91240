"""Opening an installation from its settings, for the server and the command line; knows no web."""

from app.definitions.library import Library, load_library
from app.i18n.languages import LANGUAGE_CODES
from app.services.core.clock_watch import ClockWatch
from app.services.core.hashing import HashCost
from app.services.core.installation import Installation
from app.services.core.secrets import SecretBox
from app.settings import Settings
from app.storage.database.limits import STATEMENT_SECONDS
from app.storage.engine import open_engine

DEFAULT_COST = HashCost()


def open_installation(
    settings: Settings,
    hash_cost: HashCost = DEFAULT_COST,
    library: Library | None = None,
    clock_watch: ClockWatch | None = None,
    statement_seconds: int = STATEMENT_SECONDS,
) -> Installation:
    """Database, definitions and keys; `library` spares reading the definitions anew. Raises BadDefinition.

    A server gives the `clock_watch` that it reads its moments from; a single command has none.
    `statement_seconds`: how long one statement may take; 0 for a command, which may read the whole trail.
    """
    return Installation(
        engine=open_engine(
            settings.database_url, statement_seconds=statement_seconds, encrypted=not settings.demo
        ),
        library=library or load_library(settings.questionnaires, LANGUAGE_CODES),
        secret_box=SecretBox(settings.key, hash_cost),
        public_url=settings.public_url,
        app_version=settings.version,
        clock_watch=clock_watch or ClockWatch(),
        head_file=settings.head_file,
        export_folder=settings.export_folder,
        export_room=settings.export_room,
    )
