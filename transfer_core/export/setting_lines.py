"""The lines of a run's script that each setting becomes, found in the script itself."""

import ast
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from transfer_core.cases import Strategy
from transfer_core.export.source_text import format_literal
from transfer_core.settings import OptimiserSettings, SettingField, list_settings
from transfer_core.training import RunConfig

TORCH_NAMES = {"torch", "nn", "functional"}  # a line with one of these names calls PyTorch
COMMENT_WIDTH = 96  # characters
OPTIMISER_FIELDS = list_settings(OptimiserSettings)
OTHER_FIELDS = {f.name.upper(): f for f in (*list_settings(Strategy), *list_settings(RunConfig))}
SETTINGS_NAMES = {"settings", "optimiser"}  # names under which the script passes `OPTIMISER` on


@dataclass(frozen=True, eq=False)
class ScriptStatement:
    """A statement, the function around it, and what it names outside the statements inside it."""

    own: ast.stmt
    around: ast.FunctionDef | None
    settings: frozenset[str | None]  # that it mentions
    called: frozenset[str]  # functions that it calls
    is_torch: bool


def render_settings(values: Mapping[str, object]) -> str:
    """The settings of a run as Python source, each declared one with a comment on what it does.

    Args:
        values: From `script.collect_settings`, by the script's names.
    """
    return "\n".join(_render_assignment(name, value) for name, value in values.items())


def _render_assignment(name: str, value: object) -> str:
    if name == "OPTIMISER":
        lines = (
            f"{_render_comment(field, '    ')}\n"
            f"    {field.name!r}: {format_literal(value[field.name])},"
            for field in OPTIMISER_FIELDS
        )
        return f"{name} = {{\n" + "\n".join(lines) + "\n}"
    comment = f"{_render_comment(OTHER_FIELDS[name])}\n" if name in OTHER_FIELDS else ""
    return f"{comment}{name} = {format_literal(value)}"


def _render_comment(field: SettingField, indent: str = "") -> str:
    text = f"{field.setting.label}. {field.setting.help}"
    return textwrap.indent("\n".join(textwrap.wrap(text, COMMENT_WIDTH)), f"{indent}# ")


def find_setting_lines(script: str, values: Mapping[str, object]) -> dict[str, str]:
    """Find the statements that each setting steers, with its value in them.

    If none of them calls PyTorch, their callers are added, until one does.

    Args:
        script: From `script.render_script`.
        values: From `script.collect_settings`, by the script's names.

    Returns:
        Python source by setting: the keys of `OPTIMISER` and the other names.
    """
    statements = tuple(_iterate_statements(ast.parse(script)))
    every = values | dict(values["OPTIMISER"])
    return {
        name: "\n".join(
            dict.fromkeys(
                _render_statement(each, every)
                for each in _find_steered_statements(statements, name)
            )
        )
        for name in every
    }


def _find_steered_statements(statements: tuple[ScriptStatement, ...], name: str) -> list[ast.stmt]:
    """Find the statements that mention a setting, and their callers up to PyTorch."""
    lines = found = [each for each in statements if name in each.settings]
    while (functions := _list_functions(found)) and not any(each.is_torch for each in lines):
        found = [each for each in statements if each.called & functions and each not in lines]
        lines = lines + found
    return [each.own for each in lines]


def _list_functions(statements: list[ScriptStatement]) -> set[str]:
    """The functions around statements that return a value, which their callers then use."""
    return {each.around.name for each in statements if each.around and _returns_value(each.around)}


def _iterate_statements(
    tree: ast.AST, function: ast.FunctionDef | None = None
) -> Iterator[ScriptStatement]:
    """Yield every statement, also inside functions and blocks, with its function."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.expr):  # no statements in it
            continue
        if isinstance(node, ast.stmt) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield _describe_statement(node, function)
        yield from _iterate_statements(
            node, node if isinstance(node, ast.FunctionDef) else function
        )


def _describe_statement(own: ast.stmt, around: ast.FunctionDef | None) -> ScriptStatement:
    nodes = list(_walk_own_nodes(own))
    names = {node.id for node in nodes if isinstance(node, ast.Name)}
    called = (node.func for node in nodes if isinstance(node, ast.Call))
    return ScriptStatement(
        own,
        around,
        settings=frozenset(map(_get_setting_name, nodes)),
        called=frozenset(each.id for each in called if isinstance(each, ast.Name)),
        is_torch=not names.isdisjoint(TORCH_NAMES),
    )


def _walk_own_nodes(statement: ast.stmt) -> Iterator[ast.AST]:
    """Yield the nodes of a statement without those of the statements inside it."""
    for node in ast.iter_child_nodes(statement):
        if not isinstance(node, ast.stmt):
            yield from ast.walk(node)


def _get_setting_name(node: ast.AST) -> str | None:
    """Return the setting that an expression reads; None if it reads none."""
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id.isupper():
        return node.id
    if isinstance(node, ast.Attribute) and getattr(node.value, "id", None) in SETTINGS_NAMES:
        return node.attr
    return None


def _returns_value(function: ast.FunctionDef) -> bool:
    """Return whether a function returns a value, which its callers then use."""
    return any(isinstance(node, ast.Return) and node.value for node in ast.walk(function))


def _render_statement(statement: ast.stmt, values: Mapping[str, object]) -> str:
    """Render a statement with the settings' values in it; a long block by its first line."""
    filled = _SettingInliner(values).visit(ast.parse(ast.unparse(statement)))
    for block in filled.body:
        if isinstance(block, ast.For | ast.With) or (isinstance(block, ast.If) and block.body[1:]):
            block.body, block.orelse = [ast.Expr(ast.Constant(...))], []
    return ast.unparse(ast.fix_missing_locations(filled)).replace(":\n    ...", ": ...")


class _SettingInliner(ast.NodeTransformer):
    """Puts values in place of settings, and takes the branch that they choose."""

    def __init__(self, values: Mapping[str, object]) -> None:
        self._values = values

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._inline_value(node)

    def visit_Attribute(self, node: ast.Attribute) -> ast.expr:
        filled = self._inline_value(node)
        return self.generic_visit(node) if filled is node else filled

    def visit_If(self, node: ast.If) -> ast.stmt | list[ast.stmt]:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse or [ast.Pass()]
        return node

    def visit_IfExp(self, node: ast.IfExp) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.test, ast.Constant):
            return node.body if node.test.value else node.orelse
        return node

    def _inline_value(self, node: ast.expr) -> ast.expr:
        value = self._values.get(_get_setting_name(node))
        return ast.Constant(value) if isinstance(value, bool | int | float) else node
