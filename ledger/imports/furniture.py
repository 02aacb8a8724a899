"""Rows that are no data: totals, page totals, signatures, notes and repeated titles.

A total is never a row; it is kept as a control figure. Of several totals on one sheet the one that covers
most is the control: 总计, else the last 合计, else 累计, else all page totals together.
"""

import re
from typing import Literal
from unicodedata import normalize

import msgspec

from ledger.imports.cells import is_ditto

_WORD = "(?:合计|小计|总计|累计|共计|总和|页计)"
_TOTAL = re.compile(rf".{{0,12}}{_WORD}[::]?|{_WORD}.{{0,12}}")
"""A text that is a total's label: an enterprise's name may have the same characters in its middle."""
_FOOTER = re.compile(
    r"(制表|填表|填报|审核|复核|审批|盖章|签字|签章|负责人|经办|联系人|联系电话|打印|导出|导出时间|报送"
    r"|注[::]|说明[::]|备注[::]|附注|数据来源|以下空白|第\d+页|共\d+页|单位[::]|查询条件|日期[::]|时间[::])"
)


class Total(msgspec.Struct, frozen=True):
    """One printed total: whole certificates, half of its last printed digit, and money in fen."""

    count: int | None
    half_unit: int
    amount_fen: int | None


class Totals:
    """The totals of one sheet by how much they cover."""

    def __init__(self) -> None:
        self._by_reach: dict[str, list[Total]] = {}

    def add(self, *, label: str, count: int | None, half_unit: int, amount_fen: int | None) -> None:
        """Keep a total that prints a figure; a line of words alone controls nothing."""
        if count is not None or amount_fen is not None:
            self._by_reach.setdefault(reach_of(label), []).append(Total(count, half_unit, amount_fen))

    def control(self) -> Total | None:
        """Give the total that covers the whole sheet, or None where none is printed."""
        for reach in ("whole", "sum", "running"):
            if reach in self._by_reach:
                return self._by_reach[reach][-1]
        pages = self._by_reach.get("page", [])
        if not pages:
            return None
        return Total(
            count=_added([page.count for page in pages]),
            half_unit=sum(page.half_unit for page in pages),
            amount_fen=_added([page.amount_fen for page in pages]),
        )


def _added(figures: list[int | None]) -> int | None:
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


def kind_of(cells: list[str]) -> Literal["total", "footer", "data"]:
    """Tell a total or a signature line by its first texts."""
    first = next((text for cell in cells if (text := _fold(cell))), "")
    if first.startswith("其中"):  # a part of a total, not one of its own
        return "footer"
    if label_of(cells):
        return "total"
    return "footer" if _FOOTER.match(first) else "data"


def label_of(cells: list[str]) -> str:
    """Give the label that makes a row a total, or nothing."""
    texts = [text for cell in cells if (text := _fold(cell))]
    return next((text for text in texts if _TOTAL.fullmatch(text)), "")


def filled(cells: list[str], above: list[str]) -> list[str]:
    """The cells of a row, where 同上 stands for what stands above it; `above` is the row before, filled itself."""
    if not above or not any(map(is_ditto, cells)):
        return cells
    return [above[at] if is_ditto(cell) and at < len(above) else cell for at, cell in enumerate(cells)]


def is_sparse(cells: list[str]) -> bool:
    """Tell a line of one or two texts, such as a title printed again on a new page."""
    return sum(1 for cell in cells if cell.strip()) <= 2


def _fold(text: str) -> str:
    return "".join(normalize("NFKC", text).split())
