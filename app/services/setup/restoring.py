"""After a restore from a backup: every feed begins anew, and the trail names what is no longer continued."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace

from sqlmodel import col, select

from app.domain.records.audit import AuditEvent, FieldChange
from app.domain.refusal import DatabaseUnavailable, Refused
from app.services.core.context import StaffContext
from app.services.core.identifiers import new_public_id
from app.services.core.installation import Installation
from app.services.setup.feed_heads import read_heads
from app.storage.head_file import KnownHead, KnownHeads, read_head_file, write_head_file
from app.storage.row_changes import study_chain
from app.storage.tables.feed import FeedHead
from app.storage.tables.studies import Study
from app.storage.unit_of_work import UnitOfWork


def collect_heads(installation: Installation) -> KnownHeads:
    """The furthest heads that are known, from the head file and from the database if it can be read."""
    known = read_head_file(installation.head_file) if installation.head_file else KnownHeads({})
    try:
        with installation.read() as session:
            present = read_heads(session)
    except DatabaseUnavailable:
        present = {}  # lost altogether, which is why it is restored
    further = {code: head for code, head in known.studies.items() if _is_further(head, present.get(code))}
    return KnownHeads({**present, **further}, known.restoring)


def _is_further(head: KnownHead, present: KnownHead | None) -> bool:
    return present is None or (head.seq, head.trail_seq) > (present.seq, present.trail_seq)


@contextmanager
def announce_restore(installation: Installation, lost: KnownHeads) -> Iterator[None]:
    """Say in the head file that a restore is under way: nothing serves until it is marked.

    A restore that is refused has changed nothing, and the announcement is taken back.
    """
    if installation.head_file is None:
        yield
        return
    write_head_file(installation.head_file, replace(lost, restoring=True))
    try:
        yield
    except (Refused, OSError):
        write_head_file(installation.head_file, lost)
        raise


def mark_restored(context: StaffContext, lost: KnownHeads, reason: str) -> Mapping[str, str]:
    """Begin every study's feed anew, with one entry each that names the heads no longer continued.

    In one transaction; returns the new feed ids by study.
    """
    with context.unit_of_work() as work:
        studies = work.session.exec(select(Study).order_by(col(Study.id))).all()
        heads = read_heads(work.session)
        for study in studies:
            with work.join_act(
                work.actor, work.at
            ) as own:  # what changes in a study is told in its own chain
                _begin_feed(own, study, lost.studies.get(study.code), heads[study.code], reason)
        return {study.code: study.feed for study in studies}


def _begin_feed(work: UnitOfWork, study: Study, lost: KnownHead | None, now: KnownHead, reason: str) -> None:
    chain = study_chain(study.id)
    work.lock(chain, study.id)
    before = lost or now
    study.feed, study.restored_at = new_public_id(), work.at
    head = work.session.get_one(FeedHead, study.id)
    head.asked_seq = head.asked_at = None
    changes = [
        FieldChange(f"feed:{before.feed}", "head", f"{before.seq}:{before.hash}", f"{now.seq}:{now.hash}"),
        FieldChange(
            f"trail:{chain}",
            "head",
            f"{before.trail_seq}:{before.trail_hash}",
            f"{now.trail_seq}:{now.trail_hash}",
        ),
    ]
    work.record(AuditEvent.FEED_RESTORED, chain, study.id, reason=reason, changes=changes)


def confirm_heads(installation: Installation) -> None:
    """Take the database's heads into the head file: from now on they are what is continued."""
    if installation.head_file is not None:
        with installation.read() as session:
            write_head_file(installation.head_file, KnownHeads(read_heads(session)))
