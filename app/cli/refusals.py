"""Refusals in words; imported only once something was refused."""

from app.domain.refusal import Refused
from app.web.refusal_messages import fill_message, message_of


def explain_refusal(refused: Refused) -> str:
    """The sentence that a browser would show, and the refusal's code."""
    sentence = fill_message(message_of(refused).sentence, refused)
    return f"{sentence} [{refused.code}]" if sentence else str(refused)
