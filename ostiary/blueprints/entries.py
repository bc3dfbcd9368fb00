"""A tree to a blueprint: version, metadata, context and entries, each key where it may stand."""

import hashlib
from collections.abc import Iterator, Sequence
from difflib import get_close_matches
from typing import Final

from ostiary.blueprints.document import (
    Blueprint,
    BlueprintInvalid,
    Entry,
    Listed,
    Mapped,
    Node,
    Permission,
    Problem,
    Scalar,
    Tag,
)
from ostiary.blueprints.reader import FILES, Limits, read_tree

_TOP: Final = ("version", "metadata", "context", "entries")
_METADATA: Final = ("name", "labels")
_ENTRY: Final = ("model", "id", "state", "identifiers", "attrs", "conditions", "permissions")
_PERMISSION: Final = ("permission", "user", "role")
STATES: Final = ("present", "created", "must_created", "absent")


def read(file: str, data: bytes, limits: Limits = FILES) -> Blueprint:
    """The blueprint of a file's bytes. Raises `blueprint.invalid` with all that is wrong with its form."""
    tree = read_tree(file, data, limits)
    form = _Form(file)
    found = form.blueprint(tree, hashlib.sha512(data).hexdigest())
    if form.problems or found is None:
        raise BlueprintInvalid(sorted(form.problems, key=lambda problem: problem.line))
    return found


class _Form:
    """Collects every problem, so that a person mends a file once."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.problems: list[Problem] = []

    def blueprint(self, tree: Node, digest: str) -> Blueprint | None:
        if not isinstance(tree, Mapped):
            self._note(tree.line, "A blueprint is a mapping with version and entries.")
            return None
        self._known(tree, _TOP, "")
        version = tree.items.get("version")
        if not isinstance(version, Scalar) or version.value != 1 or isinstance(version.value, bool):
            self._note(version.line if version else tree.line, "Write 1, the only one there is.", field="version")
        name, labels = self._metadata(tree.items.get("metadata"))
        context = tree.items.get("context")
        if context is None or (isinstance(context, Scalar) and context.value is None):
            context = Mapped(tree.line, {}, {})
        if not isinstance(context, Mapped):
            self._note(context.line, "It is a mapping.", field="context")
            return None
        entries = tuple(self._entries(tree))
        self._ids(entries)
        return Blueprint(self._file, name, labels, context, entries, digest)

    def _metadata(self, node: Node | None) -> tuple[str | None, dict[str, str]]:
        if node is None:
            return None, {}
        if not isinstance(node, Mapped):
            self._note(node.line, "It is a mapping with name and labels.", field="metadata")
            return None, {}
        self._known(node, _METADATA, "metadata.")
        name = node.items.get("name")
        if not isinstance(name, Scalar) or not isinstance(name.value, str) or not 1 <= len(name.value) <= 200:
            self._note(node.line, "It is a text of 1 to 200 characters.", field="metadata.name")
            return None, {}
        labels: dict[str, str] = {}
        found = node.items.get("labels", Mapped(node.line, {}, {}))
        if not isinstance(found, Mapped):
            self._note(found.line, "It is a mapping of texts.", field="metadata.labels")
            return name.value, {}
        for label, value in found.items.items():
            if isinstance(value, Scalar):
                labels[label] = value.value if isinstance(value.value, str) else str(value.value).lower()
            else:
                self._note(value.line, "It is a text.", field=f"metadata.labels.{label}")
        return name.value, labels

    def _entries(self, tree: Mapped) -> Iterator[Entry]:
        node = tree.items.get("entries")
        sections: Sequence[Node]
        if isinstance(node, Mapped):
            sections = list(node.items.values())
        else:
            sections = [node] if node is not None else []
            if node is None:
                self._note(tree.line, "It is a list of entries, and it is missing.", field="entries")
        number = 0
        for section in sections:
            if not isinstance(section, Listed):
                self._note(section.line, "It is a list of entries.", field="entries")
                continue
            for item in section.items:
                number += 1
                entry = self._entry(item, number)
                if entry is not None:
                    yield entry

    def _entry(self, node: Node, number: int) -> Entry | None:
        named = f"entry {number}"
        if not isinstance(node, Mapped):
            self._note(node.line, "It is a mapping with model, identifiers and attrs.", entry=named)
            return None
        self._known(node, _ENTRY, "", named)
        if "model" not in node.items:
            self._note(node.line, "It is missing.", entry=named, field="model")
            return None
        id_ = node.items.get("id")
        if id_ is not None and not (isinstance(id_, Scalar) and isinstance(id_.value, str | int | None)):
            self._note(id_.line, "It is a text.", entry=named, field="id")
            id_ = None
        for name, type_, what in (
            ("identifiers", Mapped, "a mapping"),
            ("attrs", Mapped, "a mapping"),
            ("conditions", Listed, "a list"),
        ):
            value = node.items.get(name)
            empty = value is None or (isinstance(value, Scalar) and value.value is None)
            if not empty and not isinstance(value, (type_, Tag)):
                self._note(node.lines[name], f"It is {what}.", entry=named, field=name)
        return Entry(
            node.line,
            number,
            str(id_.value) if isinstance(id_, Scalar) and id_.value is not None else None,
            node.items["model"],
            node.items.get("state"),
            node.items.get("conditions"),
            node.items.get("identifiers"),
            node.items.get("attrs"),
            tuple(self._permissions(node.items.get("permissions"), named)),
        )

    def _permissions(self, node: Node | None, named: str) -> Iterator[Permission]:
        if node is None or (isinstance(node, Scalar) and node.value is None):
            return
        for item in node.items if isinstance(node, Listed) else [node]:
            if not isinstance(item, Mapped) or "permission" not in item.items:
                self._note(
                    item.line, "It is a list of mappings with permission and role.", entry=named, field="permissions"
                )
                continue
            self._known(item, _PERMISSION, "permissions.", named)
            yield Permission(item.line, item.items["permission"], item.items.get("user"), item.items.get("role"))

    def _ids(self, entries: Sequence[Entry]) -> None:
        seen: dict[str, Entry] = {}
        for entry in entries:
            if entry.id is None:
                continue
            if entry.id in seen:
                self._note(
                    entry.line,
                    f"{entry.id} is the id of entry {seen[entry.id].number} already.",
                    entry=f"entry {entry.number}",
                    field="id",
                )
            seen.setdefault(entry.id, entry)

    def _known(self, node: Mapped, names: Sequence[str], prefix: str, entry: str = "") -> None:
        for name in node.items:
            if name not in names:
                near = get_close_matches(name, names, 1)
                meant = f"; {near[0]} is meant?" if near else f"; there are {', '.join(names)}."
                self._note(node.lines[name], f"It is unknown{meant}", entry=entry, field=prefix + name)

    def _note(self, line: int, sentence: str, *, entry: str = "", field: str = "") -> None:
        self.problems.append(Problem(self._file, line, sentence, entry, field))
