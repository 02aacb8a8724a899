"""The lines above a header: the period a statement covers, its month, and the platform that made it."""

import datetime
import re
from collections.abc import Iterable
from unicodedata import normalize

from ledger.imports.cells import CellError, Period, month_end, parse_date
from ledger.imports.sheets import StatementUnreadable

_PLATFORMS = (
    ("BEIJING", ("北京电力交易中心",)),
    ("GUANGZHOU", ("广州电力交易中心",)),
    ("INNER_MONGOLIA", ("内蒙古电力交易中心",)),
)
GEC_PLATFORM = "GEC"

_DATE = r"[0-9]{4}\s*[-/.年]\s*[0-9]{1,2}\s*[-/.月]\s*[0-9]{1,2}日?|[0-9]{8}"
_SPAN = re.compile(rf"({_DATE})\s*(?:至|到|~|-|—+|–)\s*({_DATE})")
_MONTH_SPAN = re.compile(r"([0-9]{4})\s*年\s*[0-9]{1,2}\s*月?\s*[-~至到—]\s*([0-9]{1,2})\s*月")
_MONTH = re.compile(r"([0-9]{4})\s*(?:年|-|/|\.)\s*([0-9]{1,2})(?![0-9])")
_COMPACT_MONTH = re.compile(r"(?<![0-9])(20[0-9]{2})([01][0-9])(?![0-9])")
_PRINTED = re.compile(
    r"(打印|导出|制表|制作|生成|查询|填报|填表|报送|上报|编制)(时间|日期)\s*[::]?\s*\S*(\s+[0-9]{1,2}:[0-9]{2}(:[0-9]{2})?)?"
)
"""When a statement was made, which says nothing of what it covers."""
_AS_OF = re.compile(r"(截至|截止|统计|报告期|月份|期间|时点)")


def platform_of(texts: Iterable[str], name: str) -> str:
    """Name the platform by its title lines, else by the file's name; the national GEC platform where none is named."""
    said = normalize("NFKC", " ".join(texts))
    named = [code for code, words in _PLATFORMS if any(word in said for word in words)]
    if len(named) > 1:
        raise StatementUnreadable("platform_ambiguous", f"{name} names several platforms: {', '.join(named)}.")
    if named:
        return named[0]
    folded = normalize("NFKC", name)
    return next((code for code, words in _PLATFORMS if any(word in folded for word in words)), GEC_PLATFORM)


def trading_period(texts: Iterable[str]) -> Period | None:
    """Find the days that the query line names, or a month; never the day it was printed."""
    lines = [_PRINTED.sub("", normalize("NFKC", text)) for text in texts]
    for line in lines:
        if span := _SPAN.search(line):
            try:
                first, last = parse_date(span[1]).day, parse_date(span[2]).day
            except CellError:
                continue
            if first <= last:
                return Period(first, last)
    month = next((found for line in lines if (found := _month_in(line))), None)
    return Period(month, month_end(month)) if month else None


def as_of_month(texts: Iterable[str], name: str) -> datetime.date | None:
    """Find the month a summary speaks for, as its first day: 截至 first, then titles, then the file name."""
    lines = [_PRINTED.sub("", normalize("NFKC", text)) for text in texts]
    marked = [line[found.start() :] for line in lines if (found := _AS_OF.search(line))]
    for line in [*marked, *lines, name]:
        if month := _month_in(line):
            return month
    return None


def _month_in(text: str) -> datetime.date | None:
    for pattern in (_MONTH_SPAN, _MONTH, _COMPACT_MONTH):
        found = pattern.search(text)
        if found and 1 <= int(found[2]) <= 12:
            return datetime.date(int(found[1]), int(found[2]), 1)
    return None
