"""What each room may import (house style, section 3): a wrong import fails here with the rule's name."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
OURS = ("ledger", "api", "migrations", "tests")


class Room(NamedTuple):
    """One row of the table."""

    rule: str
    room: str
    """A package or module; all below it are meant."""
    ours: tuple[str, ...]
    """What of our own it may import, besides itself."""
    never: tuple[str, ...] = ()
    """What of our own it may not, though something above allows it."""
    libraries: tuple[str, ...] | None = None
    """Third-party libraries it may import; None: any."""


CORE_NOUNS = tuple(
    f"ledger.core.{noun}"
    for noun in (
        "account",
        "certificate",
        "command",
        "policy",
        "quantity",
        "record",
        "refusal",
        "serial_range",
        "party",
    )
)
STORE_LIBRARIES = ("msgspec", "sqlmodel", "sqlalchemy", "alembic", "psycopg", "psycopg_pool", "structlog")
WEB = ("litestar", "uvicorn", "starlette", "fastapi", "httpx")
ROOMS = (
    Room("core is pure", "ledger.core", (), libraries=("msgspec",)),
    Room("an auditor installs proof alone", "ledger.proof", CORE_NOUNS, libraries=("msgspec", "cryptography")),
    Room("store knows nobody to its left", "ledger.store", ("ledger.core", "ledger.proof"), libraries=STORE_LIBRARIES),
    Room(
        "writer stands on core and store", "ledger.writer",
        ("ledger.core", "ledger.store", "ledger.proof", "ledger.group"),
    ),
    Room("a group is decided without SQL", "ledger.group", ("ledger.core", "ledger.store")),
    Room(
        "imports become commands", "ledger.imports",
        ("ledger.core", "ledger.writer", "ledger.store", "ledger.settings"),
    ),
    Room("reports cannot write", "ledger.reports", ("ledger.core", "ledger.proof", "ledger.store")),
    Room("the launcher stands alone", "ledger.embedded", ()),
    Room("no room of ledger knows the api", "ledger", ("ledger",)),
    Room(
        "a controller writes no SQL", "api",
        ("ledger.core", "ledger.writer", "ledger.imports", "ledger.reports", "ledger.proof", "ledger.keys",
         "ledger.settings", "ledger.database", "ledger.closing"),
        never=("ledger.store", "ledger.core.posting_engine.decide_posting", "ledger.core.decision"),
    ),
    Room("a migration means the same in ten years", "migrations", (), libraries=("alembic", "sqlalchemy")),
    Room("the oracle shares no code with what it judges", "tests.oracle", (), libraries=()),
)  # fmt: skip
MAY = {
    "httpx": ("ledger.bench",),  # the measuring client is a caller like any other
    "uvicorn": ("ledger.cli", "ledger.demo"),  # it starts the server, and knows the application by its name only
    # A lost database becomes 503, or is waited for: faults are mapped, nothing is asked.
    "psycopg": ("api.problems", "ledger.imports.worker"),
    "psycopg_pool": ("api.problems",),
}
"""Who may use a library that its room leaves to another, and why."""
API_MAY_NOT_TOUCH_SQL = ("psycopg", "sqlalchemy", "sqlmodel", "psycopg_pool")


def modules(room: str) -> Iterator[tuple[str, Path]]:
    """Each module of a room, with its file; none where the room is not built yet."""
    place = REPOSITORY.joinpath(*room.split("."))
    files = [place.with_suffix(".py")] if place.with_suffix(".py").exists() else sorted(place.rglob("*.py"))
    for file in files:
        parts = file.relative_to(REPOSITORY).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), file


def imports_of(module: str, source: str, *, is_package: bool = False) -> set[str]:
    """Every module or name that a program imports, wherever it stands, by its full dotted name."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = module.split(".")
            drop = node.level - (1 if is_package else 0)
            above = parts[: len(parts) - drop] if node.level else []
            origin = ".".join([*above, *([node.module] if node.module else [])])
            found |= {f"{origin}.{alias.name}" for alias in node.names}
    return found


