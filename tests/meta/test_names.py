"""Names in app/ say what a thing is, in words that have one meaning each."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from sqlmodel import SQLModel

from tests.meta.sources import ROOT, modules, nodes, tree

APP = ROOT / "app"
MODULES_IN_A_FOLDER = 12
NO_NAMES = frozenset("told met kept held given sent asked found made wanted place left".split())
"""Participles that say nothing of what a thing is; columns, audit strings and API fields keep theirs."""
STANDARD_NAMES = {
    ("app/domain/instruments/scoring/score.py", "asked"): "the name of the EDC interface",
    ("app/edc/response_models.py", "asked"): "the EDC interface",
    ("app/patient/devices.py", "made"): "a part of an address",
    ("app/patient/person/shared_device.py", "left"): "a part of an address",
    ("app/web/charts/scales.py", "left"): "an edge of a drawing",
}
"""Names that are such words all the same, by their file, and why."""
PERSON_WORDS = frozenset({"who", "visitor", "visitors"})
"""Of parameters and variables: a person has the name of what they are here, participant, reader or actor."""
ROW_WORDS = frozenset({"each"})
"""Of parameters and variables: what a loop runs over has the name of one of it."""
LONE_VERBS = frozenset(
    "add check close combine commit compare decrypt encrypt enter fetch find finish forget hash load lock"
    " matches may has parse publish read record refresh refuse render require reread send show start stop"
    " translate within write".split()
)
"""All names of public methods without an object, which is their class: the list only gets shorter."""
LIBRARY_METHODS = frozenset("blockvisit connect cursor execute executemany executescript target".split())
"""Methods of a library's class that a class of ours takes the place of."""
LONE_FUNCTIONS = {
    ("app/cli/__init__.py", "main"): "the command",
    ("app/clock.py", "now"): "read as `clock.now`",
    ("app/edc/outbound.py", "whoami"): "the name of the EDC interface",
}


def _modules() -> Iterator[Path]:
    return (path for path in modules("app") if path.name != "__init__.py")


def _definitions(node: ast.AST, public: bool = True) -> Iterator[tuple[str, ast.AST]]:
    """Classes and functions of a module and the methods of its classes; not what stands in a function."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            if not (public and child.name.startswith("_")):
                yield child.name, child
            if isinstance(child, ast.ClassDef):
                yield from _definitions(child, public)


def _words(name: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}


def _bound_names(module: Path) -> Iterator[tuple[str, int]]:
    """Functions, classes, parameters, variables and fields of a module; members of an enum are codes."""
    enums = {
        id(part)
        for node in nodes(module)
        if isinstance(node, ast.ClassDef) and any("Enum" in ast.unparse(base) for base in node.bases)
        for part in node.body
    }
    members = (part for part in nodes(module) if isinstance(part, ast.Assign) and id(part) in enums)
    skipped = {id(member.targets[0]) for member in members}
    for node in nodes(module):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and id(node) not in skipped:
            yield node.id, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
            yield node.name, node.lineno


def test_names_are_split_into_words() -> None:
    assert _words("DraftAnswer") == {"draft", "answer"}
    assert _words("read_edc_page") == {"read", "edc", "page"}
    assert _words("EDCFound") == {"edc", "found"}


def test_no_public_name_is_a_word_that_says_nothing() -> None:
    unclear = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in _modules()
        for name in [path.stem, *(name for name, _node in _definitions(tree(path)))]
        if _words(name) & NO_NAMES
    ]
    assert not unclear


def test_no_variable_parameter_or_field_is_a_word_that_says_nothing() -> None:
    columns = {column.name for table in SQLModel.metadata.tables.values() for column in table.columns}
    unclear = [
        f"{file}:{line}: {name}"
        for path in modules("app")
        for file in [str(path.relative_to(ROOT))]
        for name, line in _bound_names(path)
        if _words(name) & NO_NAMES and name not in columns and (file, name) not in STANDARD_NAMES
    ]
    assert not unclear


def test_no_variable_or_parameter_names_a_person_or_a_row_without_saying_as_what() -> None:
    """Fields of pages and rows may: a template reads them beside what they are about."""
    unclear = []
    for path in modules("app"):
        fields = {id(node.target) for node in nodes(path) if isinstance(node, ast.AnnAssign)}
        for node in nodes(path):
            match node:
                case ast.arg(arg=name) | ast.Name(id=name, ctx=ast.Store()) if id(node) not in fields:
                    pass
                case _:
                    continue
            if name.strip("_").lower() in PERSON_WORDS | ROW_WORDS:
                unclear.append(f"{path.relative_to(ROOT)}:{node.lineno}: {name}")
    assert not unclear


def _lone_names(node: ast.AST, in_class: bool = False) -> Iterator[tuple[str, bool]]:
    """Public functions and methods of one word, and whether each is a method; properties are nouns."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield from _lone_names(child, in_class=True)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and re.fullmatch("[a-z]+", child.name):
            is_property = any("property" in ast.unparse(decorator) for decorator in child.decorator_list)
            yield from () if is_property else ((child.name, in_class),)


