"""What a brand's fields may hold. Each is made fit to be stored, or refused by name."""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

from ostiary.brands.pictures import LARGEST, is_address, picture
from ostiary.directory.fields import attributes as plain_attributes
from ostiary.kit.errors import InvalidInput
from ostiary.kit.given import refuse_effect, refuse_unknown
from ostiary.kit.urls import fold_host

DEFAULT_DOMAIN: Final = "authentik-default"
"""What the default brand is called until somebody gives it a host. It is no host itself."""
OWN_PICTURES: Final[Mapping[str, str]] = {
    "branding_logo": "/static/dist/assets/icons/icon_left_brand.svg",
    "branding_favicon": "/static/dist/assets/icons/icon.png",
    "branding_default_flow_background": "/static/dist/assets/images/flow_background.jpg",
}
"""What authentik and its tools write for a picture that nobody chose; here they mean our own."""
FLOWS: Final[Mapping[str, str]] = {
    "flow_authentication": "authentication",
    "flow_invalidation": "invalidation",
    "flow_recovery": "recovery",
    "flow_unenrollment": "unenrollment",
    "flow_user_settings": "stage_configuration",
}
"""Field → the designation that its flow must have."""
WITHOUT_EFFECT: Final[Mapping[str, tuple[Any, ...]]] = {
    "branding_map_tiles": ("",),
    "flow_user_switch": (None,),
    "flow_device_code": (None,),
    "flow_lockdown": (None,),
    "flow_request": (None,),
    "web_certificate": (None,),
    "client_certificates": (None, [], ()),
}
"""Fields of authentik's that do nothing here yet → the values that ask for nothing."""

_COLUMNS: Final[Mapping[str, str]] = {
    "default": "is_default",
    "branding_title": "title",
    "branding_logo": "logo",
    "branding_favicon": "favicon",
    "branding_default_flow_background": "background",
    "branding_custom_css": "custom_css",
}
_ID: Final = re.compile(r"[-0-9a-f]{36}")
_LONGEST_TITLE: Final = 255
_LARGEST_SHEET: Final = 64 * 1024


def cleaned(values: Mapping[str, Any]) -> dict[str, Any]:
    """Column → value of these fields, which have authentik's names. Raises `brand.*`."""
    columns = {}
    for field, value in values.items():
        if field in WITHOUT_EFFECT:
            refuse_effect("brand", field, value, WITHOUT_EFFECT[field])
        else:
            refuse_unknown("brand", "a brand", (field,), _CLEAN)
            columns[_COLUMNS.get(field, field)] = _CLEAN[field](field, value)
    return columns


def _domain(field: str, value: Any) -> str:
    try:
        folded = fold_host(_text(field, value, 260))
    except InvalidInput as error:
        raise _invalid(field, "write the host as browsers name it, such as auth.example.com.") from error
    # Answered as it was written, so that whoever keeps it in a file finds no difference.
    if folded != value:
        raise _invalid(field, f"write it as {folded}.")
    return folded


def _flag(field: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _invalid(field, "it is true or false.")
    return value


def _title(field: str, value: Any) -> str:
    line = unicodedata.normalize("NFC", _text(field, value, 4 * _LONGEST_TITLE)).strip()
    if len(line) > _LONGEST_TITLE or not line.isprintable():
        raise _invalid(field, f"use one line of at most {_LONGEST_TITLE} visible characters.")
    return line


def _picture(field: str, value: Any) -> str:
    text = _text(field, value, 2 * LARGEST).strip()
    # Answered as it was written, so that whoever keeps it in a file finds no difference.
    if text in ("", OWN_PICTURES[field]):
        return text
    if not is_address(text) and picture(text) is None:
        raise _invalid(
            field,
            "give an https address, or the picture itself as data:image/png;base64,… (PNG, JPEG, GIF, WebP, SVG or ICO)"
            f" of at most {LARGEST // 1024} KiB.",
        )
    return text


def _sheet(field: str, value: Any) -> str:
    text = _text(field, value, _LARGEST_SHEET)
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise _invalid(field, "it holds characters that no text has.") from error
    if size > _LARGEST_SHEET or "\0" in text:
        raise _invalid(field, f"use a style sheet of at most {_LARGEST_SHEET // 1024} KiB without NUL.")
    return text


def _reference(field: str, value: Any) -> str | None:
    if value is None or value == "":
        return None
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise _invalid(field, "give the id of what it names.")
    return value


def _attributes(field: str, value: Any) -> dict[str, Any]:
    kept = plain_attributes({} if value is None else value)
    if "settings" in kept:
        raise InvalidInput(
            "brand.not_supported_yet",
            "attributes: settings of authentik's interface have no effect yet, so they are not stored; leave them out.",
            field=field,
        )
    return kept


def _text(field: str, value: Any, longest: int) -> str:
    if not isinstance(value, str) or len(value) > longest:
        raise _invalid(field, f"a text of at most {longest:,} characters is needed.")
    return value


def _invalid(field: str, fault: str) -> InvalidInput:
    return InvalidInput(f"brand.{field}_invalid", f"{field}: {fault}", field=field)


_CLEAN: Final[Mapping[str, Callable[[str, Any], Any]]] = {
    "domain": _domain,
    "default": _flag,
    "branding_title": _title,
    **dict.fromkeys(OWN_PICTURES, _picture),
    "branding_custom_css": _sheet,
    **dict.fromkeys(FLOWS, _reference),
    "default_application": _reference,
    "attributes": _attributes,
}
