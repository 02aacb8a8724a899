"""The columns that statements may have: canonical fields, the names they go by, and the layouts.

Data only. A new synonym or layout is a row here; how a header is matched is in `layouts`. Names are
normalised: folded, lower case, without blanks, marks, and units in brackets.
"""

from itertools import product

import msgspec


class Field(msgspec.Struct, frozen=True):
    """A canonical field and the normalised header names that mean it, the most exact first."""

    name: str
    synonyms: tuple[str, ...]
    required: bool = False
    measures: tuple[str, ...] = ()


class Layout(msgspec.Struct, frozen=True):
    """A kind of statement and the fields its header may name."""

    name: str
    title: str
    key: str
    """As reports, and an operator's own file of header names, call it."""
    fields: tuple[Field, ...]

    @property
    def required(self) -> frozenset[str]:
        """The fields without which a sheet is not of this layout."""
        return frozenset(field.name for field in self.fields if field.required)


def _any(*parts: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys("".join(pieces).lower() for pieces in product(*parts)))


_PARTY = ("名称", "企业名称", "单位名称", "公司名称", "主体名称", "全称", "企业", "单位", "公司", "主体", "")
_BUYER = ("买方", "购方", "购买方", "购证方", "受让方", "买受方", "买家", "需方", "采购方", "用户", "买入方")
_SELLER = (
    "卖方",
    "售方",
    "出售方",
    "售证方",
    "出让方",
    "转让方",
    "卖家",
    "供方",
    "发电方",
    "销售方",
    "卖出方",
    "发电",
)
_USCI = ("统一社会信用代码", "社会信用代码", "统一信用代码", "信用代码", "纳税人识别号", "税号", "usci")
_CODE_NOUN = (
    "绿证编号",
    "绿证编码",
    "绿证号码",
    "绿证号段",
    "绿证代码",
    "证书编号",
    "证书编码",
    "证书号码",
    "编号",
    "编码",
    "号段",
)
_FIRST = ("起", "起始", "开始", "始", "自", "首号", "起号", "从")
_LAST = ("止", "终止", "截止", "截至", "结束", "终", "末", "至", "末号", "止号", "到")
_COUNT = ("数量", "张数", "个数", "数", "量")

_SEQUENCE = Field("sequence", ("序号", "行号", "序", "编号", "no", "#", "项次"))
_REMARK = Field("remark", ("备注", "说明", "附注", "摘要", "备考", "remark"))

