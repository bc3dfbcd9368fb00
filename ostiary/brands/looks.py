"""The brands as pages need them, in memory: which host has which look.

A change that the feed announces makes them be read again before the next page. Pictures and style sheets are not held:
browsers keep them for good, so they are read when one is asked for.
"""

from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from typing import Any, Final

from ostiary.access.freshness import Freshness
from ostiary.access.served import Load
from ostiary.access.table import AccessTable
from ostiary.brands.fields import DEFAULT_DOMAIN, OWN_PICTURES
from ostiary.brands.pictures import Picture, picture, source
from ostiary.kit.errors import Unavailable
from ostiary.kit.urls import parse_origin
from ostiary.web.look import PLAIN, Look

_KINDS: Final = frozenset({"brand", "flow", "application"})
_ALL: Final = """
SELECT b.id, b.domain, b.is_default, b.title, b.default_application, b.logo, b.favicon, b.background, b.custom_css,
       a.slug, i.slug, r.slug, u.slug, s.slug
FROM brands b
LEFT JOIN flows a ON a.id = b.flow_authentication LEFT JOIN flows i ON i.id = b.flow_invalidation
LEFT JOIN flows r ON r.id = b.flow_recovery LEFT JOIN flows u ON u.id = b.flow_unenrollment
LEFT JOIN flows s ON s.id = b.flow_user_settings
"""
_FLOWS: Final = ("authentication", "invalidation", "recovery", "unenrollment", "user_settings")
_FILES: Final = "SELECT logo, favicon, background, custom_css FROM brands WHERE id = ?"
_CSS: Final = "text/css; charset=utf-8"


class BrandLooks:
    """One per worker; told by the access table of what the feed announces."""

    def __init__(self, *, table: AccessTable, freshness: Freshness) -> None:
        self._table = table
        self._freshness = freshness
        self._changes = 0
        self._read = -1
        self._by_domain: Mapping[str, Look] = {}
        self._default = PLAIN
        self._holders: Mapping[str, str] = {}
        table.listeners.append(self)

    def forget(self, kind: str, key: str) -> None:
        """One announced change."""
        if kind in _KINDS:
            self._changes += 1

    def clear(self) -> None:
        """Everything may have changed."""
        self._changes += 1

    async def refresh(self) -> None:
        """Reads them again if something has changed; if the database cannot be asked, they stay as they were."""
        with suppress(Unavailable):
            await self._freshness.believed()
            changes = self._changes
            if changes != self._read:
                self._take(await self._freshness.ask(_load(_ALL)))
                self._read = changes

    def of(self, host: str) -> Look | None:
        """The look of a host that a brand names."""
        return self._by_domain.get(host)

    def otherwise(self) -> Look:
        """That of our own address: its own brand's, else the default's."""
        base_url = self._table.rules.base_url
        named = None if base_url is None else self._by_domain.get(parse_origin(base_url).key)
        return named or self._default

    async def file(self, name: str) -> tuple[bytes, str] | None:
        """A picture or style sheet of a brand. Raises `storage.unreachable`."""
        holder = self._holders.get(name)
        rows = [] if holder is None else await self._freshness.ask(_load(_FILES, holder))
        for *texts, css in rows:
            logo, favicon, background = map(_chosen, texts)
            pictures = [picture(text) for text in (logo, favicon, background)]
            for found in pictures:
                if found is not None and found.name == name:
                    return found.content, found.type
            sheet = _sheet(background, pictures[2], css)
            if _sheet_name(sheet) == name:
                return sheet.encode(), _CSS
        return None

    def _take(self, rows: list[tuple[Any, ...]]) -> None:
        by_domain: dict[str, Look] = {}
        holders: dict[str, str] = {}
        default = PLAIN
        for brand_id, domain, is_default, title, application, *texts in rows:
            (*written, css), slugs = texts[:4], texts[4:]
            logo, favicon, background = map(_chosen, written)
            pictures = [picture(text) for text in (logo, favicon, background)]
            sheet = _sheet(background, pictures[2], css)
            names = [found.name for found in pictures if found is not None]
            if sheet:
                names.append(_sheet_name(sheet))
            holders.update(dict.fromkeys(names, brand_id))
            look = Look(
                domain=domain,
                title=title,
                logo=_shown(logo, pictures[0]),
                favicon=_shown(favicon, pictures[1]),
                sheet=_sheet_name(sheet) if sheet else "",
                images=tuple(
                    source(text)
                    for text, found in zip((logo, favicon, background), pictures, strict=True)
                    if text and found is None
                ),
                default_application=application or "",
                **{name: slug for name, slug in zip(_FLOWS, slugs, strict=True) if slug},
            )
            if domain != DEFAULT_DOMAIN:
                by_domain[domain] = look
            if is_default:
                default = look
        self._by_domain, self._default, self._holders = by_domain, default, holders


def _load(statement: str, *parameters: Any) -> Load[list[tuple[Any, ...]]]:
    return (yield statement, parameters)


def _chosen(text: str) -> str:
    return "" if text in OWN_PICTURES.values() else text


def _shown(text: str, found: Picture | None) -> str:
    return text if found is None else found.name


def _sheet(background: str, found: Picture | None, css: str) -> str:
    """Both in one: what a brand's pages add to our style."""
    shown = _shown(background, found)
    return _BACKGROUND.replace("ADDRESS", shown) + css if shown else css


def _sheet_name(sheet: str) -> str:
    return f"brand.{sha256(sheet.encode()).hexdigest()[:24]}.css"


# What stands on the picture instead of on our ground gets a ground of its own, so that it stays readable.
_BACKGROUND: Final = """body.alone { background: var(--ground) url("ADDRESS") center / cover no-repeat fixed; }
body.alone .brand { padding: 8px 16px; background: var(--card); border-radius: 12px; }
body.alone .foot p { padding: 8px 16px; background: var(--card); border-radius: 12px; }
"""
