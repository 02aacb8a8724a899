"""Which column of a sheet means what, by the header names that `fields` lists and never by position.

A header is found by the best match of required names within the first rows, on one row or on two (group
and column). A unit is taken from the header's brackets, else from a title line; a cell may still name
its own. Column order and further columns do not matter. A file that fits no layout is refused with what
was found and what was expected.
"""

import re
import tomllib
from itertools import islice
from pathlib import Path
from unicodedata import normalize

import msgspec
from msgspec.structs import replace

from ledger.imports.fields import ENTERPRISES, SETTLEMENTS, STATEMENTS, SUMMARY, TRADES, Field, Layout
from ledger.imports.sheets import WORKBOOKS, Sheet, StatementUnreadable
from ledger.imports.units import declared_units, unit_of

__all__ = ["ENTERPRISES", "SETTLEMENTS", "STATEMENTS", "SUMMARY", "TRADES", "Field", "Layout", "Table", "recognise"]

LAYOUTS_FILE = "layouts.toml"
"""In the data folder: header names that an operator added."""
HEADER_ROWS_MAX = 20
HEADER_CELL_MAX = 60


class Table(msgspec.Struct, frozen=True):
    """A sheet with its header understood: field -> column index, printed header and declared unit."""

    layout: Layout
    sheet: Sheet
    header_line_last: int
    columns: dict[str, int]
    headers: dict[str, str]
    units: dict[str, str | None]
    preamble: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many cells a row must have to fill every column."""
        return max(self.columns.values()) + 1


def recognise(name: str, sheets: list[Sheet], layouts: tuple[Layout, ...] = STATEMENTS) -> tuple[Table, ...]:
    """Find the tables of one layout in the visible sheets, or refuse with what was found and expected."""
    tables = [table for sheet in sheets if not sheet.hidden and (table := best_table(name, sheet, layouts))]
    if not tables:
        raise _unrecognised(name, sheets, layouts)
    for sheet in sheets:
        # A statement whose header is misspelt is no note beside it.
        if not sheet.hidden and all(table.sheet is not sheet for table in tables) and _resembles(sheet, layouts):
            raise _unrecognised(name, [sheet], layouts)
    # Sheets beside the statement (notes, an index) are no part of it; two kinds at once are a riddle.
    if len({table.layout.name for table in tables}) > 1:
        raise StatementUnreadable("several_layouts", f"{name} mixes statements of different kinds.")
    return tuple(tables)


def _resembles(sheet: Sheet, layouts: tuple[Layout, ...]) -> bool:
    """Whether a sheet's header names most of what a statement must have."""
    return any(
        2 * len(layout.required & match_columns(layout, cells).keys()) > len(layout.required)
        for layout in layouts
        for _, _, cells in _header_candidates(sheet)
    )


def best_table(name: str, sheet: Sheet, layouts: tuple[Layout, ...]) -> Table | None:
    """Understand a sheet by the header that names all required fields and most fields altogether."""
    found = [
        (len(columns), -height, index, layout, columns, cells)
        for layout in layouts
        for index, height, cells in _header_candidates(sheet)
        if layout.required <= (columns := match_columns(layout, cells)).keys()
    ]
    if not found:
        return None
    _, minus_height, index, layout, columns, cells = max(found, key=lambda candidate: (candidate[:2], -candidate[2]))
    rows = _top(sheet)
    _refuse_twins(name, layout, columns, cells, rows[index][0], merged=sheet.encoding in WORKBOOKS)
    preamble = tuple(text for _, row in rows[:index] for text in dict.fromkeys(row) if text.strip())
    return Table(
        layout=layout,
        sheet=sheet,
        header_line_last=rows[index - minus_height - 1][0],
        columns=columns,
        headers={field: cells[column].strip() for field, column in columns.items()},
        units=_units(layout, columns, cells, preamble),
        preamble=preamble,
    )


def match_columns(layout: Layout, cells: list[str]) -> dict[str, int]:
    """Map fields to columns by the header texts; where two would do, the more exact name wins."""
    best: dict[str, tuple[int, int]] = {}
    for column, text in enumerate(cells):
        for name in _names(text):
            hit = _index(layout).get(name)
            if hit is not None:
                field, rank = hit
                if field not in best or rank < best[field][0]:
                    best[field] = (rank, column)
                break
    return {field: column for field, (_, column) in best.items()}


def header_name(text: str) -> str:
    """Normalise a header text: folded, no blanks or marks, without a unit in brackets."""
    return _names(text)[0] if _names(text) else ""


_INDEXES: dict[int, tuple[Layout, dict[str, tuple[str, int]]]] = {}
"""By the layout's identity: to hash a layout is to hash thousands of names."""