TRADES = Layout(
    name="A",
    title="GEC platform trades",
    key="platform_trades",
    fields=(
        _SEQUENCE,
        Field(
            "order",
            _any(
                (
                    "订单",
                    "交易订单",
                    "成交订单",
                    "交易",
                    "成交",
                    "成交单",
                    "委托",
                    "交易流水",
                    "流水",
                    "交易单",
                    "单据",
                ),
                ("编号", "号", "号码", "单号", "流水号", "id", "编码"),
            )
            + ("order", "orderid", "orderno"),
            required=True,
        ),
        Field("mode", _any(("交易", "成交"), ("方式", "模式", "类型", "形式")) + ("方式",)),
        Field("buyer_name", _any(_BUYER, _PARTY), required=True),
        Field("buyer_usci", _any(_BUYER, ("", "企业", "单位"), _USCI) + _USCI),
        Field("seller_name", _any(_SELLER, _PARTY)),
        Field("seller_usci", _any(_SELLER, ("", "企业", "单位"), _USCI)),
        Field(
            "project_name",
            _any(("项目", "发电项目", "电站", "场站", "电厂", "发电厂", "电源项目"), ("名称", "全称", "")),
        ),
        Field(
            "project_code",
            _any(
                ("项目", "发电项目", ""),
                ("建档立卡", "建档"),
                ("编码", "号", "代码", "编号", "项目编码", "项目代码"),
            )
            + _any(("项目", "发电项目", "电站", "场站"), ("编码", "代码", "编号")),
            required=True,
        ),
        Field("energy_source", _any(("能源", "电源", "发电", "项目"), ("类型", "品种", "种类", "类别", "形式"))),
        Field(
            "province",
            _any(("项目", "电站", ""), ("所在", "所属", ""), ("省份", "省", "省区", "地区", "省市"))
            + ("项目所在地", "所在地"),
        ),
        Field(
            "production_month",
            _any(
                ("电量", "发电", "绿证电量", "绿证对应电量", "上网电量", "绿证", "证书"),
                ("生产", "产生", "所属", ""),
                ("年月", "月份", "月"),
            )
            + _any(("电量", "发电", "绿证电量"), ("生产", "产生", "所属"), ("时间", "日期"))
            + _any(("生产",), ("年月", "月份", "月")),
            required=True,
        ),
        Field(
            "tradability",
            _any(("绿证", "证书", "gec"), ("类型", "类别", "种类", "属性")) + ("是否可交易", "可交易性", "可交易"),
        ),
        Field(
            "quantity",
            _any(
                (
                    "绿证",
                    "成交",
                    "交易",
                    "证书",
                    "成交绿证",
                    "交易绿证",
                    "绿证成交",
                    "绿证交易",
                    "买入",
                    "购买",
                ),
                _COUNT,
            )
            + ("数量", "张数", "个数")
            + _any(("成交", "交易", "对应", "绿证", "绿证对应"), ("电量",)),
            required=True,
            measures=("certificate", "energy"),
        ),
        Field(
            "price",
            _any(("", "成交", "交易", "绿证", "绿证成交", "绿证交易", "证书"), ("单价", "价格", "价", "均价")),
            measures=("price",),
        ),
        Field(
            "amount",
            _any(
                ("成交", "交易", "绿证", "绿证成交", "绿证交易"),
                ("金额", "总金额", "总额", "总价", "额", "价款", "费用"),
            )
            + ("金额", "总金额", "总额", "总价", "价款", "合计金额", "价税合计"),
            required=True,
            measures=("money",),
        ),
        Field("traded_on", _any(("交易", "成交", "订单", "签约", "达成"), ("日期", "时间", "日")), required=True),
        Field(
            "transferred_on",
            _any(("划转", "绿证划转", "过户", "交割", "转让", "到账", "划转完成"), ("日期", "时间", "日")),
        ),
        Field("status", _any(("交易", "订单", "成交", "划转", "绿证", ""), ("状态",)), required=True),
        Field("code_first", _any(_CODE_NOUN, _FIRST) + _any(_FIRST, _CODE_NOUN)),
        Field("code_last", _any(_CODE_NOUN, _LAST) + _any(_LAST, _CODE_NOUN)),
        _REMARK,
    ),
)

_SETTLED = ("", "绿电", "绿色电力", "结算")
_ENVIRONMENT = ("环境价值", "绿色环境价值", "环境权益", "环境溢价", "绿证")

