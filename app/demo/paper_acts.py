"""A paper form in the demonstration: a nurse enters it as at the desk."""

from datetime import date, datetime

from app.demo.acts import DemoStage
from app.demo.stories import Story
from app.domain.capture.paper import PaperReason
from app.services.clinic.paper.entries import TypedAnswer, TypedPaper, enter_paper, get_typed_paper_form
from app.storage.queries.participants import get_participant
from app.storage.queries.slots import list_slots


def enter_paper_of(stage: DemoStage, at: datetime, story: Story, visit: str, on: date) -> None:
    """The site's nurse enters what came on paper: every question answered alike, the last one left blank.

    Her page may be older than what the phone has sent meanwhile; the paper then lies apart.
    """
    context = stage.staff_context(stage.nurses[story.site], at)
    with stage.read() as session:
        participant_id = get_participant(session, stage.study_id, story.subject).id
        slots = list_slots(session, participant_id)
    slot = next(slot.public_id for slot in slots if slot.visit == visit)
    items = get_typed_paper_form(context, participant_id, slot).definition.items
    answers = [TypedAnswer(item.code, str(item.low + 1)) for item in items[:-1]]
    blank = TypedAnswer(items[-1].code, "", blank=True)
    typed = TypedPaper((*answers, blank), on, f"{visit}, 2", PaperReason.prefers_paper.value)
    enter_paper(context, participant_id, slot, typed)
