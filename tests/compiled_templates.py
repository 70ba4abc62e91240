"""Keeps compiled templates beside the byte code of the tests, for all test processes and the next run."""

from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

import jinja2
from jinja2.bccache import Bucket, FileSystemBytecodeCache

from app.i18n.catalogues import Catalogues
from app.settings import ROOT
from app.web.pages.rendering import Pages

_FOLDER = Path(__file__).parent / "__pycache__"
_COMPILER = (*(ROOT / "app" / "web" / "pages").glob("*.py"), *(ROOT / "locales").rglob("*.po"))
"""What a template is compiled by, beside jinja2: its words are put in then."""


class CompiledTemplates(FileSystemBytecodeCache):
    """Templates of one language, each as long as its source, the words and the compiler are the same."""

    def __init__(self, language: str, compiler: str) -> None:
        super().__init__(str(_FOLDER), f"{language}-%s.jinja")
        self._compiler = compiler

    def get_source_checksum(self, source: str) -> str:
        """What must be equal for a kept template to be taken."""
        return super().get_source_checksum(self._compiler + source)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Not kept where nothing can be written: some tests fill the disk."""
        with suppress(OSError):
            super().dump_bytecode(bucket)


@cache
def shipped_pages() -> Pages:
    """The program's own pages, whose templates are compiled once: it takes two seconds for each language."""
    pages = Pages.load(Catalogues.load(ROOT / "locales"))
    compiler = sha256(jinja2.__version__.encode())
    for path in sorted(_COMPILER):
        compiler.update(path.read_bytes())
    _FOLDER.mkdir(exist_ok=True)
    for language, environment in pages.environments.items():
        environment.bytecode_cache = CompiledTemplates(language, compiler.hexdigest())
    return pages
