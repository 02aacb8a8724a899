"""Rows that are no data: totals, page totals, signatures, notes and repeated titles.

A total is never a row; it is kept as a control figure. Of several totals on one sheet the one that covers
most is the control: 总计, else the last 合计, else 累计, else all page totals together.
"""

import re
from typing import Literal
from unicodedata import normalize

import msgspec

from ledger.imports.cells import CellError, is_ditto, parse_date
from ledger.imports.layouts import Table
from ledger.imports.units import declared_units, unit_of

_WORD = "(?:合计|小计|总计|累计|共计|总和|页计)"
_TOTAL = re.compile(rf".{{0,12}}{_WORD}[::]?|{_WORD}.{{0,12}}")
"""A text that is a total's label: an enterprise's name may have the same characters in its middle."""
_TOTAL_OF_A_NAME = re.compile(rf".{{0,60}}{_WORD}[::]?")
"""The first text of a line may name whose total it is, at any length."""
_FOOTER = re.compile(
    r"(制表|填表|填报|审核|复核|审批|盖章|签字|签章|负责人|经办|联系人|联系电话|打印|导出|导出时间|报送"
    r"|注[::]|说明[::]|备注[::]|附注|数据来源|以下空白|第\d+页|共\d+页|单位[::]|查询条件|日期[::]|时间[::])"
)


NO_VOIDING = "a row, or a state of a row, that says so"
"""What is expected where a note speaks of trades taken back."""
UNIT_ABOVE = "the units of the table above its header"
"""What is expected where a line between the rows declares another."""
_TAKES_BACK = re.compile(r"作废|冲销|冲正|红冲|冲红|更正|撤|失效|退补|调整|取消|无效")
_LABELLED = re.compile(r"[^::,。]{1,12}[::].*[0-9]")
"""A label with a figure, such as 结算月份：2024年7月, says something of the rows below it."""


class Total(msgspec.Struct, frozen=True):
    """One printed total: whole certificates, half of its last printed digit, and money in fen."""

    count: int | None
    half_unit: int
    amount_fen: int | None


class Totals:
    """The totals of one sheet by how much they cover."""

    def __init__(self) -> None:
        self._by_reach: dict[str, list[Total]] = {}
        self._count_before = 0

    def add(self, total: Total, *, label: str, count_read: int) -> None:
        """Keep a total that prints a figure; a line of words alone controls nothing.

        One 合计 of several that has just the `count_read` since the one before it is of that group, and not of all.
        """
        if total.count is None and total.amount_fen is None:
            return
        reach: str = reach_of(label)
        if reach == "sum":
            reach = "group" if total.count == count_read - self._count_before else "sum"
            self._count_before = count_read
        self._by_reach.setdefault(reach, []).append(total)

    def control(self) -> Total | None:
        """Give the total that covers the whole sheet, or None where none is printed."""
        for reach in ("whole", "sum", "group", "running", "page"):
            if totals := self._by_reach.get(reach):
                return _together(totals) if reach in ("group", "page") else totals[-1]
        return None


def _together(totals: list[Total]) -> Total:
    return Total(
        count=added([total.count for total in totals]),
        half_unit=sum(total.half_unit for total in totals),
        amount_fen=added([total.amount_fen for total in totals]),
    )


def added(figures: list[int | None]) -> int | None:
    """Their sum, or None where one of them is not printed."""
    known = [figure for figure in figures if figure is not None]
    return sum(known) if len(known) == len(figures) else None


def reach_of(label: str) -> Literal["whole", "sum", "running", "page"]:
    """Tell how much a total covers by its label."""
    if "页" in label or "小计" in label:
        return "page"
    if "累计" in label:
        return "running"
    return "whole" if "总" in label or "共计" in label else "sum"


def kind_of(cells: list[str]) -> Literal["total", "part", "footer", "data"]:
    """Tell a total, a part of what was counted already (其中), or a signature line by its first texts."""
    first = next((text for cell in cells if (text := _fold(cell))), "")
    if first.startswith("其中"):
        return "part"
    if label_of(cells):
        return "total"
    return "footer" if _FOOTER.match(first) else "data"


def label_of(cells: list[str]) -> str:
    """Give the label that makes a row a total, or nothing."""
    texts = [text for cell in cells if (text := _fold(cell))]
    if texts and _TOTAL_OF_A_NAME.fullmatch(texts[0]):
        return texts[0]
    return next((text for text in texts if _TOTAL.fullmatch(text)), "")


def filled(cells: list[str], above: list[str]) -> list[str]:
    """The cells of a row, where 同上 stands for what stands above it; `above` is the row before, filled itself."""
    if not above or not any(map(is_ditto, cells)):
        return cells
    return [above[at] if is_ditto(cell) and at < len(above) else cell for at, cell in enumerate(cells)]


def is_note(cells: list[str], preamble: tuple[str, ...]) -> bool:
    """Tell a line of one text, which may be merged over many cells: a title again, a stamp and its day, a remark.

    A text that may change what the rows mean is no mere note, and neither is a number that was cut off.
    """
    texts = {text for cell in cells if (text := _fold(cell))}
    if len(texts) != 1:
        return False
    (text,) = texts
    if text in map(_fold, preamble):
        return True
    if _FOOTER.match(text) or (not text.isdigit() and _is_date(text)):
        return True
    letters = [character for character in text if character.isalnum()]
    chinese = [character for character in letters if character > "\u2e80"]
    return 2 * len(chinese) > len(letters) and not _LABELLED.match(text)


def _is_date(text: str) -> bool:
    try:
        parse_date(text)
    except CellError:
        return False
    return True


def voiding(cells: list[str]) -> str:
    """The text of a line of one or two that speaks of trades taken back, which a note must not do unheard."""
    return next((text for text in cells if is_sparse([*dict.fromkeys(cells)]) and _TAKES_BACK.search(text)), "").strip()


def strange_unit(cells: list[str], table: Table) -> str:
    """The unit that a line of one or two texts declares and the table has not: the rows below it may be in it."""
    texts = dict.fromkeys(cell for cell in cells if cell.strip())
    if len(texts) > 2 or not any("单" in text for text in texts):
        return ""
    # A column that names no unit counts single certificates, or yuan.
    plain = {"certificate": "个", "money": "元"}
    measures = {field.name: field.measures for field in table.layout.fields}
    names = [name for text in table.preamble for name in declared_units(text)]
    names += [name or plain.get(measures[field][0], "") for field, name in table.units.items()]
    known = {unit_of(name) for name in names if name}
    worths = {(unit.measures, unit.numerator, unit.denominator) for unit in known if unit}
    declared = ((name, unit_of(name)) for text in texts for name in declared_units(text))
    return next(
        (name for name, unit in declared if unit and (unit.measures, unit.numerator, unit.denominator) not in worths),
        "",
    )


def is_sparse(cells: list[str]) -> bool:
    """Tell a line of one or two texts, such as a title printed again on a new page."""
    return sum(1 for cell in cells if cell.strip()) <= 2


def _fold(text: str) -> str:
    return "".join(normalize("NFKC", text).split())
