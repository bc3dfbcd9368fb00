"""Texts that hold another text, in any case: each database's own way, for lists of a hundred thousand rows."""

from typing import Any

from sqlalchemy import Boolean, ColumnElement, false, literal, or_
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement


class _AnyCase(FunctionElement[bool]):
    type = Boolean()
    inherit_cache = True


def holds_text(text: str, *columns: Any) -> ColumnElement[bool]:
    """Whether one of the columns holds the text. SQLite folds the case of ASCII letters alone."""
    escaped = text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
    return or_(false(), *(_AnyCase(column, literal(f"%{escaped}%")) for column in columns))


# SQLite's LIKE folds case by itself, at a third of what lower() costs; PostgreSQL's ILIKE costs more than lower().
@compiles(_AnyCase, "sqlite")
def _sqlite(element: _AnyCase, compiler: Any, **options: Any) -> str:
    column, pattern = (compiler.process(one, **options) for one in element.clauses)
    return f"{column} LIKE {pattern} ESCAPE '\\'"


@compiles(_AnyCase)
def _others(element: _AnyCase, compiler: Any, **options: Any) -> str:
    column, pattern = (compiler.process(one, **options) for one in element.clauses)
    return f"lower({column}) LIKE lower({pattern}) ESCAPE '\\'"
