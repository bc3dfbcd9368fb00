"""Brands: one per host, and one for every other host of ours."""

from typing import Any

from sqlalchemy import ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from ostiary.storage.base import Base, Id


class Brand(Base):
    """The look and the flows of one host. Texts are as an administrator wrote them, empty ones mean ours.

    A flow that is deleted, which its room refuses as long as a brand names it, leaves the brand with ours.
    """

    __tablename__ = "brands"
    __table_args__ = (
        # Two administrators at once, or a hand with a database shell, still leave one that is the default.
        Index(
            "uq_brands_is_default",
            "is_default",
            unique=True,
            sqlite_where=text("is_default"),
            postgresql_where=text("is_default"),
        ),
    )

    id: Mapped[Id]
    domain: Mapped[str] = mapped_column(unique=True, comment="host[:port], matched exactly")
    is_default: Mapped[bool] = mapped_column(default=False, comment="for every host of ours that no brand names")
    title: Mapped[str] = mapped_column(default="")
    logo: Mapped[str] = mapped_column(default="", comment="https address or data: address of a picture")
    favicon: Mapped[str] = mapped_column(default="", comment="the same")
    background: Mapped[str] = mapped_column(default="", comment="the same")
    custom_css: Mapped[str] = mapped_column(default="")
    flow_authentication: Mapped[str | None] = mapped_column(ForeignKey("flows.id", ondelete="SET NULL"), index=True)
    flow_invalidation: Mapped[str | None] = mapped_column(ForeignKey("flows.id", ondelete="SET NULL"), index=True)
    flow_recovery: Mapped[str | None] = mapped_column(ForeignKey("flows.id", ondelete="SET NULL"), index=True)
    flow_unenrollment: Mapped[str | None] = mapped_column(ForeignKey("flows.id", ondelete="SET NULL"), index=True)
    flow_user_settings: Mapped[str | None] = mapped_column(ForeignKey("flows.id", ondelete="SET NULL"), index=True)
    default_application: Mapped[str | None] = mapped_column(
        ForeignKey("applications.id", ondelete="SET NULL"), index=True, comment="for people from outside"
    )
    attributes: Mapped[dict[str, Any]] = mapped_column(default=dict)
