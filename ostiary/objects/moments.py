"""Moments as clients send them: ISO 8601, also with an offset without a colon; without a zone they are UTC."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator


def _with_zone(moment: datetime) -> datetime:
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("this moment is out of reach") from error


Moment = Annotated[datetime, AfterValidator(_with_zone)]
