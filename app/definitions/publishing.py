"""Publishing definitions: a new file's digest is locked; a locked one never changes (CAP-01)."""

from collections.abc import Iterator

from app.definitions.library import LOCK, Library, check_lock, file_digests, read_lock

HEAD = (
    "# SHA-256 of every published definition; a published file never changes, a new version is a new folder."
)


def list_drafts(library: Library) -> tuple[str, ...]:
    """The names of files that may still change: of draft instruments and draft plans."""
    places = tuple(_draft_places(library))
    plans = {f"plans/{plan.id}/{plan.version}.toml" for plan in library.plans.values() if plan.draft}
    return tuple(name for name in file_digests(library.root) if name in plans or name.startswith(places))


def publish_definitions(library: Library) -> tuple[str, ...]:
    """Lock the digests of files that are neither locked yet nor drafts, and return their names.

    Raises BadDefinition when a published file changed or went; nothing is written then.
    """
    root = library.root
    check_lock(root)
    drafts = set(list_drafts(library))
    digests = {name: sha256 for name, sha256 in file_digests(root).items() if name not in drafts}
    new = tuple(sorted(digests.keys() - read_lock(root).keys()))
    if new:
        lines = (f'"{name}" = "{digests[name]}"' for name in sorted(digests))
        (root / LOCK).write_text("\n".join((HEAD, "", "[sha256]", *lines, "")), "utf-8")
    return new


def _draft_places(library: Library) -> Iterator[str]:
    for instrument in library.instruments.values():
        if instrument.draft:
            yield f"{instrument.id}/{instrument.version}/"
            yield f"terms/{instrument.id}-{instrument.version}.toml"
