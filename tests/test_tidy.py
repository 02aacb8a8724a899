"""What the build refuses, so that reviews are free for ideas: each rule with a twin that it must catch."""

import ast
import io
import re
import subprocess
import tokenize
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
LINE_MAX, FILE_MAX, FUNCTION_MAX = 120, 450, 60
DRAWERS = {"utils", "util", "helpers", "helper", "common", "manager", "base", "misc"}
NO_FLOATS = ("ledger/core", "ledger/store", "ledger/imports")
# Written apart, so that this file does not hold what it looks for.
MACHINE_PATHS = re.compile("/" + r"(?:work|root|home/\w+|Users/\w+)/")
HOSTS = re.compile(r"(?:pypi\.org|pythonhosted\.org|--(?:extra-)?index-url|tuna\.tsinghua|aliyun" + r"\.com/pypi)")
UNFINISHED = re.compile(r"\b(?:TO" + r"DO|FIX" + r"ME|X" + r"XX)\b")
GIVEN_UP = re.compile(
    r"pytest\.(?:sk" + r"ip|xf" + r"ail)|mark\.(?:sk" + r"ip|xf" + r"ail)|\bassert Tr" + r"ue\b|importorsk" + "ip"
)
TEXT = {".py", ".md", ".toml", ".yml", ".yaml", ".cfg", ".txt", ".lock", ".sh", ".json", ".html", ".css", ".sql", ""}


def files(*folders: str, suffix: str = ".py") -> list[Path]:
    """Our own files below these folders."""
    return [file for folder in folders for file in sorted((REPOSITORY / folder).rglob(f"*{suffix}"))]


def tracked() -> list[Path]:
    """What git tracks or would track: text files only."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False).stdout.split("\n")
    found = [REPOSITORY / name for name in listed if name]
    if not found:  # an export without git: everything that is not made by tools
        found = [
            f
            for f in REPOSITORY.rglob("*")
            if not any(part.startswith(".") for part in f.parts[len(REPOSITORY.parts) :])
        ]
    return [file for file in found if file.is_file() and file.suffix in TEXT]


# The rules: each takes a program or text and tells what is wrong with it.


def long_lines(source: str) -> Iterator[str]:
    """Lines of more than 120 characters."""
    for number, line in enumerate(source.splitlines(), start=1):
        if len(line) > LINE_MAX:
            yield f"line {number} has {len(line)} characters"


def long_files(source: str) -> Iterator[str]:
    """Files of more than 450 lines."""
    if (count := len(source.splitlines())) > FILE_MAX:
        yield f"{count} lines"


def long_functions(source: str) -> Iterator[str]:
    """Functions of more than 60 lines."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            count = (node.end_lineno or 0) - node.lineno + 1
            if count > FUNCTION_MAX:
                yield f"{node.name} has {count} lines"


def undocumented(source: str) -> Iterator[str]:
    """Modules, public classes and public functions without a docstring."""
    tree = ast.parse(source)
    if tree.body and ast.get_docstring(tree) is None:
        yield "the module"
    yield from _undocumented_in(tree, "")


def _undocumented_in(tree: ast.Module | ast.ClassDef, prefix: str) -> Iterator[str]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            if ast.get_docstring(node) is None:
                yield prefix + node.name
            if isinstance(node, ast.ClassDef):
                yield from _undocumented_in(node, f"{prefix}{node.name}.")


def floats(source: str) -> Iterator[str]:
    """Float literals, calls of float, and annotations with it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, float | complex):
            yield f"line {node.lineno}: {node.value}"
        if isinstance(node, ast.Name) and node.id == "float":
            yield f"line {node.lineno}: float"


def drawers(path: str) -> Iterator[str]:
    """File or folder names that say nothing: utils, helpers, common, manager, base."""
    words = {word for part in Path(path).parts for word in re.split(r"[_.\W]+", part.lower())}
    yield from sorted(words & DRAWERS)


def drawer_classes(source: str) -> Iterator[str]:
    """Classes whose name ends in one of these words."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            words = re.findall(r"[A-Z][a-z]+", node.name)
            if words and words[-1].lower() in DRAWERS:
                yield node.name


def given_up(source: str) -> Iterator[str]:
    """Tests skipped, expected to fail, or asserting nothing."""
    yield from GIVEN_UP.findall(source)


def machine_paths(text: str) -> Iterator[str]:
    """Paths of somebody's machine."""
    yield from MACHINE_PATHS.findall(text)


def hosts(text: str) -> Iterator[str]:
    """Hosts of package registries."""
    yield from HOSTS.findall(text)


def unfinished(text: str) -> Iterator[str]:
    """Marks of work left undone."""
    yield from UNFINISHED.findall(text)


