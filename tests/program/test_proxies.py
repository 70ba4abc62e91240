"""The manual's proxy configurations, run as they stand there but for ports and certificate.

A real proxy stands before the real application, and clients call it from different addresses of this machine.
"""

import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPResponse, IncompleteRead
from pathlib import Path
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.services.core.throttling import TRIES
from tests.applications import Clock, application
from tests.meta.sources import ROOT
from tests.servers import free_socket, serve_application

MANUAL = (ROOT / "docs" / "manual" / "operation.md").read_text("utf-8")
HOST = "daybook.example.org"
UNPACKED = Path(sys.prefix) / "proxies" / "usr"
"""Where `.ci/setup dev` unpacks them on a machine that has them not."""
SECONDS = 300
"""Only against hanging."""


def block(language: str) -> str:
    """The one code block of a language in the manual."""
    (blocks,) = re.findall(rf"^```{language}\n(.*?)^```", MANUAL, re.DOTALL | re.MULTILINE)
    return str(blocks)


def replaced(text: str, changes: Mapping[str, str]) -> str:
    """The text with each of these replaced; all of them must be there."""
    for before, after in changes.items():
        assert before in text
        text = text.replace(before, after)
    return text


@dataclass(frozen=True)
class ProxySetup:
    """Ports, folder and certificate of one proxy, and the application behind it."""

    folder: Path
    https: int
    http: int
    upstream: str

    @property
    def certificate(self) -> Path:
        return self.folder / "certificate.pem"

    @property
    def key(self) -> Path:
        return self.folder / "key.pem"


def nginx(setup: ProxySetup) -> list[str]:
    """The command that runs nginx in the foreground with the manual's block."""
    servers = replaced(
        block("nginx"),
        {
            "listen 443 ssl": f"listen 127.0.0.1:{setup.https} ssl",
            "listen 80;": f"listen 127.0.0.1:{setup.http};",
            "    listen [::]:443 ssl http2;\n": "",
            "    listen [::]:80;\n": "",
            "/etc/ssl/daybook/fullchain.pem": str(setup.certificate),
            "/etc/ssl/daybook/privkey.pem": str(setup.key),
            "127.0.0.1:8000": setup.upstream,
        },
    )
    temporary = "\n".join(
        f"{kind}_temp_path {setup.folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    configuration = setup.folder / "nginx.conf"
    configuration.write_text(
        f"daemon off;\nmaster_process off;\npid {setup.folder}/pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}\n{servers}\n}}\n",
        "utf-8",
    )
    return ["nginx", "-p", str(setup.folder), "-c", str(configuration), "-e", "stderr"]


def caddy(setup: ProxySetup) -> list[str]:
    """The command that runs Caddy in the foreground with the manual's block."""
    site = replaced(
        block("caddy"),
        {
            f"{HOST} {{\n": f"{HOST}:{setup.https} {{\n\tbind 127.0.0.1\n"
            f"\ttls {setup.certificate} {setup.key}\n",
            "127.0.0.1:8000": setup.upstream,
        },
    )
    configuration = setup.folder / "Caddyfile"
    options = f"{{\n\tadmin off\n\thttp_port {setup.http}\n\tdefault_bind 127.0.0.1\n}}\n"
    configuration.write_text(options + site, "utf-8")
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(configuration)]


