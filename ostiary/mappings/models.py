"""Stored mappings and the providers that use them."""

from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id


class PropertyMapping(Base):
    """A named header. ``expression`` is CEL over the person; it answers a text or a list of texts.

    A managed one stands for a scope and fills no header.
    """

    __tablename__ = "property_mappings"

    id: Mapped[Id]
    name: Mapped[str] = mapped_column(unique=True)
    header: Mapped[str] = mapped_column(String(64))
    expression: Mapped[str]
    managed: Mapped[str | None] = mapped_column(unique=True, comment="authentik's name of one that comes with us")
    scope: Mapped[str] = mapped_column(default="", server_default="", comment="the scope of a managed one")
    description: Mapped[str] = mapped_column(default="", server_default="")
    created: Mapped[datetime]


class ProviderMapping(Base):
    """A provider uses a mapping. What is used cannot be deleted: a client's own copy of its header would pass then."""

    __tablename__ = "provider_mappings"

    provider_id: Mapped[int] = mapped_column(ForeignKey("providers.id", ondelete="CASCADE"), primary_key=True)
    mapping_id: Mapped[str] = mapped_column(ForeignKey("property_mappings.id"), primary_key=True, index=True)
