"""The question runner as it travels in a page (`python .tools/build_runner.py`): shorter names, nothing else.

The parser knows ECMAScript 5 and no more, so a source that old browsers cannot read is refused here.
"""

import sys
from pathlib import Path

from calmjs.parse import es5
from calmjs.parse.asttypes import Boolean
from calmjs.parse.unparsers.es5 import minify_print
from calmjs.parse.walkers import Walker

FOLDER = Path(__file__).resolve().parents[1] / "app" / "static" / "js"
SOURCE, TRAVELS = FOLDER / "runner.js", FOLDER / "runner.min.js"


def minified() -> str:
    """The runner with short names and without blanks and remarks; raises for what is no ES5."""
    program = es5(SOURCE.read_text(encoding="utf-8"))
    for each in Walker().filter(program, lambda node: isinstance(node, Boolean)):
        each.value = {"true": "!0", "false": "!1"}[each.value]
    return str(minify_print(program, obfuscate=True, drop_semi=True))


def main() -> int:
    """Write what travels."""
    TRAVELS.write_text(minified(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
