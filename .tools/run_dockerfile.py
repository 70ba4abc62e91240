"""Test script of the Dockerfile: `python .tools/run_dockerfile.py` runs its steps in order in a clean folder.

Where no container engine runs, this is the proof that the steps work. Each stage starts from
a copy of nothing; the image's folders (/srv, /opt, /data) become folders of one temporary
place. Not proven here: the base image, `useradd`, and the engine's own read-only switch; in
its stead the server runs as the image's user number, who owns only /data. Needs root.
"""

import contextlib
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cryptography.fernet import Fernet

from dockerfile_steps import FILE, Step, read_steps

SOURCE = FILE.parent
IMAGE_FOLDERS = re.compile(r"(?<![\w./])/(srv|opt|data)\b")
# Makes a user of the machine itself when run outside an image.
NOT_HERE = re.compile(r"useradd[^&]*&&\s*")
# The base image's interpreter; here, one of this machine.
BASE_PYTHON = re.compile(r"(?<![\w./-])python(?= )")
PATIENCE_SECONDS = 60.0
IMAGE_USER = next(int(step.rest) for step in read_steps() if step.word == "USER")


def main() -> int:
    """Run every step, start what the image starts, ask its health check; return the exit code."""
    if os.geteuid() != 0:
        print("needs root: the server is started as the image's user", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="daybook-image-"))
    folder.chmod(0o755)
    try:
        return 0 if Build(folder).run() else 1
    finally:
        shutil.rmtree(folder)


class Build:
    """The folder that stands for the image, and what the steps have set so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.place = root
        self.user = 0
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(root)}
        self.health: list[str] = []
        self.start: list[str] = []

    def run(self) -> bool:
        """Each step in order; true when the server became healthy."""
        for step in read_steps():
            print(f"{step.word} {step.rest}", flush=True)
            self._run_step(step)
        return self._serve()

    def _run_step(self, step: Step) -> None:
        match step.word:
            case "WORKDIR":
                self.place = Path(self._map_paths(step.rest))
                self.place.mkdir(parents=True, exist_ok=True)
            case "ENV":
                self._set(step)
            case "COPY":
                self._copy(step)
            case "RUN":
                self._set_image_config(step)
            case "USER":
                self.user = int(step.rest)
            case "HEALTHCHECK":
                self.health = step.command()
            case "CMD":
                self.start = step.command()

    def _map_paths(self, text: str) -> str:
        return IMAGE_FOLDERS.sub(lambda found: f"{self.root}/{found[1]}", text)

    def _set(self, step: Step) -> None:
        for pair in shlex.split(step.rest):
            name, _, value = pair.partition("=")
            self.environment[name] = self._map_paths(value).replace("$PATH", self.environment["PATH"])

    def _copy(self, step: Step) -> None:
        if "--from" in step.rest:
            # Both stages share the places, so what the builder made is already there.
            print("  (already in place)")
            return
        *sources, target = step.words()
        for name in sources:
            goal = self.place / target if (SOURCE / name).is_dir() else self.place / target / name
            if (SOURCE / name).is_dir():
                shutil.copytree(SOURCE / name, goal, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(SOURCE / name, goal)

    def _set_image_config(self, step: Step) -> None:
        line = NOT_HERE.sub("", self._map_paths(step.rest))
        line = line.replace("-o daybook -g daybook", f"-o {IMAGE_USER} -g {IMAGE_USER}")
        line = BASE_PYTHON.sub(shlex.quote(_python(IMAGE_USER)), line)
        subprocess.run(["/bin/sh", "-ec", line], cwd=self.place, env=self.environment, check=True)

    def _serve(self) -> bool:
        port = str(_free_port())
        self.environment |= {"HOME": f"{self.root}/data", **_settings(f"{self.root}/data")}
        self._as_user(["daybook", "migrate"]).wait()
        health = [word.replace("8000", port) for word in self.health]
        server = self._as_user([port if word == "8000" else word for word in self.start])
        until = time.monotonic() + PATIENCE_SECONDS
        healthy = False
        while not healthy and server.poll() is None and time.monotonic() < until:
            time.sleep(1)
            healthy = self._as_user(health).wait() == 0
        server.terminate()
        server.wait(timeout=PATIENCE_SECONDS)
        print("healthy" if healthy else "NOT healthy")
        return healthy and self._wrote_only_data()

    def _as_user(self, command: list[str]) -> "subprocess.Popen[bytes]":
        print(shlex.join(command), flush=True)
        program = shutil.which(command[0], path=self.environment["PATH"]) or command[0]
        return subprocess.Popen(
            [program, *command[1:]],
            cwd=self.place,
            env=self.environment,
            user=self.user,
            group=self.user,
            extra_groups=[],
        )

    def _wrote_only_data(self) -> bool:
        written = [
            path
            for path in self.root.rglob("*")
            if path.lstat().st_uid == self.user and path.relative_to(self.root).parts[0] != "data"
        ]
        print(f"written outside /data: {written or 'nothing'}")
        return not written


def _settings(data: str) -> dict[str, str]:
    """What an operator must give a live installation; made up here, forgotten at the end."""
    return {
        "DAYBOOK_MODE": "live",
        "DAYBOOK_KEY": Fernet.generate_key().decode(),
        "DAYBOOK_PUBLIC_URL": "https://daybook.example.org",
        "DAYBOOK_DATABASE_URL": f"sqlite:///{data}/daybook.sqlite3",
    }


def _python(user: int) -> str:
    """An interpreter that the image's user may run too: one in a private home is of no use."""
    check = "import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))"
    for candidate in (sys.executable, "/usr/local/bin/python3", "/usr/bin/python3"):
        real = str(Path(candidate).resolve())
        with contextlib.suppress(OSError, subprocess.CalledProcessError):
            subprocess.run([real, "-c", check], cwd="/", user=user, extra_groups=[], check=True)
            return real
    raise SystemExit("no Python 3.11 or newer that an ordinary user can run")


def _free_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        return int(held.getsockname()[1])


if __name__ == "__main__":
    sys.exit(main())
