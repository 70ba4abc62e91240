"""What nobody can see is nothing: where an act of the desk refuses a space, it refuses every blank alike."""

from random import Random

import pytest

from tests.faces.acting import PRESSES
from tests.faces.acting_people import PEOPLE_PRESSES
from tests.faces.callers import SiteFixture
from tests.faces.valid_acts import all_rows

ACTS = {**PRESSES, **PEOPLE_PRESSES}
UNSEEN = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u115f\u1160\u2800\u3164\uffa0\u3000 "
WORDS = ("reason", "note", "words", "name", "notes", "purpose", "paper", "outcome", "consent_version")
"""Fields in which one writes; `outcome` is a choice in some acts."""
DRAWN = 3


@pytest.mark.parametrize("act", sorted(ACTS))
def test_what_refuses_a_space_refuses_every_blank(here: SiteFixture, act: tuple[str, str]) -> None:
    press, draw = ACTS[act](here), Random(act[1])
    typed = {**press.body, **press.other}
    for field in (name for name in WORDS if name in typed):
        space = press.post(press.key(), typed | {field: " "})
        before = all_rows(here.installation)
        for _blank in range(DRAWN if space.status_code == 422 else 0):
            blank = "".join(draw.choices(UNSEEN, k=draw.randint(1, 6)))
            unseen = press.post(press.key(), typed | {field: blank})
            assert (unseen.status_code, field, blank) == (space.status_code, field, blank)
            assert all_rows(here.installation) == before