def lies_in(name: str, rooms: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of these rooms or below one."""
    return any(name == room or name.startswith(room + ".") for room in rooms)


def violations(room: Room, module: str, source: str, *, is_package: bool = False) -> list[str]:
    """The imports of a module that its room's rule forbids."""
    wrong = []
    for name in sorted(imports_of(module, source, is_package=is_package)):
        top = name.split(".")[0]
        if top in OURS:
            allowed = lies_in(name, (room.room, *room.ours)) and not lies_in(name, room.never)
        else:
            allowed = room.libraries is None or top in sys.stdlib_module_names or top in room.libraries
        if not allowed:
            wrong.append(f"{room.rule}: {module} imports {name}")
    return wrong


@pytest.mark.parametrize("room", ROOMS, ids=lambda room: f"{room.room}: {room.rule}")
def test_room_imports_only_what_its_rule_allows(room: Room) -> None:
    """Each module of the room, read without running it, keeps to the table."""
    wrong: list[str] = []
    for module, file in modules(room.room):
        wrong += violations(room, module, file.read_text("utf-8"), is_package=file.name == "__init__.py")
    assert wrong == []


@pytest.mark.parametrize(
    ("room", "forbidden"), [("ledger", WEB), ("api", API_MAY_NOT_TOUCH_SQL), ("ledger.imports", API_MAY_NOT_TOUCH_SQL)]
)
def test_room_leaves_this_library_to_another(room: str, forbidden: tuple[str, ...]) -> None:
    """HTTP is known to api alone, and a driver to store and what stands beside it."""
    found = {
        f"{module} imports {name}"
        for module, file in modules(room)
        for name in imports_of(module, file.read_text("utf-8"), is_package=file.name == "__init__.py")
        if name.split(".")[0] in forbidden and not lies_in(module, MAY.get(name.split(".")[0], ()))
    }
    assert found == set()


def test_rooms_of_the_table_exist() -> None:
    """A rule for a room that nobody built, or that was renamed, would guard nothing."""
    missing = [room.room for room in ROOMS if not list(modules(room.room))]
    assert missing in ([], ["api"], ["tests.oracle"], ["api", "tests.oracle"])


@pytest.mark.parametrize(
    ("room", "line"),
    [
        ("ledger.core", "import ledger.store.journal"),
        ("ledger.core", "from ledger.proof import merkle"),
        ("ledger.core", "import sqlmodel"),
        ("ledger.core", "def f():\n    from ..store import journal"),
        ("ledger.proof", "from ledger.core.posting_engine import decide_posting"),
        ("ledger.proof", "from ledger.core import decision"),
        ("ledger.proof", "import psycopg"),
        ("ledger.store", "from ledger.writer import Writer"),
        ("ledger.store", "from ledger import reports"),
        ("ledger.writer", "from ledger.imports import statement"),
        ("ledger.imports", "from api.app import create"),
        ("ledger.reports", "from ledger.writer import Writer"),
        ("ledger.embedded", "from ledger.settings import Settings"),
        ("api", "from ledger.store.session import Reader"),
        ("api", "from ledger import store"),
        ("migrations", "from ledger.store import tables"),
        ("tests.oracle", "from ledger.core.book import Book"),
        ("tests.oracle", "import msgspec"),
        ("ledger", "import api"),
    ],
)
def test_wrong_import_would_be_found(room: str, line: str) -> None:
    """The twin: a module of the room with this line breaks exactly this room's rule."""
    rule = next(one for one in ROOMS if one.room == room)
    found = violations(rule, f"{room}.some_module", line)
    assert [text.split(":")[0] for text in found] == [rule.rule]


def test_right_imports_are_let_through() -> None:
    """The twin's twin: what the table allows is not reported."""
    rule = next(one for one in ROOMS if one.room == "ledger.store")
    source = "import struct\nimport psycopg\nfrom ledger.core.record import encode\nfrom ledger.store import journal\n"
    assert violations(rule, "ledger.store.new", source) == []
