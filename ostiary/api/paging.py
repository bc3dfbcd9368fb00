"""A page of a list, in authentik's envelope."""

from dataclasses import dataclass
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

PAGE_SIZE: Final = 20
LARGEST_PAGE: Final = 100


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


def wanted(
    page: Annotated[int, Query(ge=1, le=1_000_000)] = 1, page_size: Annotated[int, Query(ge=1)] = PAGE_SIZE
) -> Wanted:
    """From the query parameters."""
    return Wanted(page, min(page_size, LARGEST_PAGE))


def page_of(results: list[Any], asked: Wanted) -> dict[str, Any]:
    """The envelope of a list that is whole in memory."""
    return {
        "pagination": asked.numbers(len(results)),
        "results": results[asked.offset : asked.offset + asked.page_size],
        "autocomplete": {},
    }
