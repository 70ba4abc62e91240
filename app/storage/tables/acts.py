"""The acts that were done from pages, so that none is done twice, and the epochs by which they are purged."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class ActKey(SQLModel, table=True):
    """An act that was done: who did it, a keyed digest of what was typed, and where its first result is.

    `epoch` is that of the page from which it was done.
    """

    __tablename__ = "act_key"
    key: str = Field(primary_key=True, max_length=64)
    actor: str = Field(max_length=80)
    body: str = Field(max_length=64)
    result: str = Field(max_length=400)
    at: datetime
    epoch: int = Field(default=0, index=True)


class PageEpoch(SQLModel, table=True):
    """The one row that counts the epochs of pages, and when the present one began."""

    __tablename__ = "page_epoch"
    id: int = Field(primary_key=True)
    number: int
    began_at: datetime
