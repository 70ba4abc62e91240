"""Compiles a probe into each line and branch of a module, once for all test processes.

SlipCover 1.1 parses, compiles and edits each module again in each process, and on Python 3.11 its probes
stay: it takes them out of `co_code`, which is a copy there of what the interpreter runs. Here the edited
module is kept beside its byte code, and the probe is told where the interpreter reads.
"""

import ast
import importlib.util
import marshal
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType

from slipcover import Slipcover, __version__, branch, bytecode, probe
from slipcover.importer import SlipcoverLoader
from slipcover.slipcover import findlinestarts

CACHES_CODE = sys.implementation.name == "cpython" and sys.version_info[:2] == (3, 11)
"""Whether this is the interpreter whose code objects we know; any other gets SlipCover's own loader."""

Label = int | tuple[int, int]
"""A line, or the lines that a branch leads from and to."""
_NO_BYTES = b""
_START_OF_BYTES = id(_NO_BYTES) + bytes.__basicsize__ - 1
_NEVER = -1
"""How often a probe is passed before SlipCover's Python takes it out."""
_MAKER = (__version__, importlib.util.MAGIC_NUMBER, Path(__file__).stat().st_mtime_ns)
_ARMED: list[CodeType] = []


@dataclass(frozen=True, slots=True)
class Probed:
    """A module with places for probes, its lines and its branches."""

    code: CodeType
    lines: list[int]
    branches: list[tuple[int, int]]


def loader(slipcover: Slipcover, spec: ModuleSpec) -> Loader:
    """What loads this module with probes in it."""
    assert spec.origin is not None
    return (
        ProbingLoader(slipcover, spec.origin)
        if CACHES_CODE
        else SlipcoverLoader(slipcover, spec.loader, spec.origin)
    )


class ProbingLoader(Loader):
    """Runs a module with probes that report to `slipcover`."""

    def __init__(self, slipcover: Slipcover, origin: str) -> None:
        self._slipcover = slipcover
        self._origin = origin

    def exec_module(self, module: ModuleType) -> None:
        probed = read_probed(Path(self._origin))
        self._slipcover.code_lines[self._origin].update(probed.lines)
        self._slipcover.code_branches[self._origin].update(probed.branches)
        code = _arm(self._slipcover, probed.code)
        # A probe writes into the code that it was made for, also when that was copied and forgotten.
        _ARMED.append(code)
        exec(code, module.__dict__)


def prepare(sources: Iterable[Path]) -> None:
    """Keep these modules with their places for probes, where nobody has done it yet."""
    for source in sources:
        if CACHES_CODE and not sys.dont_write_bytecode:
            read_probed(source)


def read_probed(source: Path) -> Probed:
    """The module with places for probes, as kept beside its byte code or made now."""
    cached = Path(importlib.util.cache_from_source(str(source), optimization="probed"))
    state = source.stat()
    stamp = (str(source), state.st_mtime_ns, state.st_size, *_MAKER)
    try:
        known, code, lines, branches = marshal.loads(cached.read_bytes())
        if known == stamp:
            return Probed(code, lines, branches)
    except (OSError, ValueError, EOFError, TypeError):
        pass
    probed = _make_probed(source)
    if not sys.dont_write_bytecode:
        cached.parent.mkdir(exist_ok=True)
        unfinished = cached.with_suffix(f".{os.getpid()}")
        unfinished.write_bytes(marshal.dumps((stamp, probed.code, probed.lines, probed.branches)))
        unfinished.replace(cached)
    return probed


def _make_probed(source: Path) -> Probed:
    code = compile(branch.preinstrument(ast.parse(source.read_bytes())), str(source), "exec")
    lines, branches = Slipcover.lines_from_code(code), Slipcover.branches_from_code(code)
    return Probed(_with_places(code), sorted(set(lines)), sorted(set(branches)))


def _with_places(code: CodeType) -> CodeType:
    """The same code that calls what is nothing yet; its last constant says what calls stand where."""
    editor = bytecode.Editor(code)
    for index, constant in enumerate(code.co_consts):
        if isinstance(constant, CodeType):
            editor.set_const(index, _with_places(constant))
    signal, added = editor.add_const(None), 0
    labels, constants = list[Label](), list[int]()
    for start, end, label, known in sorted(_places(code, editor), key=lambda position: position[:2]):
        index = editor.add_const(None) if known is None else known
        added += editor.insert_function_call(start + added, signal, (index,), repl_length=end - start)
        labels.append(label)
        constants.append(index)
    # Before it is asked where they came to stand: that may move them.
    editor.add_const((signal, tuple(zip(constants, labels, editor.get_inserts(), strict=True))))
    edited = editor.finish()
    assert isinstance(edited, CodeType)
    return edited


def _places(code: CodeType, editor: bytecode.Editor) -> Iterator[tuple[int, int, Label, int | None]]:
    """From where to where bytes are replaced, for what, and the constant that stands there already."""
    for beginning, line in findlinestarts(code):
        start = beginning
        # No call can stand between an opcode and the longer argument before it.
        while start >= 2 and code.co_code[start - 2] == bytecode.op_EXTENDED_ARG:
            start += 2
        yield start, start, line, None
    for start, end, index in editor.find_const_assignments(branch.BRANCH_NAME):
        yield start, end, code.co_consts[index], index


def _arm(slipcover: Slipcover, code: CodeType) -> CodeType:
    """Put a probe into each place of this code."""
    constants = list(code.co_consts)
    signal, places = constants.pop()
    for index, constant in enumerate(constants):
        if isinstance(constant, CodeType):
            constants[index] = _arm(slipcover, constant)
    constants[signal] = probe.signal
    for index, label, _ in places:
        constants[index] = probe.new(slipcover, code.co_filename, label, _NEVER)
    armed = code.replace(co_consts=tuple(constants))
    # The opcodes stand behind the other fields; a probe writes at the offset from the bytes that it is given.
    opcodes = id(armed) + CodeType.__basicsize__
    for index, _, offset in places:
        probe.set_immediate(constants[index], _NO_BYTES, opcodes + offset - _START_OF_BYTES)
    return armed
