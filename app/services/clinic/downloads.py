"""Files that staff save from the desk: each is an entry of the study's trail, as a look is."""

from collections.abc import Mapping
from dataclasses import replace

from app.domain.records.audit import AuditEvent, FieldChange
from app.services.core.context import StaffContext
from app.storage.row_changes import participant_chain, study_chain


def record_file_download(
    context: StaffContext, study_id: int, file: str, choices: Mapping[str, str] | None = None
) -> None:
    """Enter in the trail that somebody saved this file, and by which choices it was made."""
    said = {"file": file, **(choices or {})}
    changes = [FieldChange("file", name, None, value) for name, value in said.items() if value]
    with replace(context, act=None).unit_of_work() as work:
        work.record(AuditEvent.FILE_SAVED, study_chain(study_id), study_id, changes=changes)


def record_form_copy(context: StaffContext, participant_id: int, form: str, version: int) -> None:
    """Enter in the participant's trail that a copy of this version of a form was saved as a file."""
    changes = [FieldChange("file", "file", None, "form"), FieldChange(form, "version", None, version)]
    with replace(context, act=None).unit_of_work() as work:
        work.record(AuditEvent.FILE_SAVED, participant_chain(participant_id), changes=changes)
