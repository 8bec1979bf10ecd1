"""The rules of the house, held by tests.

Sizes, layers, what headless imports may load, what lies at the top.
"""

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "execmem_tui"
MODULES = sorted(PACKAGE.rglob("*.py"))
TOP_LEVEL = {"pyproject.toml", "README.md", "execmem_tui", "themes", "tests", "screenshots"}


def test_the_top_level_holds_what_was_asked_for() -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.fail("not a git checkout")
    top = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= TOP_LEVEL


def _modules_of(*packages: str) -> list[str]:
    return [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for package in packages
        for path in sorted((PACKAGE / package).rglob("*.py"))
    ]


def test_the_core_loads_neither_textual_nor_rich() -> None:
    core = _modules_of(
        "model",
        "arch",
        "mm",
        "consumers",
        "scenarios",
        "formats",
        "files",
        "kernel",
        "machines",
        "owners",
        "bundles",
        "replay",
        "commands",
        "sources",
        "analysis",
        "view",
        "cli",
    )
    code = (
        "import sys, importlib\n"
        f"for name in {core!r}: importlib.import_module(name)\n"
        "import execmem_tui.history, execmem_tui.api\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('textual', 'rich')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_no_colour_in_python() -> None:
    colour = re.compile(r"""["'](#[0-9a-fA-F]{6}|rgb\()""")
    found = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for path in MODULES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if colour.search(line)
    ]
    assert found == []


def test_the_import_contracts_hold() -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from importlinter.cli import lint_imports_command; lint_imports_command()",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def _architecture_names() -> set[str]:
    from execmem_tui.arch import architecture, architectures

    return {name for each in architectures() for name in (each, *architecture(each).aliases)} - {
        "generic"
    }


def _named_in(node: ast.AST) -> set[str]:
    return {
        each.value
        for each in ast.walk(node)
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    }


def test_outside_arch_no_line_compares_an_architecture_s_name() -> None:
    names = _architecture_names()
    found = []
    for path in MODULES:
        if path.is_relative_to(PACKAGE / "arch"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.expr | ast.pattern):
                continue
            compares = isinstance(node, ast.Compare | ast.MatchValue)
            begins = (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("startswith", "endswith")
            )
            if (compares or begins) and _named_in(node) & names:
                found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}")
    assert found == []


def test_an_architecture_is_one_file() -> None:
    from execmem_tui.arch import SHARED, architectures

    files = {path.stem for path in (PACKAGE / "arch").glob("*.py")} - {"__init__"}
    assert files == {*SHARED, *architectures()}
    for name in architectures():
        module = import_module(f"execmem_tui.arch.{name}")
        assert module.ARCH.name == name


def test_every_field_of_a_capability_is_read() -> None:
    from attrs import fields

    from execmem_tui.model.capability import Capability, KprobeSlot

    code = "".join(
        path.read_text(encoding="utf-8")
        for path in MODULES
        if not path.is_relative_to(PACKAGE / "arch") and path.name != "capability.py"
    )
    unread = [
        each.name
        for kind in (Capability, KprobeSlot)
        for each in fields(kind)
        if not re.search(rf"\.{each.name}\b", code)
    ]
    assert unread == []


def test_formats_can_reach_nothing_but_text() -> None:
    """A parser that opens, forks or asks the clock could not be given any text by a test."""
    libraries = {"attrs", "collections", "enum", "functools", "itertools", "json", "re", "tomllib"}
    libraries |= {"bisect", "typing"}
    pure = libraries | {"execmem_tui"}
    for path in sorted((PACKAGE / "formats").glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found = {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                found = {str(node.module).partition(".")[0]}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found = {node.func.id} & {"open", "input", "print"}
            else:
                continue
            assert found <= pure, f"{path.name}:{node.lineno}"


_COMPARES_VERSIONS = re.compile(
    r"\(\d+, \d+(, \d+)?\)\s*(<|>)|(<|>)=?\s*\(\d+, \d+(, \d+)?\)"
    r"|\bbefore\(\d|[\"\'][4-7]\.\d+(\.\d+)?[\"\']\s*(==|!=|<|>|in )"
    r"|(==|!=|<|>)=?\s*[\"\'][4-7]\.\d+"
)
"""Numbers of a version beside a comparison."""


def test_no_other_place_compares_versions() -> None:
    found = [
        f"{path.relative_to(PACKAGE)}:{number}"
        for path in MODULES
        if path.name not in ("rules.py", "versions.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _COMPARES_VERSIONS.search(line)
    ]
    assert found == []
