"""Every reason to say no, each with one stable code, its HTTP status and its texts.

Reasons that depend on the state of the book (`frozen`) are recorded in the journal and answered the same way for
ever under their request key; the others are not. Texts exist in English and Chinese; `ledger.core.refusal` adds the
effect: nothing was posted.
"""

import msgspec


class Reason(msgspec.Struct, frozen=True):
    """One row of the catalogue; braces in the texts name figures."""

    code: str
    status: int
    frozen: bool
    title: str
    text: str
    title_zh: str
    text_zh: str


REASONS: dict[str, Reason] = {}


def _reason(
    code: str, status: int, title: str, text: str, title_zh: str, text_zh: str, *, frozen: bool = False
) -> None:
    assert code not in REASONS
    REASONS[code] = Reason(code, status, frozen, title, text, title_zh, text_zh)


# What depends on the state of the book: recorded, and frozen under the request key.
_reason(
    "insufficient_balance",
    422,
    "Insufficient balance",
    "Account {account} ({commodity}) has {available} available on {effective_on}; {asked} were asked for.",
    "余额不足",
    "账户 {account}（{commodity}）在 {effective_on} 可用 {available}，请求 {asked}。",
    frozen=True,
)
_reason(
    "serial_not_held",
    422,
    "Serial not held",
    "Account {account} does not hold serials {serials} of lot {lot}.",
    "编号不在持有之列",
    "账户 {account} 未持有批次 {lot} 的编号 {serials}。",
    frozen=True,
)
_reason(
    "serial_conflict",
    409,
    "Serial already in the book",
    "Serials {serials} of lot {lot} are already in the book.",
    "编号已在账内",
    "批次 {lot} 的编号 {serials} 已在账内。",
    frozen=True,
)
_reason(
    "trade_exists",
    409,
    "Trade already in the book",
    "Trade {trade} is already in the book, posted by transaction {transaction}.",
    "交易已入账",
    "交易 {trade} 已由交易记录 {transaction} 入账。",
    frozen=True,
)
_reason(
    "trade_unknown",
    422,
    "Unknown trade",
    "Trade {trade} is not in the book.",
    "交易不存在",
    "账内没有交易 {trade}。",
    frozen=True,
)
_reason(
    "trade_not_in_transit",
    409,
    "Trade not in transit",
    "Trade {trade} is {state}; only a TRADED one can be transferred.",
    "交易不在途",
    "交易 {trade} 的状态为 {state}，只有在途交易可以划转。",
    frozen=True,
)
_reason(
    "trade_void",
    409,
    "Trade is void",
    "Trade {trade} was voided; nothing more can be done with it.",
    "交易已作废",
    "交易 {trade} 已作废，不得再作处理。",
    frozen=True,
)
_reason(
    "already_identified",
    409,
    "Certificates already numbered",
    "The units of trade {trade} are numbered already, in lot {lot}.",
    "绿证已落实编号",
    "交易 {trade} 的绿证已落实编号，批次 {lot}。",
    frozen=True,
)
_reason(
    "codes_unreadable",
    422,
    "Codes do not number the units",
    "The codes {first} to {last} do not name {quantity} certificates of the project and month of trade {trade}.",
    "编号与交易不符",
    "编号 {first} 至 {last} 不是交易 {trade} 的项目和生产月份的 {quantity} 个绿证。",
    frozen=True,
)
_reason(
    "expired",
    422,
    "Certificates have expired",
    "Certificates of lot {lot} could be used until {valid_until}; the day is {occurred_on}.",
    "绿证已过期",
    "批次 {lot} 的绿证有效期至 {valid_until}，办理日期为 {occurred_on}。",
    frozen=True,
)
_reason(
    "wrong_vintage",
    422,
    "Wrong vintage",
    "Certificates of lot {lot}, produced in {production_month}, cannot be claimed for consumption in {year}.",
    "生产年份不符",
    "批次 {lot} 的绿证生产于 {production_month}，不得用于 {year} 年的消费。",
    frozen=True,
)
_reason(
    "evidence_used",
    409,
    "Evidence already used",
    "The document line {evidence} was already posted by transaction {transaction}.",
    "凭证已使用",
    "凭证 {evidence} 已由交易记录 {transaction} 入账。",
    frozen=True,
)
_reason(
    "party_exists",
    409,
    "Party already registered",
    "Party {party} is already registered with other particulars.",
    "主体已登记",
    "主体 {party} 已登记，且登记内容不同。",
    frozen=True,
)
_reason(
    "alias_taken",
    409,
    "Name already taken",
    "One of the names of party {party} already belongs to {owner}.",
    "名称已被占用",
    "主体 {party} 的名称之一已属于 {owner}。",
    frozen=True,
)
_reason(
    "ledger_exists",
    409,
    "Ledger already open",
    "The ledger already has {size} records.",
    "账本已启用",
    "账本已有 {size} 条记录。",
    frozen=True,
)
_reason(
    "credential_exists",
    409,
    "Credential already exists",
    "Credential {credential} already exists.",
    "凭据已存在",
    "凭据 {credential} 已存在。",
    frozen=True,
)
_reason(
    "credential_unknown",
    404,
    "Unknown credential",
    "Credential {credential} does not exist or is already revoked.",
    "凭据不存在",
    "凭据 {credential} 不存在或已撤销。",
    frozen=True,
)
_reason(
    "balance_overflow",
    422,
    "Balance too large",
    "Account {account} would hold more than 2^63 - 1 of {commodity}.",
    "余额过大",
    "账户 {account} 的 {commodity} 将超过 2^63 - 1。",
    frozen=True,
)
_reason(
    "move_not_allowed",
    422,
    "Move not allowed",
    "No rule in force on {occurred_on} lets role {role} move {commodity} from {source} to {target} by {command}.",
    "不允许的划转",
    "{occurred_on} 没有规则允许角色 {role} 以 {command} 把 {commodity} 从 {source} 移到 {target}。",
    frozen=True,
)