def bare_excuses(source: str) -> Iterator[str]:
    """Checks switched off without a reason beside them."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and re.search(
            r"#\s*(noqa|type: ignore)[^\s]*\s*$|#\s*noqa: [A-Z0-9, ]+$", token.string
        ):
            yield f"line {token.start[0]}: {token.string}"


Rule = Callable[[str], Iterator[str]]
OWN_CODE: tuple[Rule, ...] = (long_lines, long_files, long_functions, undocumented, drawer_classes)


def broken(rule: Rule, found: list[Path]) -> dict[str, list[str]]:
    """What breaks a rule, by file."""
    report = {str(f.relative_to(REPOSITORY)): list(rule(f.read_text("utf-8"))) for f in found}
    return {name: wrong for name, wrong in report.items() if wrong}


@pytest.mark.parametrize("rule", OWN_CODE, ids=lambda rule: rule.__name__)
def test_program_keeps_the_rule(rule: Rule) -> None:
    """Everything below ledger and api keeps to length, documentation and names."""
    assert broken(rule, files("ledger", "api")) == {}


@pytest.mark.parametrize("rule", [long_lines, unfinished], ids=lambda rule: rule.__name__)
def test_tests_and_migrations_keep_the_rule(rule: Rule) -> None:
    """Lines are short and nothing is left undone in tests and migrations too."""
    assert broken(rule, files("tests", "migrations")) == {}


def test_migrations_say_what_they_are() -> None:
    """Every migration opens with a docstring that says when it runs."""
    silent = [f.name for f in files("migrations") if not ast.get_docstring(ast.parse(f.read_text("utf-8")))]
    assert silent == []


def test_no_float_where_quantities_are() -> None:
    """Core, store and imports have no float: not one literal, call or annotation."""
    assert broken(floats, files(*NO_FLOATS)) == {}


def test_no_name_is_a_drawer() -> None:
    """If a function has no home, a noun is missing."""
    names = [str(f.relative_to(REPOSITORY)) for f in files("ledger", "api", "tests", "migrations")]
    assert {name: list(drawers(name)) for name in names if list(drawers(name))} == {}


def test_no_test_is_given_up() -> None:
    """Every test runs and can fail."""
    assert broken(given_up, files("tests")) == {}


@pytest.mark.parametrize("rule", [machine_paths, hosts, unfinished], ids=lambda rule: rule.__name__)
def test_nothing_tracked_breaks_the_rule(rule: Rule) -> None:
    """No path of one machine, no registry's host and no mark of unfinished work is in the repository."""
    assert broken(rule, tracked()) == {}


def test_checks_are_switched_off_with_a_reason_only() -> None:
    """A `noqa` or `type: ignore` says why."""
    assert broken(bare_excuses, files("ledger", "api")) == {}


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        (long_lines, "x" * 121, "x" * 120),
        (long_files, "\n" * 451, "\n" * 450),
        (long_functions, "def f():\n" + "    x = 1\n" * 60, "def f():\n" + "    x = 1\n" * 59),
        (undocumented, "x = 1", '"""What it is."""\nx = 1'),
        (undocumented, '"""M."""\ndef f(): ...', '"""M."""\ndef _f(): ...'),
        (undocumented, '"""M."""\nclass C:\n    """C."""\n    def f(self): ...', '"""M."""\nclass C:\n    """C."""'),
        (floats, "x = 1.5", "x = 15"),
        (floats, "x = 1e3", "x = 1_000"),
        (floats, "def f(x: float): ...", "def f(x: int): ..."),
        (floats, "x = float(y)", "x = int(y)"),
        (drawers, "ledger/core/utils.py", "ledger/core/book.py"),
        (drawers, "api/common/x.py", "api/commonwealth.py"),
        (drawers, "ledger/date_helpers.py", "ledger/database.py"),
        (drawer_classes, "class AccountManager: ...", "class Account: ..."),
        (given_up, "pytest.sk" + "ip('later')", "pytest.raises(ValueError)"),
        (given_up, "@pytest.mark.xf" + "ail\ndef test(): ...", "@pytest.mark.parametrize('x', [])"),
        (given_up, "assert Tr" + "ue", "assert Truth"),
        (machine_paths, "open('/" + "work/main/x')", "open('workbook/main')"),
        (machine_paths, "cd /" + "root/x", "cd /var/lib/x"),
        (hosts, "https://pypi" + ".org/simple", "https://example.org"),
        (hosts, "pip install --index" + "-url x", "pip install x"),
        (unfinished, "# TO" + "DO: later", "# to do this, ..."),
        (bare_excuses, "x = 1  # no" + "qa", "x = 1  # no" + "qa: S101 (because of y)"),
        (bare_excuses, "x = 1  # type: ig" + "nore", "x = 1  # type: ig" + "nore[x]  # because of y"),
    ],
)
def test_rule_catches_its_bad_example_and_lets_the_good_one_through(rule: Rule, bad: str, good: str) -> None:
    """The twin: each rule fails on a tiny bad example, so a green run means something."""
    assert list(rule(bad))
    assert not list(rule(good))
