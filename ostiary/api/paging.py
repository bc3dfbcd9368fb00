"""A page of a list, in authentik's envelope."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Depends, Query, Request
from pydantic import BaseModel, ConfigDict, Field

from ostiary.system.registry import current

T = TypeVar("T")

PAGE_SIZE: Final = 20


class Pagination(BaseModel):
    """Numbers of pages; 0 where there is none."""

    model_config = ConfigDict(title="Pagination")

    next: int
    previous: int
    count: int
    current: int
    total_pages: int
    start_index: int
    end_index: int


class Page(BaseModel, Generic[T]):
    """One page of a list."""

    pagination: Pagination
    results: list[T]
    autocomplete: dict[str, Any] = Field(default_factory=dict)


@dataclass(frozen=True)
class Wanted:
    """Which page. Pages begin with 1; larger sizes than the largest are the largest."""

    page: int = 1
    page_size: int = PAGE_SIZE

    @property
    def offset(self) -> int:
        """How many objects come before it."""
        return (self.page - 1) * self.page_size

    def numbers(self, count: int) -> Pagination:
        """What the envelope says of a list of ``count`` objects."""
        pages = max(1, -(-count // self.page_size))
        return Pagination(
            next=self.page + 1 if self.page < pages else 0,
            previous=self.page - 1 if self.page > 1 else 0,
            count=count,
            current=self.page,
            total_pages=pages,
            start_index=min(self.offset + 1, count),
            end_index=min(self.offset + self.page_size, count),
        )


async def wanted(
    request: Request,
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1,
    page_size: Annotated[int | None, Query(ge=1)] = None,
) -> Wanted:
    """From the query parameters, within what the administrators set."""
    async with request.state.database.reading() as r:
        settings = await current(r)
    size = settings.pagination_default_page_size if page_size is None else page_size
    return Wanted(page, min(size, settings.pagination_max_page_size))


Sized = Annotated[Wanted, Depends(wanted)]
"""The parameter by which an operation gets the page that is asked for."""


def page_of(results: list[Any], asked: Wanted) -> dict[str, Any]:
    """The envelope of a list that is whole in memory."""
    return {
        "pagination": asked.numbers(len(results)),
        "results": results[asked.offset : asked.offset + asked.page_size],
        "autocomplete": {},
    }