def test_a_function_is_a_verb_with_an_object_and_a_method_where_its_class_is_none() -> None:
    functions, verbs = list[str](), set[str]()
    for path in modules("app"):
        file = str(path.relative_to(ROOT))
        for name, is_method in _lone_names(tree(path)):
            if is_method:
                verbs.add(name)
            elif (file, name) not in LONE_FUNCTIONS:
                functions.append(f"{file}: {name}")
    assert (functions, verbs - LIBRARY_METHODS) == ([], set(LONE_VERBS))


def test_no_variable_of_a_test_is_a_word_that_says_nothing() -> None:
    unclear = [
        f"{path.relative_to(ROOT)}:{line}: {name}"
        for path in modules("tests")
        for name, line in _bound_names(path)
        if name.strip("_").lower() in NO_NAMES
    ]
    assert not unclear


def _type_names(module: ast.Module) -> Iterator[str]:
    """Classes of a module, and its aliases of types: `X = ...`, `X: TypeAlias = ...`, `import Y as X`."""
    for name, node in _definitions(module, public=False):
        if isinstance(node, ast.ClassDef):
            yield name
    for node in module.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [target.id for target in targets if isinstance(target, ast.Name)]
        names += [alias.asname or "" for alias in node.names] if isinstance(node, ast.ImportFrom) else []
        yield from (name for name in names if re.match("_*[A-Z][A-Z0-9]*[a-z]", name))


def test_an_alias_of_a_type_is_a_name_like_a_class() -> None:
    module = "class Aa: ...\nBb = int\nCc: TypeAlias = int\n_Dd = A[B]\nfrom x import y as Ee\nF_G = 1"
    assert list(_type_names(ast.parse(module))) == ["Aa", "Bb", "Cc", "_Dd", "Ee"]


def test_a_name_of_a_class_or_an_alias_has_one_definition() -> None:
    places: dict[str, list[str]] = defaultdict(list)
    for path in _modules():
        for name in _type_names(tree(path)):
            places[name].append(str(path.relative_to(ROOT)))
    assert {name: files for name, files in places.items() if len(files) > 1} == {}


def test_a_folder_holds_few_modules() -> None:
    folders: dict[Path, int] = defaultdict(int)
    for path in _modules():
        folders[path.parent] += 1
    crowded = {str(folder.relative_to(ROOT)): n for folder, n in folders.items() if n > MODULES_IN_A_FOLDER}
    assert crowded == {}


def test_no_plain_row_is_cast_to_a_stored_one() -> None:
    """A `cast` to a class of storage/tables would say that a plain row is a row of the ORM."""
    tables = {
        name
        for path in (APP / "storage" / "tables").glob("*.py")
        for name, node in _definitions(tree(path))
        if isinstance(node, ast.ClassDef)
    }
    casts = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in _modules()
        for node in nodes(path)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name | ast.Attribute)
        and ast.unparse(node.func).rsplit(".", 1)[-1] == "cast"
        and "sa." not in ast.unparse(node.func)
        and node.args
        and set(re.findall(r"\w+", ast.unparse(node.args[0]))) & tables
    ]
    assert not casts
