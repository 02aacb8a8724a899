"""Reasons to say no of periods, and of what waits for another document."""

from ledger.core.reason import Reason

REASONS = (
    Reason(
        "period_closed",
        423,
        "Period closed",
        "{given} lies in a closed period; {closed} and all before it take no more facts.",
        "期间已结账",
        "{given} 属于已结账期间；{closed} 及以前不再记账。",
        frozen=True,
    ),
    Reason(
        "period_out_of_order",
        422,
        "Period out of order",
        "{month} cannot be closed on {today}: a month is closed once it is over, after those before it; "
        "the latest closed one is {closed}.",
        "结账次序不符",
        "{today} 不能结 {month}：期间结束后方可按序结账；最近已结期间为 {closed}。",
        frozen=True,
    ),
    Reason(
        "period_not_latest",
        422,
        "Not the latest closed period",
        "{month} cannot be opened again: only the latest closed period can, which is {closed}.",
        "非最近结账期间",
        "{month} 不能反结账：只能反结最近的已结期间 {closed}。",
        frozen=True,
    ),
    Reason(
        "days_backwards",
        422,
        "Days run backwards",
        "`to` ({last}) is before `from` ({first}).",
        "起止日期颠倒",
        "截止日 {last} 早于起始日 {first}。",
    ),
    Reason(
        "imports_open",
        422,
        "Imports are open",
        "{count} imports that speak of {month} are neither posted nor rejected, such as {file}.",
        "尚有未处理的导入",
        "涉及 {month} 的 {count} 个导入尚未过账或拒绝，例如 {file}。",
    ),
    Reason(
        "suspense_not_empty",
        422,
        "Suspense is not empty",
        "{account} holds {quantity} of lot {lot}; a period is closed with nothing in suspense.",
        "待查账户未清零",
        "{account} 尚有批次 {lot} 的 {quantity}；结账前待查账户须为零。",
        frozen=True,
    ),
    Reason(
        "nothing_to_link",
        422,
        "Nothing to link",
        "No correction of lot {lot} waits in suspense for a settlement that is in the book.",
        "无可关联的更正",
        "批次 {lot} 没有等待已入账结算的更正。",
        frozen=True,
    ),
)
