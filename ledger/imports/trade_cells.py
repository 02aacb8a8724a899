"""The cells of a trade statement -> values: one reader for each field, and the words that states go by.

Texts that repeat from row to row are read once and remembered. Codes are checked for length and
alphabet only; what a certificate code says inside is a dated policy elsewhere.
"""

from collections.abc import Callable, Mapping
from typing import Any

from ledger.imports.cells import (
    CellError,
    Period,
    clean,
    is_null,
    parse_amount_fen,
    parse_code,
    parse_count,
    parse_day,
    parse_identifier,
    parse_month,
    parse_price,
    parse_text,
    required_text,
    squeeze,
)
from ledger.imports.documents import REVERSAL, TRADED, TRANSFERRED, WITHDRAWN
from ledger.imports.layouts import Table

CODE_CHARACTERS = 32
PROJECT_CODE_CHARACTERS = 17
USCI_CHARACTERS = 18
REMEMBERED_MAX = 50_000
ORDER_MAX = 64
FIRST_CHINESE = 0x2E80

_MODES = {
    "LISTING": ("挂牌交易", "挂牌", "挂牌成交", "挂牌摘牌"),
    "BILATERAL": ("双边协商", "双边", "双边交易", "双边协商交易"),
    "CENTRALIZED_BID": ("集中竞价", "竞价", "集中竞价交易", "集中交易", "竞价交易"),
}
_STATES = {
    TRADED: (
        "已成交待划转",
        "已成交",
        "待划转",
        "已成交未划转",
        "成交待划转",
        "划转中",
        "未划转",
        "交易在途",
        "在途",
    ),
    TRANSFERRED: (
        "已划转",
        "划转完成",
        "划转成功",
        "已完成划转",
        "已过户",
        "已交割",
        "交割完成",
        "已成交已划转",
    ),
    REVERSAL: ("冲销", "已冲销", "红冲", "冲红", "冲正", "已冲正", "更正", "已更正", "退补", "调整"),
    WITHDRAWN: (
        "已撤单",
        "撤单",
        "已失效",
        "失效",
        "作废",
        "已作废",
        "已撤销",
        "已取消",
        "交易取消",
        "已撤牌",
        "交易撤销",
    ),
}
_SOURCES = {
    "solar": ("太阳能发电", "太阳能", "光伏", "光伏发电", "光热", "光热发电", "集中式光伏", "分布式光伏"),
    "wind": ("风力发电", "风电", "风能", "陆上风电", "海上风电"),
    "hydro": ("水力发电", "水电", "水能", "常规水电"),
    "biomass": ("生物质发电", "生物质", "生物质能"),
    "geothermal": ("地热能发电", "地热发电", "地热", "地热能"),
    "ocean": ("海洋能发电", "海洋能"),
}
_TRADABILITY = {
    "yes": ("可交易", "可交易绿证", "是", "可交易绿色电力证书"),
    "no": ("不可交易", "不可交易绿证", "否", "不可交易绿色电力证书"),
}


class _Memo(dict[str, Any]):
    """Remembers what a cell text was read as; a text that cannot be read is tried again each time."""

    def __init__(self, parse: Callable[[str], Any]) -> None:
        super().__init__()
        self.parse = parse

    def __missing__(self, text: str) -> Any:
        value = self.parse(text)
        if len(self) < REMEMBERED_MAX:
            self[text] = value
        return value


