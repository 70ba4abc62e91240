"""Parser of the Dockerfile: a list of its steps, for the test that reads it and the script that runs it."""

import json
import re
import shlex
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).resolve().parents[1] / "Dockerfile"
EXEC = re.compile(r"\bCMD\s+(\[.*\])$")


@dataclass(frozen=True, slots=True)
class Step:
    """One instruction: its word, the rest, and the number of its stage."""

    word: str
    rest: str
    stage: int

    def words(self) -> list[str]:
        """The operands, without options such as --from."""
        return [word for word in shlex.split(self.rest) if not word.startswith("--")]

    def command(self) -> list[str]:
        """The exec form of a CMD or HEALTHCHECK."""
        exec_form = EXEC.search(f"{self.word} {self.rest}")
        if exec_form is None:
            raise ValueError(f"{self.word} has no exec form: {self.rest}")
        return [str(word) for word in json.loads(exec_form[1])]


def read_steps(file: Path = FILE) -> tuple[Step, ...]:
    """Every instruction in order, continued lines joined."""
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    result: list[Step] = []
    stage = -1
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        if line.strip():
            word, _, rest = line.partition(" ")
            stage += word == "FROM"
            result.append(Step(word, rest.strip(), stage))
    return tuple(result)
