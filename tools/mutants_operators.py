"""Mutations of a Python source: one small change of meaning each, as a replaced piece of text.

Comparisons, arithmetic, constants, boolean operators, sign or truth of what is returned, removed
statements, dropped keyword arguments, swapped differences, slices off by one, min and max, True and
False, negated conditions. Strings, annotations, decorators, `raise`, `assert` and progress messages
are left alone; so are keywords that change no number: guards (`strict=`), `device=`, `repr=`, and
`logits=`, which saves memory.
"""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Lt: (ast.LtE, ast.GtE), ast.LtE: (ast.Lt, ast.Gt), ast.Gt: (ast.GtE, ast.LtE),
    ast.GtE: (ast.Gt, ast.Lt), ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.In: (ast.NotIn,),
    ast.NotIn: (ast.In,), ast.Is: (ast.IsNot,), ast.IsNot: (ast.Is,),
}  # fmt: skip
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv,
}  # fmt: skip
EXTREMES = {
    "min": "max", "max": "min", "amin": "amax", "amax": "amin", "minimum": "maximum",
    "maximum": "minimum", "argmin": "argmax", "argmax": "argmin", "clamp_min": "clamp_max",
    "clamp_max": "clamp_min",
}  # fmt: skip
MESSAGES = {"print", "say", "warn", "echo", "debug", "info", "warning", "manual_seed"}
GUARDS = {"strict", "device", "stacklevel", "help", "repr", "logits"}
NUMERIC = {"float", "int", "Float", "Int", "Tensor", "torch.Tensor", "Floats", "np.ndarray"}
TEXTS = (ast.JoinedStr, ast.List, ast.Tuple, ast.ListComp)
Change = tuple[ast.AST, str, str]
"""What is replaced, the name of the operator, the new text."""


@dataclass(frozen=True)
class Mutation:
    """Replace the text from (line, column) to (end_line, end_column) by `text`."""

    line: int
    column: int
    """In bytes of UTF-8, as the syntax tree counts; so is end_column."""
    end_line: int
    end_column: int
    operator: str
    before: str
    after: str
    function: str
    """Qualified name of the enclosing function or class; empty at the top of the module."""

    def apply(self, source: str) -> str:
        lines = source.encode().splitlines(keepends=True)
        head, tail = lines[self.line - 1], lines[self.end_line - 1]
        joined = head[: self.column] + self.after.encode() + tail[self.end_column :]
        return b"".join([*lines[: self.line - 1], joined, *lines[self.end_line :]]).decode()


def mutations(source: str) -> list[Mutation]:
    """Every mutation of a module, in the order of the text."""
    found = {
        Mutation(
            *_extent(target),
            operator, ast.unparse(target), after, function,
        )
        for node, function, returns in _visited(ast.parse(source), (), "")
        for target, operator, after in _changes(node, returns)
    }  # fmt: skip
    return sorted(found, key=lambda m: (m.line, m.column, m.operator, m.after))


def _extent(node: ast.AST) -> tuple[int, int, int, int]:
    place = ast.expr | ast.stmt
    assert isinstance(node, place)
    return node.lineno, node.col_offset, node.end_lineno or 0, node.end_col_offset or 0