def trade_parsers(table: Table, period: Period | None) -> dict[str, Callable[[str], Any]]:
    """Give each field its reader; texts that repeat from row to row are remembered."""
    units, serial_zero = table.units, table.sheet.serial_zero
    repeated: dict[str, Callable[[str], Any]] = {
        "mode": _word(_MODES, "mode_unknown"),
        "buyer_name": required_text,
        "buyer_usci": lambda text: parse_code(text, USCI_CHARACTERS, "usci_not_18_characters"),
        "seller_name": parse_text,
        "project_name": parse_text,
        "project_code": _project_code,
        "energy_source": read_source,
        "province": parse_text,
        "production_month": lambda text: parse_month(text, period, serial_zero),
        "tradability": _tradable,
        "quantity": lambda text: parse_count(text, units["quantity"]),
        "price": lambda text: parse_price(text, units.get("price")),
        "price_fen": lambda text: _fen(parse_price(text, units.get("price"))),
        "traded_on": lambda text: parse_day(text, period, serial_zero),
        "transferred_on": lambda text: None if is_null(text) else parse_day(text, period, serial_zero),
        "status": _required_word(_STATES, "state_unknown"),
        "remark": parse_text,
    }
    parsers: dict[str, Callable[[str], Any]] = {field: _Memo(parse).__getitem__ for field, parse in repeated.items()}
    parsers["order"] = _order
    parsers["amount"] = lambda text: parse_amount_fen(text, units["amount"])
    parsers["code_first"] = parsers["code_last"] = _certificate_code
    return parsers


def _fen(price: str | None) -> int | None:
    """Give a price in fen, or None for one with parts of a fen."""
    yuan, _, decimals = (price or "").partition(".")
    return int(yuan + decimals) if len(decimals) == 2 else None


def _order(text: str) -> str:
    if text.isascii() and text.isalnum() and text[0].isalpha() and text[-1].isdigit() and len(text) <= ORDER_MAX:
        return text.upper()
    read = parse_identifier(text)
    if read is None:
        raise CellError("value_missing", "an order number")
    if not has_digit(read) or len(read) > ORDER_MAX or any(map(_is_look_alike, read)):
        expected = f"an order number of at most {ORDER_MAX} characters with digits in it, its letters Latin or Chinese"
        raise CellError("order_malformed", expected)
    return "".join(read.split()).upper()


def _is_look_alike(character: str) -> bool:
    """A letter of another script, such as Cyrillic, that looks like a Latin one."""
    return character.isalpha() and not character.isascii() and ord(character) < FIRST_CHINESE


def _project_code(text: str) -> str:
    code = parse_code(text, PROJECT_CODE_CHARACTERS, "project_code_not_17_characters")
    if code is None:
        raise CellError("value_missing", "the project's filing code")
    return code.upper()


def _certificate_code(text: str) -> str | None:
    if len(text) == CODE_CHARACTERS and text.isascii() and text.isalnum() and text.isupper():
        return text
    try:
        code = parse_code(text, CODE_CHARACTERS, "code_not_32_characters")
    except CellError as error:
        rule = "code_damaged" if error.rule == "identifier_damaged" else error.rule
        raise CellError(rule, error.expected) from None
    return code.upper() if code else None


def _word(table: Mapping[str, tuple[str, ...]], rule: str) -> Callable[[str], str | None]:
    meanings = {word: meaning for meaning, words in table.items() for word in words}
    expected = "one of " + ", ".join(words[0] for words in table.values())

    def read(text: str) -> str | None:
        word = squeeze(text)
        if word.lower() in meanings or word in meanings:
            return meanings.get(word) or meanings[word.lower()]
        if is_null(text):
            return None
        raise CellError(rule, expected)

    return read


def _required_word(table: Mapping[str, tuple[str, ...]], rule: str) -> Callable[[str], str]:
    read = _word(table, rule)

    def read_required(text: str) -> str:
        word = read(text)
        if word is None:
            raise CellError("value_missing", "one of " + ", ".join(words[0] for words in table.values()))
        return word

    return read_required


_read_known_source = _word(_SOURCES, "source_unknown")
_read_tradability = _required_word(_TRADABILITY, "tradability_unknown")


def read_source(text: str) -> str:
    """A source that the table does not know is still a source; it decides nothing here."""
    try:
        return _read_known_source(text) or "other"
    except CellError:
        clean(text)  # an error value of the spreadsheet is no source
        return "other"


def _tradable(text: str) -> bool:
    return _read_tradability(text) == "yes"


def has_digit(text: str) -> bool:
    """Whether any digit stands in the text."""
    return any(character.isdigit() for character in text)
