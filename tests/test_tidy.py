"""The house rules that a machine can check; each rule also proves that it can fail."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted((ROOT / "src" / "flatbook").rglob("*.py"))
LONGEST_FUNCTION = 60
LONGEST_FILE = 500
_VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "data", "manager", "base"}


def _functions(tree):
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def long_functions(text, most=LONGEST_FUNCTION):
    """Names of functions longer than `most` lines."""
    return [
        node.name for node in _functions(ast.parse(text)) if (node.end_lineno or 0) - node.lineno + 1 > most
    ]


def is_sign(text):
    """Whether a room's `__init__.py` is a sign and nothing else."""
    tree = ast.parse(text)
    return has_sign(text) and len(tree.body) == 1


def has_sign(text):
    """Whether a room's `__init__.py` begins with a sign."""
    sign = ast.get_docstring(ast.parse(text)) or ""
    return all(word in sign for word in ("In:", "Out:", "Holds:"))


def undocumented(text):
    """Public functions, classes and methods without a docstring; what is defined inside a function is nobody else's."""
    module = ast.parse(text).body
    inside = [node for owner in module if isinstance(owner, ast.ClassDef) for node in owner.body]
    nodes = [n for n in (*module, *inside) if isinstance(n, ast.FunctionDef | ast.ClassDef)]
    return [n.name for n in nodes if not n.name.startswith("_") and not ast.get_docstring(n)]


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_short_and_public_names_are_explained(path):
    """None over 60 lines, no file over 500, a sentence for every public name."""
    text = path.read_text()

    assert long_functions(text) == []
    assert text.count("\n") <= LONGEST_FILE
    assert undocumented(text) == []
    assert ast.get_docstring(ast.parse(text))
    assert path.stem not in _VAGUE


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if p.name == "__init__.py" and p.parent.parent.name == "flatbook"],
    ids=lambda p: p.parent.name,
)
def test_every_room_has_a_sign_on_its_door_and_nothing_behind_it(path):
    """In, Out, Holds; no code, but in the one room with a door of its own for notebooks (decision 010)."""
    text = path.read_text()

    assert has_sign(text)
    assert is_sign(text) or path.parent.name == "valuation"


def test_the_rules_can_fail():
    """A rule that passes on everything is none."""
    assert long_functions("def f():\n" + "    x = 1\n" * 61) == ["f"]
    assert not is_sign('"""Sign: In: Out: Holds: """\nimport os')
    assert not is_sign('"""A room."""')
    assert undocumented("def public():\n    pass\n\ndef _own():\n    pass") == ["public"]


def test_no_tracked_file_names_a_machine_path_or_a_package_registry():
    """Code and docs speak of flatbook only."""
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    pattern = re.compile("/" + "(work|root|home/[a-z]+)/|" + "pypi" + r"\.org/simple")
    found = []
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".json", ".csv", ".j2", ""}:
            found += [
                name
                for line in path.read_text(encoding="utf-8", errors="replace").splitlines()
                if pattern.search(line)
            ]
    assert found == []


def test_no_module_uses_fastmath_or_clocks_in_the_core():
    """fastmath deletes NaN checks."""
    assert [p.name for p in SOURCES if re.search(r"fastmath\s*=\s*True", p.read_text())] == []
