"""Entity tags (RFC 9110 §8.8.3): opaque digests of a representation and the coding in which it is sent."""

import hashlib
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from app.domain.records.audit import canonical_json, sha256_hex
from app.domain.refusal import Refused

CODINGS = ("identity", "gzip", "br")
"""The content codings in which a representation may be sent; each has a tag of its own."""
_TAG = re.compile(r'(W/)?("[^"]*")')


def serialise_representation(body: object) -> str:
    """The one text of a representation: what is served is what the tag is the digest of."""
    return canonical_json(body)


def digest_representation(parts: Iterable[bytes]) -> str:
    """The digest of a representation that comes in pieces; how it is cut makes no difference."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def digest_text(text: str) -> str:
    """The digest of a representation that is one text."""
    return sha256_hex(text)


def entity_tag(digest: str, coding: str) -> str:
    """The strong tag of the representation with this digest, in one coding."""
    return f'"{sha256_hex(f"{coding}:{digest}")[:32]}"'


def list_entity_tags(digest: str) -> frozenset[str]:
    """The tags of a representation in every coding: whoever holds one of them has read this state."""
    return frozenset(entity_tag(digest, coding) for coding in CODINGS)


@dataclass(frozen=True, slots=True)
class Preconditions:
    """The If-Match and If-None-Match headers of a request (RFC 9110 §13), as they were sent."""

    if_match: str | None = None
    if_none_match: str | None = None

    def check(self, tags: Collection[str], exists: bool) -> None:
        """For a PUT on what has these tags. Raises Refused("version_mismatch").

        `exists` answers `*`: whether anybody has stated anything there.
        """
        if self.if_match is not None and not _names(self.if_match, tags, exists, weak=False):
            raise Refused("version_mismatch")
        if self.if_none_match is not None and _names(self.if_none_match, tags, exists, weak=True):
            raise Refused("version_mismatch")

    def check_reading(self, tags: Collection[str]) -> None:
        """For a GET, where If-None-Match only asks for news. Raises Refused("version_mismatch")."""
        Preconditions(self.if_match).check(tags, exists=True)

    def is_unchanged(self, tag: str) -> bool:
        """Whether the reader already holds what has this tag."""
        return self.if_none_match is not None and _names(self.if_none_match, (tag,), exists=True, weak=True)


def _names(header: str, tags: Collection[str], exists: bool, weak: bool) -> bool:
    """Whether a list of entity tags (or `*`) names one of these."""
    if header.strip() == "*":
        return exists
    return any(tag in tags and (weak or not mark) for mark, tag in _TAG.findall(header))
