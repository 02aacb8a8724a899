"""Trade statements for tests: true rows, and the many ways in which an export writes them."""

import csv
import datetime
import io
import random

HEADERS = {
    "order": ("订单编号", "交易编号", "成交单号", "订单号"),
    "mode": ("交易方式", "成交方式", "交易模式"),
    "buyer_name": ("买方名称", "购方企业名称", "购买方", "受让方名称"),
    "buyer_usci": ("买方统一社会信用代码", "购方统一社会信用代码", "受让方信用代码"),
    "seller_name": ("卖方名称", "售方企业名称", "出让方名称", "发电企业"),
    "project_name": ("项目名称", "发电项目名称", "电站名称"),
    "project_code": ("项目建档立卡编码", "建档立卡编号", "项目编码"),
    "energy_source": ("能源类型", "电源类型", "能源品种"),
    "province": ("项目所在省份", "所在省份", "省份"),
    "production_month": ("电量生产年月", "电量所属月份", "生产年月", "电量月份"),
    "tradability": ("绿证类型", "证书类别", "是否可交易"),
    "quantity": ("绿证数量（个）", "成交数量(张)", "数量/个", "交易张数"),
    "price": ("单价（元/个）", "成交单价(元/张)", "价格"),
    "amount": ("成交金额（元）", "交易金额(元)", "总金额"),
    "traded_on": ("交易日期", "成交时间", "成交日期"),
    "transferred_on": ("划转日期", "过户时间"),
    "status": ("交易状态", "订单状态", "状态"),
    "code_first": ("绿证编号起", "绿证编号（起）", "起始编号"),
    "code_last": ("绿证编号止", "绿证编号（止）", "终止编号"),
    "remark": ("备注", "说明"),
}
CANONICAL = {field: names[0] for field, names in HEADERS.items()}
PROJECT = "1A9Z2023632899007"
Row = dict[str, str]


def row(number: int = 1, **cells: str) -> Row:
    """Give a sound trade of 100 certificates at 5.20 yuan, with the named cells changed."""
    sound = {
        "order": f"T{number:08}", "mode": "挂牌交易", "buyer_name": "青海黄河鑫业有限公司",
        "buyer_usci": "91630000TEST00001X", "seller_name": "样例光伏有限公司", "project_name": "样例光伏",
        "project_code": PROJECT, "energy_source": "太阳能发电", "province": "青海",
        "production_month": "2024-03", "tradability": "可交易", "quantity": "100", "price": "5.20",
        "amount": "520.00", "traded_on": "2024-07-05", "transferred_on": "2024-07-08", "status": "已划转",
        "code_first": "", "code_last": "", "remark": "",
    }  # fmt: skip
    return sound | cells


def statement(rows: list[Row], *, headers: dict[str, str] = CANONICAL, after: list[list[str]] | None = None) -> bytes:
    """Write a GB18030 statement for July 2024; data begin in line 5."""
    lines = [
        ["绿证交易明细"],
        ["查询条件：交易日期 2024年7月1日至2024年7月31日"],
        ["单位：个、元"],
        list(headers.values()),
    ]
    lines += [[one[field] for field in headers] for one in rows]
    return written(lines + (after or []), "gb18030")


def written(lines: list[list[str]], encoding: str) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(lines)
    return out.getvalue().encode(encoding)


def total(count: str, amount: str, label: str = "合计", headers: dict[str, str] = CANONICAL) -> list[str]:
    """Write a total line whose label stands in the first column."""
    cells = {"quantity": count, "amount": amount}
    line = [cells.get(field, "") for field in headers]
    line[0] = label
    return line


def shuffled(rows: list[Row], dice: random.Random) -> bytes:
    """Write the rows under other names, in another column order, in another form and encoding."""
    fields = list(HEADERS)
    dice.shuffle(fields)
    fields = fields if dice.random() < 0.5 else ["", *fields]  # with or without a running number
    header = [dice.choice(HEADERS[field]) if field else "序号" for field in fields]
    lines = [["绿证交易明细"], ["交易日期：2024-07-01 至 2024-07-31"], [], header]
    for number, one in enumerate(rows, start=1):
        lines.append([_reformed(field, one[field], dice) if field else str(number) for field in fields])
    return written(lines, dice.choice(("utf-8", "utf-8-sig", "gb18030", "utf-16")))


def _reformed(field: str, text: str, dice: random.Random) -> str:
    if field in ("traded_on", "transferred_on") and text:
        day = datetime.date.fromisoformat(text)
        return dice.choice(
            (text, f"{day.year}年{day.month}月{day.day}日", f"{day:%Y%m%d}", f"{day.month}月{day.day}日")
        )
    if field == "production_month":
        return dice.choice((text, text.replace("-", ""), f"{text[:4]}年{int(text[5:])}月"))
    if field == "quantity":
        return dice.choice((text, f"{int(text):,}", f"{text}个"))
    if field in ("buyer_usci", "order", "project_code"):
        return dice.choice((text, f"'{text}", f'="{text}"', f"{text}\t"))
    return text + dice.choice(("", "　", " "))
