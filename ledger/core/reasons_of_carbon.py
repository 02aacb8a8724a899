"""Reasons to say no of meters, readings, factors and inventories."""

from ledger.core.reason import Reason

REASONS = (
    Reason(
        "meter_exists", 409, "Meter exists", "Meter {meter} is registered already.",
        "计量器具已登记", "计量器具 {meter} 已登记。", frozen=True,
    ),
    Reason(
        "meter_unfit",
        422,
        "Meter cannot be",
        "This meter cannot be registered: {problem}",
        "计量器具无法登记",
        "该计量器具无法登记：{problem}",
    ),
    Reason(
        "product_unfit",
        422,
        "Product cannot be",
        "This is no making or sale of products: {problem}",
        "产品记录无效",
        "该产品记录无效：{problem}",
    ),
    Reason(
        "unknown_meter", 422, "Unknown meter", "There is no meter {meter}.", "计量器具不存在", "没有计量器具 {meter}。",
    ),
    Reason(
        "unknown_material", 422, "Unknown material", "{material} is not metered here; known: {known}.",
        "计量对象不存在", "不计量 {material}；可用：{known}。",
    ),
    Reason(
        "unit_unknown", 422, "Unknown unit", "{given} is no unit of what is metered; write one of {known}.",
        "单位无法识别", "{given} 不是计量单位；可用：{known}。",
    ),
    Reason(
        "unit_unfit",
        422,
        "Unit does not fit",
        "Meter {meter} measures {material} in units such as {expected}; {given} is one of something else.",
        "单位与计量对象不符",
        "计量器具 {meter} 计量 {material}，单位应为 {expected} 一类，{given} 不适用。",
    ),
    Reason(
        "reading_malformed", 422, "Malformed reading",
        "{given} {unit} is no number below 2^63 {smallest} that makes whole ones.",
        "读数无效", "{given} {unit} 不能折算为 2^63 以内的整数 {smallest}。",
    ),
    Reason(
        "reading_period", 422, "Days of no month",
        "{first_on} to {last_on} are not days of one month since 2000, the first before the last.",
        "读数期间无效", "{first_on} 至 {last_on} 不是 2000 年以来同一个月内先后有序的日期。",
    ),
    Reason(
        "reading_negative", 422, "Negative reading", "Meter {meter} cannot show {given}: a reading is zero or more.",
        "读数为负", "计量器具 {meter} 的读数 {given} 为负；读数不得小于零。",
    ),
    Reason(
        "reading_of_the_future",
        422,
        "Reading of the future",
        "Meter {meter} cannot have shown anything on {last_on}: today is {today}.",
        "读数日期在未来",
        "计量器具 {meter} 不可能有 {last_on} 的读数：今天是 {today}。",
    ),
    Reason(
        "reading_absurd",
        422,
        "Absurd reading",
        "Meter {meter} cannot show {given} in {days} days; no meter shows more than {limit}.",
        "读数过大",
        "计量器具 {meter} 在 {days} 天内的读数 {given} 过大；不得超过 {limit}。",
    ),
    Reason(
        "reading_hours", 422, "Hours do not fit",
        "{given} hours that sum to {sum} were given; {expected} hours that sum to {quantity} were expected.",
        "小时读数不符", "给出 {given} 个小时值，合计 {sum}；应为 {expected} 个，合计 {quantity}。",
    ),
    Reason(
        "reading_above_rating", 422, "Above the meter's rating",
        "Meter {meter} shows {rating} an hour at most; {quantity} in {days} days, or one of its hours, is more.",
        "超过计量器具额定值", "计量器具 {meter} 每小时最多 {rating}；{days} 天共 {quantity}，或其中某小时超过额定值。",
    ),
    Reason(
        "reading_overlaps", 409, "Reading overlaps",
        "Meter {meter} has a reading of {first_on} to {last_on} already, record {record}; correct that one.",
        "读数期间重叠", "计量器具 {meter} 已有 {first_on} 至 {last_on} 的读数（记录 {record}）；请更正该读数。",
        frozen=True,
    ),
    Reason(
        "reading_unit_suspect", 422, "Unit suspect",
        "Meter {meter} usually shows about {usual}; {given} is about {times} times off, as if in another unit. "
        "Confirm it if it is true.",
        "疑似单位错误", "计量器具 {meter} 通常约为 {usual}；{given} 相差约 {times} 倍，疑似单位不同。如属实请确认。",
        frozen=True,
    ),
    Reason(
        "reading_not_standing", 409, "Reading does not stand",
        "Record {record} is no reading of meter {meter} that still stands.",
        "读数已失效", "记录 {record} 不是计量器具 {meter} 现行有效的读数。", frozen=True,
    ),
    Reason(
        "factor_missing", 422, "Factor missing",
        "There is no factor {of} of {material} ({method}) for {region} published by {on}, nor a rule that lets another "
        "stand in.",
        "缺少因子", "{on} 前未发布 {region} 的 {material}（{method}）{of} 因子，也没有允许替代的规则。",
    ),
    Reason(
        "limestone_unassigned", 422, "Limestone of which process",
        "Site {site} makes clinker and lime. Meter {meter} of limestone stands at stage {stage}, which does not tell "
        "for which: it is to stand at the stage of one of them.",
        "石灰石用途不明",
        "场所 {site} 既产熟料又烧石灰；石灰石计量器具 {meter} 所在工序 {stage} 不能区分用途，应登记在其中一个工序。",
    ),
    Reason(
        "claim_above_consumption", 422, "Claim above consumption",
        "{claimed} are claimed by {enterprise} for {year} and {asked} more were asked for; "
        "its meters show {metered} MWh.",
        "核销超过用电量", "{enterprise} 在 {year} 年已核销 {claimed}，又请求 {asked}；计量用电量为 {metered} 兆瓦时。",
        frozen=True,
    ),
    Reason(
        "day_too_early", 422, "Day too early", "{given} lies before {first}; no report is of an earlier day.",
        "日期过早", "{given} 早于 {first}，没有更早的报告。",
    ),
    Reason(
        "inventory_day", 422, "Day does not fit the year",
        "An inventory of {year} is told on a day from {first} to today, {today}; given: {given}.",
        "报告日与年度不符",
        "{year} 年清单的报告日应在 {first} 至今日 {today} 之间，给出 {given}。",
    ),
    Reason(
        "inventory_not_reproduced", 409, "Inventory is not reproduced",
        "Made again, the inventory of record {record} is another than was submitted; it is told as JSON only.",
        "清单无法重现", "按记录重新编制的清单与记录 {record} 报送的不一致；仅以 JSON 提供。",
    ),
    Reason(
        "inventory_verified", 409, "Inventory is verified",
        "The inventory of {enterprise} for {year} is verified, record {record}: it is restated, not changed.",
        "清单已核查", "{enterprise} {year} 年清单已核查（记录 {record}）：只能重述，不能改动。", frozen=True,
    ),
    Reason(
        "inventory_not_verified", 409, "No such verified inventory",
        "Record {record} is not the verified inventory of that enterprise and year.",
        "并非已核查清单", "记录 {record} 不是该企业该年度的已核查清单。", frozen=True,
    ),
    Reason(
        "inventory_needed",
        422,
        "Verified inventory needed",
        "{enterprise} has no verified inventory for {year}: what it must surrender is not known.",
        "缺少已核查清单",
        "{enterprise} 没有 {year} 年已核查清单：应清缴数量未知。",
        frozen=True,
    ),
    Reason(
        "surrender_above_obligation",
        422,
        "Surrender above the obligation",
        "{enterprise} must surrender {obligation} for {year} by inventory {inventory}; {before} were surrendered "
        "and {asked} more were asked for.",
        "清缴超过应缴数量",
        "按清单 {inventory}，{enterprise} {year} 年应清缴 {obligation}；已清缴 {before}，又请求 {asked}。",
        frozen=True,
    ),
    Reason(
        "ccer_above_limit",
        422,
        "Too many CCER",
        "At most {percent} % of the verified emissions of {enterprise} in {year} (inventory {inventory}), {limit}, may "
        "be CCER; {before} were surrendered and {asked} more were asked for.",
        "CCER 超过抵销比例",
        "按清单 {inventory}，{enterprise} {year} 年 CCER 至多 {percent} %（{limit}）；已用 {before}，又请求 {asked}。",
        frozen=True,
    ),
    Reason(
        "product_lot_exists",
        409,
        "Product lot exists",
        "{enterprise} has a product lot {lot} already: a lot comes into being once, so that nobody blends into it.",
        "产品批次已存在",
        "{enterprise} 已有产品批次 {lot}：每个批次只形成一次，不得并入。",
        frozen=True,
    ),
    Reason(
        "product_out_of_order",
        422,
        "Out of order",
        "Product lot {lot} of {enterprise} moved on {last_on}; what takes from it on {on} comes too late.",
        "日期早于批次最近变动",
        "{enterprise} 的产品批次 {lot} 在 {last_on} 已有变动；{on} 的出库不能补记。",
        frozen=True,
    ),
    Reason(
        "product_insufficient",
        422,
        "Not so much of the product",
        "{enterprise} has {held} g of product lot {lot}; {asked} g were asked for.",
        "产品数量不足",
        "{enterprise} 的产品批次 {lot} 存有 {held} 克，请求 {asked} 克。",
        frozen=True,
    ),
    Reason(
        "inventory_unknown", 404, "Unknown inventory", "There is no inventory {record}.",
        "清单不存在", "没有清单 {record}。",
    ),
    Reason(
        "inventory_decided", 409, "Inventory is decided",
        "Inventory {record} is {state}; the newest of its year is {newest}.",
        "清单已处理", "清单 {record} 状态为 {state}；该年度最新清单为 {newest}。", frozen=True,
    ),
    Reason(
        "inventory_second_person", 403, "Second person needed",
        "Inventory {record} is for a second person to verify; {subject} submitted it or is a system.",
        "需要第二人", "清单 {record} 须由第二人核查；{subject} 为提交人或系统。",
    ),
    Reason(
        "inventory_findings", 422, "Findings that matter",
        "Inventory {record} has {findings} findings; it is returned, not verified.",
        "存在重大发现", "清单 {record} 有 {findings} 发现；应退回，不能通过核查。",
    ),
)  # fmt: skip
