"""The sample park: its enterprises and one month of statement files, made by rule.

A function of `today` and nothing else: the same day gives the same bytes. All companies' trades, plants
and codes are invented. The files carry the traps of real exports on purpose (aliases, mixed dates, full-width
digits, repeats, withdrawn rows), so the demo shows the reader at work. 31,200 certificates are traded and
3,330,000 subscribed (333万).
"""

import datetime
import io
import random
import re
import zipfile
from decimal import Decimal
from typing import NamedTuple

from openpyxl import Workbook

from ledger.imports.cells import month_end

SEED = 20240705
TRADED = 31_200
SUBSCRIBED = 3_330_000
TRADES = 52
SECTORS = ("锌冶炼", "铝精深加工", "新型建材", "铬盐", "氟化工", "铝合金", "甲醇制烯烃")
PRINTED_STEP = 100  # two decimals of 万张


class Enterprise(NamedTuple):
    """A key energy user of the park."""

    id: str
    name: str
    aliases: tuple[str, ...]
    sector: str
    usci: str
    grid_user: str


class Plant(NamedTuple):
    """A generator with its filing code (17 characters) and the last two digits of its certificates."""

    seller: str
    project: str
    code: str
    source: str
    province: str
    classes: str


class Trade(NamedTuple):
    """One invented trade; `transferred_on` is None while it is in transit."""

    order: str
    mode: str
    buyer: Enterprise
    plant: Plant
    month: str
    quantity: int
    price_fen: int
    traded_on: datetime.date
    transferred_on: datetime.date | None
    codes: tuple[str, str] | None


_NAMED = (
    ("青海黄河鑫业有限公司", "黄河鑫业", "电解铝", 1_186_000),
    ("青海百河铝业有限责任公司", "百河铝业", "电解铝", 964_000),
    ("亚洲硅业（青海）股份有限公司", "亚洲硅业", "多晶硅", 528_000),
    ("青海盐湖海纳化工有限公司", "盐湖海纳", "PVC、水泥", 245_000),
    ("中复神鹰碳纤维西宁有限公司", "中复神鹰", "碳纤维", 142_000),
    ("青海弗迪电池有限公司", "弗迪", "电池", 90_000),
)
_PLANTS = (
    Plant("柴达木样例光伏有限公司", "格尔木样例光伏三期", "1A2D2022632801041", "太阳能发电", "青海", "11"),
    Plant("湟源样例风电有限公司", "日月山样例风电", "1B1D2023630123018", "风力发电", "青海", "21"),
    Plant("贵南样例新能源有限公司", "贵南样例光伏一期", "1A2D2024632525063", "太阳能发电", "青海", "11"),
    Plant("河西样例风电有限公司", "瓜州样例风电四期", "1B1D2022620922087", "风力发电", "甘肃", "21"),
    Plant("盐池样例新能源有限公司", "盐池样例光伏", "1A2D2023640323029", "太阳能发电", "宁夏", "11"),
)
_TRADE_HEADER = (
    "序号,订单编号,交易方式,买方名称,买方统一社会信用代码,卖方名称,项目名称,项目建档立卡编码,能源类型,"
    "项目所在省份,电量生产年月,绿证类型,绿证数量（个）,单价（元/个）,成交金额（元）,交易日期,划转日期,交易状态,"
    "绿证编号起,绿证编号止,备注"
)
_NULLS = ("-", "—", "", "/")


def sample_files(today: datetime.date) -> dict[str, bytes]:
    """Give the park's register and its statements for the month before `today`, by file name."""
    last = today.replace(day=1) - datetime.timedelta(days=1)
    month = last.replace(day=1)
    enterprises = sample_enterprises()
    trades = sample_trades(month)
    label = f"{month:%Y-%m}"
    return {
        "enterprises.csv": _register_csv(enterprises),
        f"gec-platform-trades-{label}.csv": _trades_csv(month, trades),
        f"park-summary-{label}.xlsx": _summary_xlsx(month, enterprises, trades),
    }


def sample_enterprises() -> list[Enterprise]:
    """Name the six enterprises of the article and 28 placeholders."""
    enterprises = []
    for number in range(1, 35):
        if number <= len(_NAMED):
            name, alias, sector, _ = _NAMED[number - 1]
        else:
            sector = SECTORS[number % len(SECTORS)]
            name, alias = f"甘河示例{sector}{number:02}有限公司", f"示例{sector}{number:02}"
        enterprises.append(
            Enterprise(
                id=f"GH-{number:03}",
                name=name,
                aliases=(alias,),
                sector=sector,
                usci=f"91630000DEMO{number:05}X",
                grid_user=f"6301888{number:04}",
            )
        )
    return enterprises


