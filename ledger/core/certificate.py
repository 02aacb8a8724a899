"""Lots of certificates, and how a 32-character code yields a series and a serial.

A *series* is all of a code but its running number: scheme, project, production month, energy class and
trade class. A numbered lot is one series; count-only units form one lot for each source line.
How a code is cut is a dated policy row, because the widths of its fields are not published.
"""

import datetime
import re
import unicodedata

import msgspec

from ledger.core.policy import CodeLayout, Validity
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_range import SerialRange

CODE_LENGTH = 32
_CODE = re.compile(r"[0-9A-Z]{32}")
_ROUNDED = re.compile(r"[0-9]+(\.[0-9]+)?E\+?[0-9]+")
"""A long number as a spreadsheet shows it: 9.16E+17."""


class LotFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is known of a lot when it enters the book (fields in the order of their names)."""

    code: str
    """Unique in the ledger: the series' own fields, or the source line for count-only units."""
    energy_class: str | None = None
    numbered: bool
    production_month: str
    """YYYY-MM."""
    project: str
    province: str | None = None
    scheme: str = msgspec.field(default_factory=lambda: "GEC")
    """Always written: `omit_defaults` goes by identity, and one value must have one form."""
    source: str | None = None
    """Energy source as the statement says: SOLAR, WIND, HYDRO ..."""
    tradable: bool = True
    trade_class: str | None = None


class Lot(msgspec.Struct, frozen=True):
    """A lot in the book: its facts and the log index of the record that declared it."""

    lot_id: int
    facts: LotFacts


class CodeRange(msgspec.Struct, frozen=True, kw_only=True):
    """Certificates of one series, as their first and last codes name them."""

    series: str
    project: str
    production_month: str
    energy_class: str
    trade_class: str
    serials: SerialRange


def code_given(text: str) -> str | Refusal:
    """A certificate's code as somebody typed it, full-width or in small letters; `code_malformed`, `code_damaged`."""
    code = "".join(unicodedata.normalize("NFKC", text).split()).upper()
    if _CODE.fullmatch(code):
        return code
    return refuse("code_damaged" if _ROUNDED.fullmatch(code) else "code_malformed", given=text)


def read_code(code: str, layout: CodeLayout) -> tuple[str, str, str, int] | None:
    """(project, production month YYYY-MM, classes, serial) of a code, or None where it does not fit the layout."""
    if not _CODE.fullmatch(code):
        return None
    month_at = int(layout.project)
    serial_at = month_at + int(layout.month)
    class_at = serial_at + int(layout.serial)
    month, serial = code[month_at:serial_at], code[serial_at:class_at]
    if not (serial.isdigit() and month.isdigit() and 1 <= int(month[4:]) <= 12):
        return None
    return code[:month_at], f"{month[:4]}-{month[4:]}", code[class_at:], int(serial)


def read_code_range(first: str, last: str, layout: CodeLayout) -> CodeRange | None:
    """The certificates from `first` to `last`, or None unless they are one series."""
    low, high = read_code(first, layout), read_code(last, layout)
    if low is None or high is None or low[:3] != high[:3] or high[3] < low[3]:
        return None
    project, month, classes, serial = low
    return CodeRange(
        series=f"{project}/{month}/{classes}",
        project=project,
        production_month=month,
        energy_class=classes[:1],
        trade_class=classes[1:],
        serials=SerialRange(serial, high[3] + 1),
    )


def written_code(series: str, serial: int, layout: CodeLayout) -> str | None:
    """The code of one certificate of a series, or None where this layout does not write it."""
    project, _, rest = series.partition("/")
    month, _, classes = rest.partition("/")
    code = f"{project}{month.replace('-', '')}{serial:0{int(layout.serial)}}{classes}"
    return code if read_code(code, layout) == (project, month, classes, serial) else None


def valid_until(production_month: str, rules: tuple[Validity, ...]) -> datetime.date | None:
    """The last day a certificate of this month may be used, or None where no rule covers the month."""
    for rule in rules:
        if rule.produced_from <= production_month < rule.produced_before:
            return last_valid_day(production_month, rule)
    return None


def last_valid_day(production_month: str, rule: Validity) -> datetime.date:
    """The last day a certificate of this month may be used, by the rule that covers the month (domain 1.7)."""
    if rule.valid_until:
        return datetime.date.fromisoformat(rule.valid_until)
    year, month = map(int, production_month.split("-"))
    after = year * 12 + month - 1 + int(rule.months)
    return datetime.date(after // 12, after % 12 + 1, 1) - datetime.timedelta(days=1)