def _index(layout: Layout) -> dict[str, tuple[str, int]]:
    """Header name -> (field, how exact a name of it that is)."""
    known = _INDEXES.get(id(layout))
    if known is None:
        index: dict[str, tuple[str, int]] = {}
        for field in layout.fields:
            for rank, synonym in enumerate(field.synonyms):
                index.setdefault(synonym, (field.name, rank))
        known = _INDEXES[id(layout)] = (layout, index)
    return known[1]


def known_layouts(file: Path | None) -> tuple[Layout, ...]:
    """The layouts of statements, with the header names an operator added in a TOML file, one table for each layout.

    `layouts_unsound` where the file names a layout or a field that there is not.
    """
    if file is None or not file.exists():
        return STATEMENTS
    try:
        added = tomllib.loads(file.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as why:
        raise StatementUnreadable("layouts_unsound", f"{file.name} cannot be read: {why}.") from None
    strange = added.keys() - {layout.key for layout in STATEMENTS}
    if strange:
        raise StatementUnreadable("layouts_unsound", f"{file.name} names a layout that there is not: {min(strange)}.")
    return tuple(_extended(layout, added.get(layout.key, {}), file.name) for layout in STATEMENTS)


def _extended(layout: Layout, names: dict[str, list[str]], file: str) -> Layout:
    """The layout with further names for its fields; a name that was another field's is this one's from now on."""
    if strange := names.keys() - {field.name for field in layout.fields}:
        raise StatementUnreadable("layouts_unsound", f"{file}: {layout.key} has no field {min(strange)}.")
    taken = {header_name(text): field for field, texts in names.items() for text in texts}
    fields = tuple(
        replace(
            field,
            synonyms=(
                *(name for name, owner in taken.items() if owner == field.name),
                *(name for name in field.synonyms if taken.get(name, field.name) == field.name),
            ),
        )
        for field in layout.fields
    )
    return replace(layout, fields=fields)


_BRACKETS = re.compile(r"[(\[【〔]([^()\[\]【】〔〕]*)[)\]】〕]")
_TRAILING_UNIT = re.compile(r"(?:单位:|[/,:_|、])([^/,:_|、]+(?:/[^/,:_|、]+)?)$")


def header_unit(text: str) -> str | None:
    """Take the unit out of a header: 数量（万张）, 单价(元/个), 数量/个, 单位:万张."""
    folded = "".join(normalize("NFKC", text).split())
    declared = declared_units(folded)
    inside = [part.removeprefix("单位:") for part in _BRACKETS.findall(folded)]
    trailing = [found[1]] if (found := _TRAILING_UNIT.search(folded)) else []
    return next((unit for unit in [*inside, *trailing, *declared] if unit_of(unit)), None)


def _names(text: str) -> list[str]:
    """List the names a header may be known by, the fullest first: joined group and column, then column."""
    if not text or len(text) > HEADER_CELL_MAX:
        return []
    folded = "".join(normalize("NFKC", text).split()).lower()
    folded = _BRACKETS.sub(lambda found: "" if unit_of(found[1].removeprefix("单位:")) else found[1], folded)
    trailing = _TRAILING_UNIT.search(folded)
    if trailing and unit_of(trailing[1]):
        folded = folded[: trailing.start()]
    folded = folded.strip("*:;,.'\"").replace("*", "")
    names = [re.sub(r"[/\-_|·、\"']", "", folded) if folded != "grid_user" else folded]
    if "/" in folded:
        names.append(folded.rpartition("/")[2])
    return [name for name in names if name]


def _header_candidates(sheet: Sheet) -> list[tuple[int, int, list[str]]]:
    """List each early row as a header of one row, and with its next row as one of two."""
    rows = _top(sheet)
    candidates = []
    for index, (_, cells) in enumerate(rows[:HEADER_ROWS_MAX]):
        if index + 1 == len(rows) or not _are_units(rows[index + 1][1]):
            candidates.append((index, 1, cells))
        if index + 1 < len(rows) and len(set(filter(None, cells))) > 1:  # a title is no group
            candidates.append((index, 2, _joined(cells, rows[index + 1][1])))
    return candidates


def _are_units(cells: list[str]) -> bool:
    """Whether a row says nothing but in which units the columns above it are."""
    said = [cell for cell in cells if cell.strip()]
    bare = (_BRACKETS.sub(r"\1", "".join(normalize("NFKC", cell).split())) for cell in said)
    return bool(said) and all(unit_of(cell) for cell in bare)


class Headings:
    """Watches for a header that is printed again on a new page, in one row or in two."""

    def __init__(self) -> None:
        self._above: list[str] = []

    def again(self, table: Table, cells: list[str], least: int) -> Table | None:
        """The table as it goes on below a row that names at least so many columns; None where the row is no header."""
        above, self._above = self._above, []
        header = cells
        if above and _names_columns(table.layout, joined := _joined(above, cells), cells):
            header = joined
        if len(match_columns(table.layout, header)) < least:
            return None
        self._above = cells
        return _reheaded(table, header) or table


def _names_columns(layout: Layout, joined: list[str], cells: list[str]) -> bool:
    """Whether most texts of a row name a column, together with the groups above them."""
    named = sum(1 for column in match_columns(layout, joined).values() if column < len(cells) and cells[column].strip())
    return 2 * named > sum(1 for cell in cells if cell.strip())


def _reheaded(table: Table, cells: list[str]) -> Table | None:
    """The table as a header printed again has it, perhaps in another order or unit."""
    columns = match_columns(table.layout, cells)
    if not table.layout.required <= columns.keys():
        return None
    headers = {field: cells[column].strip() for field, column in columns.items()}
    return replace(table, columns=columns, headers=headers, units=_units(table.layout, columns, cells, table.preamble))


def _top(sheet: Sheet) -> list[tuple[int, list[str]]]:
    return list(islice(iter(sheet), HEADER_ROWS_MAX + 1))


def _joined(groups: list[str], columns: list[str]) -> list[str]:
    """Join a group row with the row below it: 认购 over 数量 is 认购/数量, filled forward to the right."""
    joined = []
    group = ""
    for column in range(max(len(groups), len(columns))):
        above = groups[column].strip() if column < len(groups) else ""
        below = columns[column].strip() if column < len(columns) else ""
        group = above or group
        joined.append(f"{group}/{below}" if below and group and below != group else below or above)
    return joined


def _units(
    layout: Layout, columns: dict[str, int], cells: list[str], preamble: tuple[str, ...]
) -> dict[str, str | None]:
    declared = [unit for text in preamble for unit in declared_units(text)]
    if strange := [name for name in declared if unit_of(name) is None]:
        # A unit that is not understood would be taken for single certificates, or yuan.
        raise StatementUnreadable("unit_unknown", f"The title names a unit that is not known: {strange[0][:20]}.")
    units: dict[str, str | None] = {}
    for field in layout.fields:
        if field.name in columns and field.measures:
            header = cells[columns[field.name]]
            # 个 in a title line speaks of certificates, so it says nothing about a column of energy.
            wanted = ("energy",) if "电量" in header else field.measures
            fitting = (unit for unit in declared if (known := unit_of(unit)) and known.measures in wanted)
            units[field.name] = header_unit(header) or next(fitting, None)
    return units


def _refuse_twins(
    name: str, layout: Layout, columns: dict[str, int], cells: list[str], line: int, *, merged: bool
) -> None:
    """Two columns of one name for a figure that counts are a question, not a choice."""
    for field in layout.required:
        chosen = _names(cells[columns[field]])[0]
        twins = [
            cell
            for column, cell in enumerate(cells)
            # The same text right beside it is one heading merged over two columns.
            if _names(cell)[:1] == [chosen] and (not merged or column == 0 or cells[column - 1] != cell)
        ]
        if len(twins) > 1:
            raise StatementUnreadable(
                "column_ambiguous",
                f"{name} has {len(twins)} columns that mean {field}: {' | '.join(twins)}.",
                line,
            )


def _unrecognised(name: str, sheets: list[Sheet], layouts: tuple[Layout, ...]) -> StatementUnreadable:
    """Name the nearest layout, what it lacks, and what the file has in its place."""
    nearest: tuple[int, Layout, list[str], int] | None = None
    for sheet in sheets:
        for layout in layouts:
            for index, _, cells in _header_candidates(sheet):
                count = len(layout.required & match_columns(layout, cells).keys())
                if nearest is None or count > nearest[0]:
                    nearest = (count, layout, cells, _top(sheet)[index][0])
    if nearest is None or nearest[0] < 2:
        titles = " or ".join(layout.title for layout in layouts)
        return StatementUnreadable("layout_unknown", f"{name} has no header of a {titles}. Nothing was read.")
    _, layout, cells, line = nearest
    columns = match_columns(layout, cells)
    missing = [
        f"{field.name} ({field.synonyms[0]})" for field in layout.fields if field.required and field.name not in columns
    ]
    found = ", ".join(cell.strip()[:20] for cell in cells if cell.strip())
    return StatementUnreadable(
        "column_missing",
        f"{name} looks like a {layout.title}, but no column means {', '.join(missing)}. Found: {found}.",
        line,
    )
