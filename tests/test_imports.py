"""The arrows of the house, read from the imports: who may know whom."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import microtome

ROOT = Path(microtome.__file__).parent
BOTTOM = {"audit", "characters", "errors", "files", "statistics", "values", "yaml"}
MAY_IMPORT = {
    "audit": set(),
    "characters": set(),
    "errors": set(),
    "yaml": {"errors"},
    "files": {"errors", "yaml"},
    "statistics": {"errors"},
    "values": {"characters", "errors"},
    "data": BOTTOM,
    "specimens": BOTTOM | {"data"},
    "model": BOTTOM | {"specimens"},
    "dictionaries": BOTTOM | {"data", "specimens", "model"},
    "methods": BOTTOM | {"model", "dictionaries"},
    "lab": BOTTOM,
    # The empty name is the package's own face, which loads what is asked for when it is asked for.
    "studies": BOTTOM | {"", "data", "specimens", "model", "dictionaries", "methods", "lab"},
    "__main__": {"cli"},
    "cli": BOTTOM | {"", "data", "specimens", "model", "dictionaries", "methods", "lab", "studies"},
}
MODULES = {
    ".".join(("microtome", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(
        ".__init__"
    ): path
    for path in ROOT.rglob("*.py")
}


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def walk(node: ast.AST, typing_too: bool) -> Iterator[ast.AST]:
    yield node
    for child in ast.iter_child_nodes(node):
        if typing_too or not is_type_checking(child):
            yield from walk(child, typing_too)


def imports(module: str, typing_too: bool) -> set[str]:
    """Every module named in an import statement, at any depth of the code."""
    package = module if MODULES[module].name == "__init__.py" else module.rpartition(".")[0]
    found = set()
    for node in walk(ast.parse(MODULES[module].read_text()), typing_too):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                up = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*up, base]).rstrip(".")
            for alias in node.names:
                inner = f"{base}.{alias.name}"
                found.add(inner if inner in MODULES else base)
    return found


def part(module: str) -> str:
    return [*module.split("."), ""][1]


def test_every_part_of_the_house_has_its_arrows() -> None:
    assert {part(module) for module in MODULES} - {""} == set(MAY_IMPORT)


def test_imports_follow_the_arrows() -> None:
    wrong = [
        f"{module} imports {other}"
        for module in MODULES
        if part(module)
        for other in imports(module, typing_too=True)
        if other.split(".")[0] == "microtome"
        and part(other) != part(module)
        and part(other) not in MAY_IMPORT[part(module)]
    ]
    assert wrong == []


def test_there_is_no_cycle() -> None:
    edges = {m: imports(m, typing_too=False) & set(MODULES) - {m} for m in MODULES}
    state: dict[str, str] = {}

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert state.get(module) != "open", " -> ".join((*trail, module))
        if module not in state:
            state[module] = "open"
            for other in sorted(edges[module]):
                visit(other, (*trail, module))
            state[module] = "done"

    for module in MODULES:
        visit(module, ())


def test_studies_do_not_know_each_other() -> None:
    for module in MODULES:
        names = module.split(".")
        if names[1:2] == ["studies"] and len(names) > 2:
            others = {o for o in imports(module, True) if o.startswith("microtome.studies.")}
            assert {other.split(".")[2] for other in others} <= {names[2]}


def test_lab_and_bottom_know_no_model() -> None:
    heavy = {"torch", "transformers", "peft", "accelerate", "tokenizers"}
    for module in MODULES:
        if part(module) in BOTTOM | {"lab", "data"}:
            assert not {name.split(".")[0] for name in imports(module, True)} & heavy, module


def test_no_pickle_anywhere() -> None:
    for module in MODULES:
        assert not imports(module, True) & {"pickle", "joblib", "dill", "shelve"}, module


def loaded_after(code: str) -> set[str]:
    code += "\nimport sys; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.splitlines()[-1].split())


def test_help_is_light() -> None:
    loaded = loaded_after(
        "from microtome.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    )
    heavy = {"torch", "pandas", "sklearn", "transformers", "scipy", "matplotlib", "pyarrow"}
    assert not loaded & heavy


def test_lab_loads_no_torch() -> None:
    code = "\n".join(f"import {name}" for name in MODULES if part(name) == "lab")
    assert not loaded_after(code) & {"torch", "transformers", "plotly"}