# What the request itself gets wrong: not recorded, may be put right and sent again under the same key.
_reason(
    "unbalanced",
    422,
    "Unbalanced transaction",
    "The postings of {commodity}{lot} sum to {sum}, not to zero.",
    "借贷不平",
    "{commodity}{lot} 的分录合计为 {sum}，不为零。",
)
_reason(
    "too_few_postings",
    422,
    "Too few postings",
    "A transaction has at least two postings; {given} were given.",
    "分录太少",
    "一笔交易至少两条分录，给出 {given} 条。",
)
_reason(
    "too_many_pieces",
    422,
    "Too many pieces",
    "A transaction may have {limit} pieces (postings and serial ranges); this one has {given}.",
    "分录过多",
    "一笔交易最多 {limit} 条（分录与编号段），本笔 {given} 条。",
)
_reason(
    "too_many_enterprises",
    422,
    "Too many enterprises",
    "A transaction may touch accounts of {limit} enterprises; this one touches {given}.",
    "涉及企业过多",
    "一笔交易最多涉及 {limit} 家企业的账户，本笔涉及 {given} 家。",
)
_reason(
    "invalid_quantity",
    422,
    "Invalid quantity",
    "Quantity {given} is not a whole number other than zero within 2^63 - 1.",
    "数量无效",
    "数量 {given} 不是 2^63 - 1 以内的非零整数。",
)
_reason(
    "unknown_account",
    422,
    "Unknown account",
    "There is no account {account} in {commodity}.",
    "账户不存在",
    "没有 {commodity} 账户 {account}。",
)
_reason(
    "unknown_commodity",
    422,
    "Unknown commodity",
    "There is no commodity {commodity}; the book knows {known}.",
    "品种不存在",
    "没有品种 {commodity}；账内品种为 {known}。",
)
_reason(
    "unknown_lot",
    422,
    "Unknown lot",
    "There is no lot {lot} in the book.",
    "批次不存在",
    "账内没有批次 {lot}。",
)
_reason(
    "unknown_party",
    422,
    "Unknown party",
    "There is no party {party} in the book.",
    "主体不存在",
    "账内没有主体 {party}。",
)
_reason(
    "lot_needed",
    422,
    "Lot needed",
    "Name the lot on every posting of {commodity}, or on none of them with one account giving and one receiving.",
    "需要批次",
    "{commodity} 的分录须全部注明批次；不注明时只能一个账户转出、一个账户转入。",
)
_reason(
    "serials_mismatch",
    422,
    "Serials do not match the quantity",
    "Lot {lot}: {given} serials were named for a quantity of {quantity}, or the lot is not numbered.",
    "编号与数量不符",
    "批次 {lot}：数量 {quantity}，注明编号 {given} 个，或该批次无编号。",
)
_reason(
    "not_your_account",
    403,
    "Not your account",
    "Account {account} is not an account of the caller's.",
    "非本企业账户",
    "账户 {account} 不属于调用者。",
)
_reason(
    "forbidden",
    403,
    "Forbidden",
    "Role {role} may not {action}.",
    "无权操作",
    "角色 {role} 无权执行 {action}。",
)
_reason(
    "past_date_not_permitted",
    422,
    "Past date not permitted",
    "Role {role} may not date a fact {given}; today is {today}.",
    "不允许补记",
    "角色 {role} 不得将事实日期记为 {given}；今天是 {today}。",
)
_reason(
    "future_date_not_permitted",
    422,
    "Future date not permitted",
    "Role {role} may not date a fact {given}; today is {today}.",
    "不允许未来日期",
    "角色 {role} 不得将事实日期记为 {given}；今天是 {today}。",
)
_reason(
    "document_needed",
    422,
    "Document needed",
    "A fact dated {given}, which is not today ({today}), needs a document.",
    "需要凭证",
    "日期 {given} 不是今天（{today}），需要凭证。",
)
_reason(
    "authority_needed",
    422,
    "Authority needed",
    "Certificates of {enterprise} are frozen or released on the authority of a document; none was named.",
    "需要依据文件",
    "冻结或解冻 {enterprise} 的绿证须注明依据文件，未给出。",
)
_reason(
    "enterprise_needed",
    422,
    "Enterprise needed",
    "Whose certificates are meant must be said; role {role} has none of its own.",
    "须注明企业",
    "须注明是哪家企业的绿证；角色 {role} 自身没有绿证。",
)
_reason(
    "effective_before_occurred",
    422,
    "Effective before it occurred",
    "effective_on {effective_on} is before occurred_on {occurred_on}.",
    "生效早于发生",
    "生效日 {effective_on} 早于发生日 {occurred_on}。",
)
_reason(
    "policy_missing",
    422,
    "No rule in force",
    "There is no rule {rule} in force on {on}.",
    "缺少规则",
    "{on} 没有生效的规则 {rule}。",
)
_reason(
    "record_too_large",
    422,
    "Record too large",
    "The record would be {given} bytes; {limit} are allowed.",
    "记录过大",
    "记录将有 {given} 字节，上限 {limit}。",
)
_reason(
    "request_key_reused",
    422,
    "Request key used for another request",
    "The key was used before with another request. Fields that differ: {fields}.",
    "请求键重复",
    "该键已用于另一请求。不同的字段：{fields}。",
)
_reason(
    "batch_refused",
    422,
    "Batch refused",
    "Item {item} of the batch was refused: {refused_code}.",
    "整批被拒",
    "批次第 {item} 项被拒：{refused_code}。",
)
_reason(
    "quota_exceeded",
    429,
    "Too many refused requests",
    "This subject had {given} requests refused within a minute; {limit} are allowed.",
    "被拒请求过多",
    "该主体一分钟内被拒 {given} 次，上限 {limit} 次。",
)
_reason(
    "queue_full",
    503,
    "Queue full",
    "{waiting} commands are waiting; the queue takes {limit}.",
    "队列已满",
    "已有 {waiting} 条指令等待，队列上限 {limit}。",
)
_reason(
    "outcome_unknown",
    503,
    "Outcome unknown",
    "The connection to the database was lost while the answer was awaited; ask again with the same key.",
    "结果未知",
    "等待结果时数据库连接中断；请用同一键再问。",
)
_reason(
    "unavailable",
    503,
    "Unavailable",
    "The database cannot be reached.",
    "暂不可用",
    "无法连接数据库。",
)
_reason(
    "not_found",
    404,
    "Not found",
    "There is no {what}.",
    "未找到",
    "没有{what}。",
)
_reason(
    "not_yet_known",
    422,
    "Not yet known",
    "{asked} is not yet known; the ledger's size is {size}.",
    "尚不可知",
    "{asked} 尚不可知；账本当前大小 {size}。",
)
_reason(
    "statement_refused",
    422,
    "Statement refused",
    "{problems} problems were found in {file}.",
    "对账文件被拒",
    "文件 {file} 中发现 {problems} 处问题。",
)
_reason("malformed_request", 400, "Malformed request", "{problem}", "请求格式错误", "请求格式错误：{problem}。")
