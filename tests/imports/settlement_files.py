"""Green-power settlements for tests: true rows under a merged header, as the exchange writes them."""

import io
from decimal import Decimal

import openpyxl

GROUPS = (
    ("", ("序号",)), ("购方", ("企业名称", "用户编号")), ("售方", ("发电企业", "项目名称", "电源类型", "所在省份")),
    ("合同", ("合同编号", "交易序列名称", "交易方式", "合同电量（兆瓦时）")),
    ("结算", ("上网电量（兆瓦时）", "用电量（兆瓦时）", "绿电结算电量（兆瓦时）", "电能量价格（元/兆瓦时）",
             "环境价值（元/兆瓦时）", "电能量电费（元）", "环境价值费用（元）")),
    ("绿证", ("应划转（个）", "已划转（个）", "尾差结转（兆瓦时）", "划转日期")), ("", ("备注",)),
)  # fmt: skip
CONTRACT = "LD-2024-0501"
Row = dict[str, str]


def settlement_row(energy: str = "100.600", **cells: str) -> Row:
    """A sound row of this energy in MWh at 5 yuan of environmental value, with the named cells changed."""
    mwh = Decimal(energy.replace(",", ""))
    whole = int(mwh // 1)
    sound = {
        "企业名称": "青海黄河鑫业有限公司", "用户编号": "63010000001", "发电企业": "样例光伏有限公司",
        "项目名称": "样例光伏", "电源类型": "光伏", "所在省份": "青海", "合同编号": CONTRACT,
        "交易序列名称": "2024年5月青海省内绿电双边", "交易方式": "双边协商", "绿电结算电量（兆瓦时）": energy,
        "环境价值（元/兆瓦时）": "5.00", "环境价值费用（元）": f"{mwh * 5:.2f}", "应划转（个）": str(whole),
        "已划转（个）": str(whole), "划转日期": "2024年6月25日",
    }  # fmt: skip
    return sound | cells


def settlement(rows: list[Row], *, month: str = "2024年5月", total: Row | None = None) -> bytes:
    """The workbook of these rows; data begin in line 5."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "绿电结算及绿证划转"
    sheet.append(["北京电力交易中心 绿色电力交易结算及绿证划转明细"])
    sheet.append([f"结算月份：{month}"])
    names = [name for _, columns in GROUPS for name in columns]
    sheet.append([group or columns[0] for group, columns in GROUPS for _ in columns])
    sheet.append(names)
    for number, one in enumerate(rows, start=1):
        sheet.append([str(number), *(one.get(name, "") for name in names[1:])])
    if total is not None:
        sheet.append(["合计", *(total.get(name, "") for name in names[1:])])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()