SETTLEMENTS = Layout(
    name="B",
    title="green-power settlement",
    key="green_power_settlement",
    fields=(
        _SEQUENCE,
        Field("buyer_name", _any(_BUYER, _PARTY) + ("企业名称",), required=True),
        Field("grid_user", _any((*_BUYER, ""), ("用户编号", "户号", "用电户号", "用户号"))),
        Field("seller_name", _any(_SELLER, _PARTY) + _any((*_SELLER, ""), ("发电企业", "发电企业名称", "电厂名称"))),
        Field("project_name", _any((*_SELLER, ""), ("项目", "发电项目", "电站", "场站"), ("名称", "全称", ""))),
        Field(
            "project_code",
            _any((*_SELLER, ""), ("项目", "发电项目", ""), ("建档立卡", "建档"), ("编码", "号", "代码", "编号"))
            + _any(("项目", "发电项目"), ("编码", "代码", "编号")),
        ),
        Field(
            "energy_source",
            _any((*_SELLER, ""), ("能源", "电源", "发电", "项目"), ("类型", "品种", "种类", "类别")),
        ),
        Field("province", _any((*_SELLER, ""), ("项目", ""), ("所在", "所属"), ("省份", "省", "省区", "地区"))),
        Field(
            "contract", _any(("", "合同"), ("合同", "合约", "绿电合同", "交易合同"), ("编号", "号", "编码", "号码")),
            required=True,
        ),
        Field("contracted_kwh", _any(("", "合同"), ("合同", "合约"), ("电量", "数量")), measures=("energy",)),
        Field("generated_kwh", _any(("", "结算"), ("上网", "发电", "实际上网"), ("电量",)), measures=("energy",)),
        Field("consumed_kwh", _any(("", "结算"), ("用电", "用户", "实际用电"), ("电量", "量")), measures=("energy",)),
        Field(
            "settled_kwh",
            _any(_SETTLED, ("绿电", "绿色电力", "实际", "绿电交易", ""), ("结算电量",)),
            required=True,
            measures=("energy",),
        ),
        Field(
            "energy_price",
            _any(("", "结算"), ("电能量", "电能", "电量"), ("价格", "单价", "电价", "价")),
            measures=("price",),
        ),
        Field("price", _any(("", "结算"), _ENVIRONMENT, ("", "价格", "单价", "价")), measures=("price",)),
        Field(
            "energy_amount",
            _any(("", "结算"), ("电能量", "电能", "电量"), ("电费", "费用", "金额")),
            measures=("money",),
        ),
        Field("amount", _any(("", "结算"), _ENVIRONMENT, ("费用", "电费", "金额")), measures=("money",)),
        Field(
            "due", _any(("", "绿证"), ("应划转", "应转", "应划"), ("", *_COUNT, "绿证", "绿证数量")),
            required=True, measures=("certificate",),
        ),
        Field(
            "transferred",
            _any(("", "绿证"), ("已划转", "实际划转", "实划转", "划转", "已转"), ("", *_COUNT, "绿证", "绿证数量")),
            measures=("certificate",),
        ),
        Field(
            "tail_kwh",
            _any(("", "绿证"), ("尾差结转", "尾差", "结转", "结转尾差", "未满一个"), ("", "电量")),
            measures=("energy",),
        ),
        Field("transferred_on", _any(("", "绿证"), ("划转", "过户", "划转完成"), ("日期", "时间", "日"))),
        _REMARK,
    ),
)  # fmt: skip

_SUBSCRIPTION = ("认购", "绿证认购", "承诺认购", "认购绿证", "承诺")
_TRADE = ("交易", "成交", "绿证交易", "购买", "实际交易", "已交易", "交易绿证")

SUMMARY = Layout(
    name="C",
    title="park summary",
    key="park_summary",
    fields=(
        _SEQUENCE,
        Field(
            "name",
            _any(
                ("企业", "单位", "公司", "用能企业", "用能单位", "重点用能企业", "重点用能单位", "用户"),
                ("名称", "全称", ""),
            )
            + ("名称",),
            required=True,
        ),
        Field(
            "subscribed",
            _any(_SUBSCRIPTION, (*_COUNT, "总量", "")),
            required=True,
            measures=("certificate", "energy"),
        ),
        Field("subscribed_on", _any(_SUBSCRIPTION, ("日期", "时间", "年月", "月份"))),
        Field("basis", _any((*_SUBSCRIPTION, ""), ("依据", "凭据", "文件", "来源"))),
        Field("traded", _any(_TRADE, (*_COUNT, "总量", "")), required=True, measures=("certificate", "energy")),
        Field("retired", _any(("核销", "绿证核销", "已核销"), (*_COUNT, "")), measures=("certificate", "energy")),
        _REMARK,
    ),
)

ENTERPRISES = Layout(
    name="register",
    title="register of enterprises",
    key="register",
    fields=(
        Field("id", ("id", "企业编号", "企业代码", "企业id", "编号", "代码"), required=True),
        Field("name", ("name", "企业名称", "名称", "单位名称", "企业全称", "全称"), required=True),
        Field("aliases", ("aliases", "alias", "别名", "简称", "企业简称", "曾用名"), required=True),
        Field("sector", ("sector", "行业", "所属行业", "industry")),
        Field("usci", _USCI),
        Field("grid_user", ("grid_user", "griduser", "用户编号", "户号", "电网户号", "用电户号", "电力户号")),
    ),
)

STATEMENTS = (TRADES, SETTLEMENTS, SUMMARY)