def sample_trades(month: datetime.date) -> list[Trade]:
    """Invent the month's trades: 31,200 certificates, none of a month over a year old, no code twice."""
    dice = random.Random(SEED)
    enterprises = sample_enterprises()
    buyers = [*enterprises[:4] * 4, enterprises[5], *enterprises[6:24:2]]
    sequences: dict[tuple[str, str], int] = {}
    trades = []
    for number, quantity in enumerate(_shares(dice, TRADED, TRADES), start=1):
        plant = dice.choice(_PLANTS)
        age = dice.randint(2, 10)
        produced = f"{_months_before(month, age):%Y%m}"
        first = sequences.get((plant.code, produced), 100) + 1
        sequences[plant.code, produced] = first + quantity - 1
        traded_on = month + datetime.timedelta(days=dice.randint(0, 23))
        in_transit = number % 7 == 3
        trades.append(
            Trade(
                order=f"DEMO{traded_on:%Y%m%d}{number:06}",
                mode=dice.choice(("挂牌交易", "双边协商", "集中竞价")),
                buyer=buyers[number % len(buyers)],
                plant=plant,
                month=produced,
                quantity=quantity,
                price_fen=dice.choice((455, 468, 480, 515, 530, 551)),
                traded_on=traded_on,
                transferred_on=None if in_transit else traded_on + datetime.timedelta(days=dice.randint(1, 4)),
                codes=_codes(plant, produced, first, quantity) if number % 4 else None,
            )
        )
    return trades


def _codes(plant: Plant, produced: str, first: int, quantity: int) -> tuple[str, str]:
    """Write the two ends of a range: project 17 + month 6 + sequence 7 + energy class 1 + trade class 1."""
    last = first + quantity - 1
    low, high = (f"{plant.code}{produced}{number:07}{plant.classes}" for number in (first, last))
    return low, high


def _shares(dice: random.Random, total: int, parts: int) -> list[int]:
    """Split a total into positive whole shares that add up to it exactly."""
    cuts = sorted(dice.sample(range(1, total), parts - 1))
    return [end - start for start, end in zip([0, *cuts], [*cuts, total], strict=True)]


