"""Pull a Daybook feed and check it. Python's standard library only; copy it to where the EDC runs.

    python edc_verify.py https://daybook.example.org CLIENT_ID CLIENT_SECRET [FILE]

With FILE the events are appended to it, one per line, and the next run goes on where the last one
ended. Beside it, in FILE.heads, stands every audit head that a pull brought, one per line, and where the
feed then ended: hand it to `daybook verify-audit --heads`. A head that contradicts an earlier one is a
fault. Exit code 0: every number was there once, the chain holds, and so do the heads. 1: they do not; the
first fault is printed. The rules are those of edc.md, "How to verify the chain".
"""

import base64
import hashlib
import json
import sys
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BASE = "/api/edc/v1"
GENESIS = "0" * 64
OUTSIDE = {"data", "salts", "scopes", "needs", "envelope_sha256", "prev_hash", "hash"}


class Fault(Exception):
    """What is wrong, at which number."""


def canonical(value: object) -> str:
    """JSON with sorted keys, no spaces, and characters as they are."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def sha256(text: str) -> str:
    """The digest of a text's UTF-8 bytes in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def check(event: dict[str, Any], last: int, previous: str) -> None:
    """Raise Fault unless this event follows number `last` with hash `previous`, unaltered."""
    seq = event["seq"]
    if seq != last + 1:
        raise Fault(f"{seq}: expected number {last + 1}")
    if event["prev_hash"] != previous:
        raise Fault(f"{seq}: does not follow the event before it")
    if event["hash"] != sha256(f"{previous}:{event['envelope_sha256']}"):
        raise Fault(f"{seq}: the link was altered")
    if event["type"] == "withheld":
        return
    envelope = {name: value for name, value in event.items() if name not in OUTSIDE}
    if event["envelope_sha256"] != sha256(canonical(envelope)):
        raise Fault(f"{seq}: the envelope was altered")
    for name, section in event["data"].items():
        if event["digests"].get(name) != sha256(f"{event['salts'][name]}:{canonical(section)}"):
            raise Fault(f"{seq}: section {name} was altered")


def token(url: str, client_id: str, secret: str) -> str:
    """An access token; it lives for 15 minutes."""
    basic = base64.b64encode(f"{client_id}:{secret}".encode()).decode()
    body = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
    request = urllib.request.Request(f"{url}{BASE}/oauth/token", body, {"Authorization": f"Basic {basic}"})
    with urllib.request.urlopen(request) as answer:
        return str(json.load(answer)["access_token"])


def pages(url: str, bearer: str, after: int) -> Iterator[dict[str, Any]]:
    """Every page after a number."""
    complete = False
    while not complete:
        query = urllib.parse.urlencode({"after": after, "limit": 1000})
        headers = {"Authorization": f"Bearer {bearer}"}
        request = urllib.request.Request(f"{url}{BASE}/changes?{query}", None, headers)
        with urllib.request.urlopen(request) as answer:
            page = json.load(answer)
        yield page
        after, complete = page["through"], page["complete"]


def held(file: Path | None) -> tuple[int, str]:
    """Number and hash of the last event that was stored, all of them checked again."""
    last, previous = 0, GENESIS
    if file is not None and file.exists():
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                event = json.loads(line)
                check(event, last, previous)
                last, previous = event["seq"], event["hash"]
    return last, previous


def kept_heads(file: Path) -> dict[str, dict[str, Any]]:
    """The audit heads that earlier pulls brought, by their day."""
    if not file.exists():
        return {}
    heads = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    return {head["day"]: head for head in heads if "day" in head}


def check_head(head: dict[str, Any], earlier: dict[str, dict[str, Any]]) -> None:
    """Raise Fault if an audit head contradicts those that were handed out before."""
    day = head["day"]
    if day in earlier and earlier[day] != head:
        raise Fault(f"audit head: {day} has another one than before")
    if earlier and day < max(earlier):
        raise Fault(f"audit head: {day} came after {max(earlier)}")
    if any(head["chains"] < other["chains"] for other in earlier.values() if other["feed"] == head["feed"]):
        raise Fault(f"audit head: {day} covers fewer chains than before")


def take_head(page: dict[str, Any], heads: dict[str, dict[str, Any]], file: Path | None) -> None:
    """Check the audit head of a page, and keep it if it is new; the first may come days after the study."""
    if page["audit_head"] is None:
        if heads:
            raise Fault("audit head: there is none any more")
        return
    head = {"feed": page["feed"], **page["audit_head"]}
    check_head(head, heads)
    if head["day"] not in heads and file is not None:
        with file.open("a", encoding="utf-8") as lines:
            lines.write(canonical(head) + "\n")
    heads[head["day"]] = head


def main(url: str, client_id: str, secret: str, name: str = "") -> int:
    """Pull what is new, check it, keep it."""
    file = Path(name) if name else None
    beside = Path(f"{name}.heads") if name else None
    try:
        last, previous = held(file)
        heads = kept_heads(beside) if beside else {}
        for page in pages(url.rstrip("/"), token(url.rstrip("/"), client_id, secret), last):
            take_head(page, heads, beside)
            for event in page["items"]:
                check(event, last, previous)
                last, previous = event["seq"], event["hash"]
            if file is not None:
                with file.open("a", encoding="utf-8") as lines:
                    lines.writelines(canonical(event) + "\n" for event in page["items"])
            if beside is not None and page["items"]:
                with beside.open("a", encoding="utf-8") as lines:
                    lines.write(canonical({"feed": page["feed"], "seq": last, "hash": previous}) + "\n")
    except Fault as fault:
        print(f"FAULT {fault}")
        return 1
    newest = f", audit head of {max(heads)}" if heads else ", no audit head yet"
    print(f"OK {last} events, hash {previous}{newest}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
