"""Nothing stands in the program that nobody uses: macros, templates, constants."""

import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path

from tests.meta.sources import ROOT, modules

TEMPLATES = ROOT / "app" / "templates"
_IMPORT = re.compile(r"{%-?\s*from\s+\"[^\"]+\"\s+import\s+(.*?)\s*-?%}", re.DOTALL)
_MACRO = re.compile(r"{%-?\s*macro\s+(\w+)")
_QUOTED = re.compile(r"[\w/]+\.(?:html|txt|xml)")
_CONSTANT = re.compile(r"^(_?[A-Z][A-Z0-9_]*)(?:: .*)? = ", re.MULTILINE)


@cache
def _templates() -> dict[str, str]:
    paths = sorted(path for path in TEMPLATES.rglob("*") if path.is_file())
    return {str(path.relative_to(TEMPLATES)): path.read_text("utf-8") for path in paths}


def _words(*texts: str) -> Counter[str]:
    return Counter(word for text in texts for word in re.findall(r"\w+", text))


def test_a_template_uses_the_macros_that_it_imports() -> None:
    unused = [
        f"{template}: {name}"
        for template, text in _templates().items()
        for names in _IMPORT.findall(text)
        for name in (each.split()[-1] for each in names.removesuffix("with context").split(","))
        if name not in _words(_IMPORT.sub("", text))
    ]
    assert unused == []


def test_every_template_and_macro_is_used() -> None:
    program = [path.read_text("utf-8") for path in modules("app")]
    quoted = {path for text in (*program, *_templates().values()) for path in _QUOTED.findall(text)}
    words = _words(*program, *_templates().values())
    unused = [name for name in _templates() if name not in quoted]
    unused += [
        f"{template}: {macro}"
        for template, text in _templates().items()
        for macro in _MACRO.findall(text)
        if words[macro] == 1
    ]
    assert unused == []


def _module_name(module: Path) -> str:
    return module.parent.name if module.stem == "__init__" else module.stem


def test_every_constant_is_read() -> None:
    """By its own module, or by another one that names the module too."""
    words = {
        module: _words(module.read_text("utf-8"))
        for room in ("app", "tests", "bench")
        for module in modules(room)
    }
    readers: dict[str, list[Counter[str]]] = defaultdict(list)
    for each in words.values():
        for word in each:
            readers[word].append(each)
    unread = [
        f"{module.relative_to(ROOT)}: {name}"
        for module in modules("app")
        for name in _CONSTANT.findall(module.read_text("utf-8"))
        if words[module][name] == 1
        and not any(_module_name(module) in each for each in readers[name] if each is not words[module])
    ]
    assert unread == []
