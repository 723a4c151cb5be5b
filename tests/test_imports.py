"""Who may import whom, and what `import s4audio` leaves alone."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "s4audio"
MODULES = sorted(PACKAGE.rglob("*.py"))

# A part may import itself, the parts of lower levels, and errors.
LEVELS = {
    "__main__": 9,
    "cli": 8,
    "commands": 7,
    "benchmark": 6,
    "tasks": 5,
    "export": 5,
    "demo": 5,
    "evaluation": 4,
    "streaming": 3,
    "interop": 3,
    "models": 2,
    "kernels": 1,
    "ops": 0,
    "allocator": 0,
}
DATA_USERS = {"commands", "benchmark", "tasks", "evaluation", "export"}
LIGHT = {"models", "kernels", "ops", "streaming", "interop"}
HEAVY = {"lightning", "torchaudio", "librosa", "pykeops", "matplotlib"}


def part_of(path: Path) -> str:
    """First name under the package: `models` for s4audio/models/block.py."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported_names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_parts(tree: ast.AST) -> set[str]:
    names = {name for node in ast.walk(tree) for name in imported_names(node)}
    parts = {name.split(".")[1] for name in names if name.startswith("s4audio.")}
    return parts & {*LEVELS, "data", "errors"}


def imports_on_load(node: ast.AST) -> Iterator[str]:
    """Top names of what runs when the module is imported: not in functions, not for types only."""
    for child in ast.iter_child_nodes(node):
        yield from (name.split(".")[0] for name in imported_names(child))
        for_types = isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)
        if not for_types and not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from imports_on_load(child)


def forbidden(part: str, imported: set[str]) -> set[str]:
    others = imported - {part, "errors"}
    if part == "data":
        return others
    below = {name for name, level in LEVELS.items() if level < LEVELS[part]}
    return others - below - ({"data"} if part in DATA_USERS else set())


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_downwards(path: Path) -> None:
    part = part_of(path)
    if part in ("__init__", "errors"):
        return
    assert part in {*LEVELS, "data"}, f"give {part} a level in {Path(__file__).name}"
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert not forbidden(part, imported_parts(tree))
    if part in LIGHT:
        assert not HEAVY & set(imports_on_load(tree))


@pytest.mark.parametrize(
    ("part", "source", "expected"),
    [
        ("models", "from s4audio.kernels.s4 import S4Kernel", set()),
        ("kernels", "import s4audio.models.block", {"models"}),
        ("ops", "from s4audio import kernels", {"kernels"}),
        ("models", "def f():\n    from s4audio.data import audio", {"data"}),
        ("evaluation", "from s4audio.data import audio", set()),
        ("data", "from s4audio.errors import UserError", set()),
        ("data", "from s4audio.ops import vandermonde", {"ops"}),
        ("tasks", "from s4audio.export import graph", {"export"}),
    ],
)
def test_the_rule_itself(part: str, source: str, expected: set[str]) -> None:
    assert forbidden(part, imported_parts(ast.parse(source))) == expected


def test_imports_in_functions_and_for_types_are_not_made_on_load() -> None:
    source = """
import torch.nn
if TYPE_CHECKING:
    import lightning
def plot():
    import matplotlib
class Model:
    import librosa
"""
    assert set(imports_on_load(ast.parse(source))) == {"torch", "librosa"}


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = "import sys, s4audio; print(*sorted(name for name in sys.modules if '.' not in name))"
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    loaded = set(result.stdout.split())
    assert "s4audio" in loaded
    assert not loaded & {*HEAVY, "pytorch_lightning", "jsonargparse", "sklearn", "tensorboard"}
