"""What is typed at full width is what a Latin keyboard writes."""

from hypothesis import given
from hypothesis import strategies as st

from app.domain.typed_text import narrow_text

VISIBLE = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E))


@given(VISIBLE)
def test_every_sign_has_its_full_width_twin(text: str) -> None:
    assert narrow_text("".join(chr(ord(sign) + 0xFEE0) for sign in text)) == text
    assert narrow_text(f"\u3000 {text}\n") == text
