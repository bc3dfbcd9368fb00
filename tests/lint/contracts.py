"""A contract for import-linter that may name modules before they exist, and holds from the day they do."""

from collections.abc import Iterable
from typing import Any

from grimp import ImportGraph
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.domain import fields
from importlinter.domain.contract import ContractCheck
from importlinter.domain.helpers import module_expressions_to_modules
from importlinter.domain.imports import ModuleExpression

ROOT = "ostiary"


class Fence(ForbiddenContract):
    """As ``forbidden``, with three differences.

    Modules of ours that do not exist yet are passed over. ``allowed`` names the modules (with all below them) that may
    import what is forbidden to the rest; ``excepted_modules`` names what may be imported by all.
    """

    type_name = "fence"

    # The base class's metaclass replaces each field by its parsed value.
    source_modules: Any = fields.SetField(subfield=fields.ModuleExpressionField())
    forbidden_modules: Any = fields.SetField(subfield=fields.ModuleExpressionField())
    allowed: Any = fields.SetField(subfield=fields.ModuleField(), required=False)
    excepted_modules: Any = fields.SetField(subfield=fields.ModuleField(), required=False)

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        excepted = {module.name for module in self.excepted_modules or ()}
        forbidden = _present(graph, self.forbidden_modules) - excepted
        sources = _present(graph, self.source_modules)
        if not sources or not forbidden:
            return ContractCheck(kept=True)
        for module in self.allowed or ():
            for importer, imported in _direct_imports(graph, module.name, forbidden):
                graph.remove_import(importer=importer, imported=imported)
        self.source_modules = {ModuleExpression(name) for name in sources}
        self.forbidden_modules = {ModuleExpression(name) for name in forbidden}
        return super().check(graph, verbose)


def _present(graph: ImportGraph, expressions: Iterable[ModuleExpression]) -> set[str]:
    present = set()
    for expression in expressions:
        name = expression.expression
        if expression.has_wildcard_expression():
            present |= {module.name for module in module_expressions_to_modules(graph, [expression])}
        elif name.split(".")[0] != ROOT or name in graph.modules:
            present.add(name)
    return present


def _direct_imports(graph: ImportGraph, package: str, forbidden: set[str]) -> list[tuple[str, str]]:
    if package not in graph.modules:
        return []
    return [
        (importer, imported)
        for importer in {package, *graph.find_descendants(package)}
        for imported in graph.find_modules_directly_imported_by(importer)
        if any(imported == name or imported.startswith(f"{name}.") for name in forbidden)
    ]