def _visited(
    node: ast.AST, names: tuple[str, ...], returns: str
) -> Iterator[tuple[ast.AST, str, str]]:
    """The nodes that may change, each with its function and what that is annotated to return."""
    yield node, ".".join(names), returns
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        names = (*names, node.name)
        annotation = getattr(node, "returns", None)
        returns = ast.unparse(annotation) if annotation else ""
    for field, value in ast.iter_fields(node):
        if field in ("annotation", "returns", "decorator_list", "cases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST) and not _left_alone(child):
                yield from _visited(child, names, returns)


def _left_alone(node: ast.AST) -> bool:
    match node:
        case ast.Raise() | ast.Assert() | ast.JoinedStr() | ast.Import() | ast.ImportFrom():
            return True
        case ast.If(test=test):
            return "TYPE_CHECKING" in ast.unparse(test)
        case ast.Assign(targets=[ast.Name(id="__all__")]):
            return True
        case ast.keyword(arg=name):
            return name in GUARDS
        case ast.Expr(value=ast.Call() as call) | (ast.Call() as call):
            return _called(call) in MESSAGES or _called(call).endswith(("Error", "BadParameter"))
    return False


def _called(call: ast.Call) -> str:
    name = call.func
    return name.attr if isinstance(name, ast.Attribute) else getattr(name, "id", "")


def _changes(node: ast.AST, returns: str) -> Iterator[Change]:
    """What may be done at one node."""
    match node:
        case ast.Compare():
            yield from _comparisons(node)
        case ast.BinOp():
            yield from _arithmetic(node)
        case ast.AugAssign(target=target, op=op, value=value):
            yield node, "statement removed", "pass"
            if type(op) in ARITHMETIC:
                other = ast.AugAssign(target, ARITHMETIC[type(op)](), value)
                yield node, "arithmetic", ast.unparse(other)
        case ast.Expr(value=ast.Call()):
            yield node, "statement removed", "pass"
        case ast.Constant():
            yield from _constants(node)
        case ast.BoolOp(op=op, values=values):
            other = ast.And() if isinstance(op, ast.Or) else ast.Or()
            yield node, "boolean", _text(ast.BoolOp(other, values))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield node, "boolean", _text(operand)
        case ast.Call():
            yield from _calls(node)
        case ast.Slice(lower=lower, upper=upper):
            yield from _slices([bound for bound in (lower, upper) if bound])
        case ast.If(test=test) | ast.While(test=test) | ast.IfExp(test=test):
            yield test, "condition negated", f"(not {_text(test)})"
        case ast.comprehension(ifs=tests):
            yield from ((test, "condition negated", f"(not {_text(test)})") for test in tests)
        case ast.Return(value=ast.expr() as value):
            yield from _returned(node, value, returns)


def _text(node: ast.expr) -> str:
    return f"({ast.unparse(node)})"


def _comparisons(node: ast.Compare) -> Iterator[Change]:
    for i, op in enumerate(node.ops):
        for other in COMPARISONS[type(op)]:
            ops = [*node.ops[:i], other(), *node.ops[i + 1 :]]
            yield node, "comparison", _text(ast.Compare(node.left, ops, node.comparators))


def _arithmetic(node: ast.BinOp) -> Iterator[Change]:
    for side in (node.left, node.right):
        if isinstance(side, TEXTS) or isinstance(getattr(side, "value", None), str):
            return
    if type(node.op) in ARITHMETIC:
        other = ast.BinOp(node.left, ARITHMETIC[type(node.op)](), node.right)
        yield node, "arithmetic", _text(other)
    if isinstance(node.op, ast.Sub):
        yield node, "difference swapped", _text(ast.BinOp(node.right, ast.Sub(), node.left))


def _constants(node: ast.Constant) -> Iterator[Change]:
    value = node.value
    if isinstance(value, bool):
        yield node, "true or false", str(not value)
    elif isinstance(value, int) and value > 20:  # one more or less of many is no change of meaning
        yield node, "constant", str(2 * value)
    elif isinstance(value, int):
        yield node, "constant", str(value + 1)
        yield node, "constant", str(value - 1) if value else "(-1)"
    elif isinstance(value, float):
        yield node, "constant", repr(2 * value if value else 1.0)


def _calls(node: ast.Call) -> Iterator[Change]:
    name = _called(node)
    if name in EXTREMES:
        swapped = copy.deepcopy(node)
        if isinstance(swapped.func, ast.Attribute):
            swapped.func.attr = EXTREMES[name]
        else:
            swapped.func = ast.Name(EXTREMES[name])
        yield node, "min or max", _text(swapped)
    for keyword in node.keywords:
        if keyword.arg is not None and keyword.arg not in GUARDS:
            rest = [other for other in node.keywords if other is not keyword]
            yield node, "keyword dropped", _text(ast.Call(node.func, node.args, rest))


def _slices(bounds: list[ast.expr]) -> Iterator[Change]:
    """Bounds that are constants change as constants do."""
    for bound in bounds:
        if not isinstance(bound, ast.Constant | ast.UnaryOp):
            for sign in "+-":
                yield bound, "slice", f"({ast.unparse(bound)} {sign} 1)"


def _returned(node: ast.Return, value: ast.expr, returns: str) -> Iterator[Change]:
    if returns == "bool":
        yield node, "return", f"return not {_text(value)}"
    elif returns.split("[")[0] in NUMERIC and not isinstance(value, ast.Constant):
        yield node, "return", f"return -{_text(value)}"


def functions(source: str) -> list[str]:
    """The qualified name of the function or class that each line stands in; empty at the top."""
    names = [""] * len(source.split("\n"))
    for node, function, _ in _visited(ast.parse(source), (), ""):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            own = f"{function}.{node.name}".lstrip(".")
            for line in range(node.lineno, (node.end_lineno or 0) + 1):
                names[line - 1] = own
    return names
