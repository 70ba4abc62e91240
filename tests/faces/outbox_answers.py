"""What a phone still held of a form, as its runner keeps and sends it."""

import json

from httpx2 import Response

from app.domain.capture.answers import SubmittedAnswer
from app.domain.capture.outbox import item_tokens, record_checksum
from app.patient.forms.event_parser import parse_instant
from tests.faces.participant_browsers import Phone

SHOWN = "2026-03-02T10:00:00.000+08:00"
CODES = [f"q{number}" for number in range(1, 31)]


def outbox_records(phone: Phone, slot: str, *codes: str, value: int = 2) -> list[list[object]]:
    """Records as the runner keeps them."""
    of_form = item_tokens(30, phone.person.installation.secret_box.keyed_digest("outbox", slot))
    records: list[list[object]] = []
    for seq, code in enumerate(codes, start=1):
        sign = of_form[CODES.index(code)]
        answer = SubmittedAnswer(seq, 0, code, value, parse_instant(SHOWN, "at"), 0, True)
        records.append([seq, 0, sign, value, SHOWN, record_checksum(of_form, "box", sign, answer), 1])
    return records


def send_outbox(phone: Phone, slot: str, records: object, **more: object) -> Response:
    body = {"client": "box", "sent": SHOWN, "reviewed": None, "kept": records, **more}
    return phone.client.post(
        f"/f/{slot}/late", content=json.dumps(body), headers={"accept": "application/json"}
    )