def _months_before(month: datetime.date, count: int) -> datetime.date:
    index = month.year * 12 + month.month - 1 - count
    return datetime.date(index // 12, index % 12 + 1, 1)


def _register_csv(enterprises: list[Enterprise]) -> bytes:
    lines = ["id,name,aliases,sector,usci,grid_user"]
    lines += [
        f"{one.id},{one.name},{';'.join(one.aliases)},{one.sector},{one.usci},{one.grid_user}" for one in enterprises
    ]
    return ("\n".join(lines) + "\n").encode()


def _trades_csv(month: datetime.date, trades: list[Trade]) -> bytes:
    dice = random.Random(SEED + 1)
    last = month_end(month)
    lines = [
        "绿证交易明细",
        f"查询条件：交易日期 {_chinese(month)}至{_chinese(last)}",
        "单位：个、元",
        _TRADE_HEADER,
    ]
    repeats = [trades[3], trades[11], trades[29]]
    withdrawn = trades[0]._replace(order=f"DEMO{month:%Y%m}09900001", quantity=640, transferred_on=None, codes=None)
    rows = [(trade, "", "") for trade in trades] + [(trade, "", "重复导出") for trade in repeats]
    rows.append((withdrawn, "已撤单", ""))
    for number, (trade, status, remark) in enumerate(rows, start=1):
        lines.append(",".join(_trade_cells(dice, number, trade, status, remark)))
    amount = sum(trade.quantity * trade.price_fen for trade in trades)
    lines.append(f'合计,,,,,,,,,,,,"{TRADED:,}",,"{_yuan(amount, thousands=True)}",,,,,,')
    lines.append("制表人：,,审核：,,盖章")
    return ("\r\n".join(lines) + "\r\n").encode("gb18030")


def _trade_cells(dice: random.Random, number: int, trade: Trade, status: str, remark: str) -> list[str]:
    """Write a trade as platforms do: right in substance, uneven in form."""
    buyer = dice.choice((trade.buyer.name, trade.buyer.name, *trade.buyer.aliases)) + dice.choice(("", "", "　"))
    arrived = trade.transferred_on
    codes = trade.codes or ("", "")
    return [
        str(number), trade.order, trade.mode, buyer, f"'{trade.buyer.usci}", trade.plant.seller,
        trade.plant.project, trade.plant.code, trade.plant.source, trade.plant.province,
        _any_month(dice, trade.month), "可交易", _any_count(dice, trade.quantity), _yuan(trade.price_fen),
        _quoted(_yuan(trade.quantity * trade.price_fen, thousands=dice.random() < 0.5)),
        _any_day(dice, trade.traded_on), _any_day(dice, arrived) if arrived else dice.choice(_NULLS),
        status or ("已划转" if arrived else "已成交待划转"), *codes, remark,
    ]  # fmt: skip


def _any_count(dice: random.Random, count: int) -> str:
    full_width = str(count).translate({48 + digit: 0xFF10 + digit for digit in range(10)})
    return dice.choice((str(count), str(count), full_width, _quoted(f"{count:,}"), f"{count:,}".replace(",", "，")))


def _any_day(dice: random.Random, day: datetime.date) -> str:
    plain = f"{day.year}{{0}}{day.month}{{0}}{day.day}"
    return dice.choice((day.isoformat(), plain.format("/"), plain.format("."), _chinese(day), f"{day:%Y%m%d}"))


def _any_month(dice: random.Random, month: str) -> str:
    year, number = month[:4], month[4:]
    return dice.choice((month, f"{year}-{number}", f"{year}年{int(number)}月"))


def _chinese(day: datetime.date) -> str:
    return f"{day.year}年{day.month}月{day.day}日"


def _yuan(fen: int, *, thousands: bool = False) -> str:
    whole = f"{fen // 100:,}" if thousands else str(fen // 100)
    return f"{whole}.{fen % 100:02}"


def _quoted(text: str) -> str:
    return f'"{text}"' if "," in text else text


def _summary_xlsx(month: datetime.date, enterprises: list[Enterprise], trades: list[Trade]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.title = "汇总"
    sheet.append(["甘河工业园区重点用能企业绿证认购、交易情况汇总表"])
    sheet.append([f"填报单位：园区管委会   截至：{month.year}年{month.month}月   单位：万张"])
    sheet.append(
        [
            "序号",
            "企业名称",
            "所属行业",
            "年用电量（亿千瓦时）",
            "认购",
            None,
            None,
            "交易",
            None,
            None,
            "核销（万张）",
            "完成率（%）",
            "备注",
        ]
    )
    sheet.append([None] * 4 + ["数量（万张）", "日期", "依据", "数量（万张）", "平台", "均价（元/张）"])
    for area in ("A1:M1", "E3:G3", "H3:J3", "A3:A4", "B3:B4", "C3:C4", "D3:D4", "K3:K4", "L3:L4", "M3:M4"):
        sheet.merge_cells(area)
    for row in _summary_rows(month, enterprises, trades):
        sheet.append(row)
    sheet.append(["合计", "34家", None, None, "333", None, None, "3.12", None, None, 0, 0.94])
    sheet.append(["填报人：", None, "审核：", None, None, None, None, None, "盖章："])
    packed = io.BytesIO()
    book.save(packed)
    return _timeless(packed.getvalue())


def _summary_rows(
    month: datetime.date, enterprises: list[Enterprise], trades: list[Trade]
) -> list[list[str | int | Decimal | None]]:
    dice = random.Random(SEED + 2)
    named = [count for *_, count in _NAMED]
    rest = _shares(dice, (SUBSCRIBED - sum(named)) // PRINTED_STEP, 26)
    subscribed = named + [share * PRINTED_STEP for share in rest]
    early = _months_before(month, 5)
    dates = (f"{early.year}.{early.month}", f"{early.year}年{early.month}月", f"{early.month}月", "/", None)
    rows: list[list[str | int | Decimal | None]] = []
    for number, enterprise in enumerate(enterprises[:31]):
        bought = sum(trade.quantity for trade in trades if trade.buyer.id == enterprise.id)
        rows.append([
            number + 1, dice.choice((enterprise.name, *enterprise.aliases)), enterprise.sector,
            dice.choice((_ten_thousands(dice.randint(10_000, 340_000)), "—")),
            _ten_thousands(subscribed[number]), dice.choice(dates), dice.choice(("承诺书", "会议纪要")),
            _ten_thousands(_rounded(bought)) if bought else dice.choice(("/", "—", None)),
            "绿证平台" if bought else None, None, dice.choice((0, "—")), None,
            "待签" if number == 5 else None,
        ])  # fmt: skip
    rows.append(
        [
            "32-34",
            "其余3家",
            None,
            None,
            _ten_thousands(subscribed[31]),
            None,
            None,
            0,
            None,
            None,
            0,
            None,
            "明细另附",
        ]
    )
    return rows


def _rounded(count: int) -> int:
    """Round half up to the printed step of 100 certificates."""
    return (count + PRINTED_STEP // 2) // PRINTED_STEP * PRINTED_STEP


def _ten_thousands(count: int) -> Decimal:
    """Give a count in 万张, as the park writes it."""
    return Decimal(count) / 10_000


def _timeless(packed: bytes) -> bytes:
    """Pack a workbook again without the hour it was made, so the same day gives the same bytes."""
    plain = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(packed)) as old, zipfile.ZipFile(plain, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            part = old.read(name)
            if name == "docProps/core.xml":
                part = re.sub(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", b"2024-01-01T00:00:00Z", part)
            new.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), part)
    return plain.getvalue()
