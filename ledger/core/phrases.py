"""What refusals say in a figure, where it is a phrase and no number or name: in Chinese. Pure.

Records and English texts keep the English phrase; braces stand for what differs from case to case.
"""

import functools
import re

PHRASED = frozenset({"action", "problem", "what"})
"""The figures that are phrases."""
PHRASES = {
    # what a role may not do
    "act on ledger {}": "操作账本 {}",
    "approve or reject proposals": "批准或驳回提案",
    "change parties": "变更主体",
    "claim for another's consumption": "为其他企业的用电核销",
    "close periods": "关账",
    "create credentials": "创建密钥",
    "declare signing keys": "声明签名密钥",
    "import statements": "导入结算单",
    "open ledgers": "建立账本",
    "open periods again": "重新开账",
    "post transactions": "记账",
    "read the whole park's records": "查阅全园区记录",
    "record readings": "报送读数",
    "register meters": "登记计量器具",
    "register or change parties": "登记或变更主体",
    "register parties": "登记主体",
    "revoke credentials": "撤销密钥",
    "set policy": "设定规则",
    "set rules": "设定规则",
    "submit inventories": "报送清单",
    "confirm its own readings": "自行确认其读数",
    "verify inventories": "核查清单",
    # what there is none of
    "a tree of {}": "大小为 {} 的树",
    "a tree of {} in one of {}": "大小为 {} 的树（在大小为 {} 的树中）",
    "account {}": "账户 {}",
    "certificate of lot {}": "批次 {} 的绿证",
    "certificate {}": "绿证 {}",
    "changes from {} to {}": "从 {} 到 {} 的变更",
    "enterprise {}": "企业 {}",
    "file {}": "文件 {}",
    "import {}": "导入 {}",
    "inventory of {}": "企业 {} 的清单",
    "offer {}": "要约 {}",
    "part {}": "构成项 {}",
    "party {}": "主体 {}",
    "proposal {}": "提案 {}",
    "record {}": "记录 {}",
    "record {} in a tree of {}": "记录 {}（在大小为 {} 的树中）",
    "records of tile {}, {} of them": "瓦片 {} 的 {} 条记录",
    "retirement {}": "核销 {}",
    "the records from {} to {}": "从 {} 到 {} 的记录",
    "tile {} of width {}": "宽度为 {1} 的瓦片 {0}",
    "tile {}/{} of width {}": "宽度为 {2} 的瓦片 {0}/{1}",
    "transaction {}": "交易 {}",
    # what does not fit
    "A meter of electricity names its route of supply; no other does.":
        "电能计量器具须注明供电方式，其他计量器具不注明。",
    "A meter stands under one of its enterprise that measures the same.": "上级计量器具须属同一企业且计量对象相同。",
    "A party's id is 1 to 64 letters, digits or . _ - in ASCII.": "主体编号为 1 至 64 个 ASCII 字母、数字或 . _ -",
    "A product is sold to another enterprise.": "产品只能售予其他企业。",
    "An enterprise key names its enterprise; no other key does.": "企业密钥须注明企业，其他密钥不注明",
    "Meter, site and stage are 1 to 64 letters, digits or . _ - in ASCII.":
        "计量器具、场所和工序的编号为 1 至 64 个 ASCII 字母、数字或 . _ -。",
    "Something is made, of other lots, and no lot is named twice.": "须有产出且由其他批次制成，同一批次不得重复。",
    "The most a meter can show in an hour is above zero, and not absurd.": "每小时最大读数须大于零且合理。",
    "{} is part of the chart of accounts and no party.": "{} 是会计科目的组成部分，不能作为主体",
    "a category of Scope 3 is 1 to 15, of a material that meters name.":
        "范围三类别为 1 至 15，且对象须为可计量对象。",
    "a code layout makes up 32 characters, six of them the month, at most 15 the number.":
        "编码规则共 32 位，其中月份 6 位，序号至多 15 位。",
    "a declared figure is as of a day, written YYYY-MM-DD.": "申报数字的截止日写作 YYYY-MM-DD。",
    "a factor is of a material that meters name, and of a year, written YYYY.":
        "因子须对应可计量对象和年度（YYYY）。",
    "a factor of {} is for each {}.": "{} 的因子以 {} 为单位。",
    "a factor's value is a decimal of zero or more.": "因子数值为不小于零的小数。",
    "a move names kinds of accounts and a commodity of the chart.": "准许的变动须注明科目表中的科目类别和品种。",
    "a period is a month, written YYYY-MM.": "会计期间为月份，写作 YYYY-MM。",
    "a period is closed by its own command.": "关账须使用专用命令。",
    "a process method has a name, and is of materials that meters name.":
        "过程排放方法须有名称，且对象须为可计量对象。",
    "a role is one of {}.": "角色须为以下之一：{}。",
    "a rule is in force from a day to the same or a later one.": "规则的终止日不得早于生效日。",
    "a share is a decimal of 0 to 100, in percent.": "比例为 0 至 100 的小数（百分数）。",
    "a target is for a year, written YYYY.": "目标须注明年度，写作 YYYY。",
    "certificates last a number of months, or until a day.": "有效期为若干个月，或截至某日。",
    "production months are written YYYY-MM.": "生产月份写作 YYYY-MM。",
    "years of consumption are written YYYY.": "用电年度写作 YYYY。",
    "provinces are two capital letters each, with blanks between them.": "省份以两个大写字母表示，以空格分隔。",
}  # fmt: skip
"""English -> Chinese."""


def in_chinese(figure: str) -> str:
    """The phrase in Chinese; as it is where it is none of ours, such as what a framework says."""
    for written, chinese in _patterns():
        if match := written.fullmatch(figure):
            return chinese.format(*match.groups())
    return figure


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """The longest first: `record 5 in a tree of 9` is no record."""
    ordered = sorted(PHRASES.items(), key=lambda one: -len(one[0]))
    return [(re.compile("(.+)".join(map(re.escape, english.split("{}")))), chinese) for english, chinese in ordered]
