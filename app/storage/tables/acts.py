"""The acts that were done from pages, so that none is done twice."""

from datetime import datetime

from sqlmodel import Field, SQLModel


class ActKey(SQLModel, table=True):
    """An act that was done: who did it, a keyed digest of what was typed, and where its first result is."""

    __tablename__ = "act_key"
    key: str = Field(primary_key=True, max_length=64)
    actor: str = Field(max_length=80)
    body: str = Field(max_length=64)
    result: str = Field(max_length=400)
    at: datetime = Field(index=True)