def certify(setup: ProxySetup) -> None:
    """A certificate for the manual's host, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    begin = datetime(2020, 1, 1, tzinfo=UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(begin)
        .not_valid_after(begin + timedelta(days=36_500))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    kind = serialization.PrivateFormat.PKCS8
    setup.certificate.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    setup.key.write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, plain))


@contextmanager
def running(command: list[str], setup: ProxySetup) -> Iterator[None]:
    """Run a proxy until the end, once it takes connections. Skips where the machine has it not."""
    folders = [os.environ["PATH"], "/usr/sbin", str(UNPACKED / "sbin"), str(UNPACKED / "bin")]
    program = shutil.which(command[0], path=os.pathsep.join(folders))
    if program is None:
        pytest.skip(f"{command[0]} is not on this machine: the manual's configuration of it was NOT run")
    environ = {**os.environ, "HOME": str(setup.folder), "XDG_DATA_HOME": str(setup.folder)}
    log = setup.folder / "proxy.log"
    with (
        log.open("wb") as output,
        subprocess.Popen([program, *command[1:]], env=environ, stdout=output, stderr=output) as process,
    ):
        try:
            until = time.monotonic() + SECONDS
            while not accepts(setup.https):
                assert process.poll() is None, log.read_text("utf-8")
                assert time.monotonic() < until, log.read_text("utf-8")
                time.sleep(0.05)
            yield
        finally:
            process.terminate()
            process.wait(SECONDS)


def accepts(port: int) -> bool:
    with closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@dataclass(frozen=True)
class Caller:
    """Somebody who calls the proxy from an address of their own."""

    setup: ProxySetup
    address: str

    def request(
        self,
        method: str,
        path: str,
        body: str = "",
        headers: Mapping[str, str] | None = None,
        *,
        cut: bool = False,
    ) -> HTTPResponse:
        """The answer, over TLS with the certificate checked; `cut`: its page may be lost on the way."""
        trust = ssl.create_default_context(cafile=str(self.setup.certificate))
        plain = socket.create_connection(("127.0.0.1", self.setup.https), SECONDS, (self.address, 0))
        connection = HTTPConnection(HOST)
        connection.sock = trust.wrap_socket(plain, server_hostname=HOST)
        all_headers = {**(headers or {}), "Content-Type": "application/x-www-form-urlencoded"}
        with closing(connection):
            connection.request(method, path, body, all_headers)
            answer = connection.getresponse()
            with suppress(IncompleteRead) if cut else nullcontext():
                answer.read()
            return answer

    def guess(self, number: int) -> int:
        """The status of a wrong password, with headers that claim another address each time."""
        body = urlencode({"email": "nurse@example.org", "password": "guess"})
        claimed = f"198.51.100.{number}"
        all_headers = {"X-Forwarded-For": claimed, "Forwarded": f"for={claimed}", "X-Real-IP": claimed}
        all_headers["Origin"] = f"https://{HOST}"
        return self.request("POST", "/desk/sign-in", body, all_headers).status


@pytest.mark.req("IAM-12", "SEC-12")
@pytest.mark.parametrize("command_for", [nginx, caddy])
def test_behind_the_manual_s_proxy_each_client_counts_for_itself(
    migrated_sqlite_url: str, tmp_path: Path, command_for: Callable[[ProxySetup], list[str]]
) -> None:
    """And none evades the throttle by a header of its own."""
    app = application(
        migrated_sqlite_url,
        Clock(),
        DAYBOOK_PUBLIC_URL=f"https://{HOST}",
        DAYBOOK_TRUSTED_HOSTS=HOST,
        DAYBOOK_TRUSTED_PROXIES="127.0.0.1",
    )
    ports = [free_socket() for _ in range(2)]
    https, http = (each.getsockname()[1] for each in ports)
    with serve_application(app) as upstream:
        for each in ports:
            each.close()
        setup = ProxySetup(tmp_path, https, http, upstream.removeprefix("http://"))
        certify(setup)
        with running(command_for(setup), setup):
            stranger, nurse = Caller(setup, "127.0.0.2"), Caller(setup, "127.0.0.3")
            assert stranger.request("GET", "/healthz").status == 200
            assert [stranger.guess(number) for number in range(TRIES + 1)] == [403] * TRIES + [429]
            assert nurse.guess(0) == 403
            # The server refuses it before it has read it all, which a proxy may see as a broken connection.
            assert nurse.request("POST", "/desk/sign-in", "x" * 1_100_000, cut=True).status in (413, 502)
