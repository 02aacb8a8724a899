"""decide: a command against the book, to the records it becomes or the reason it is refused. Pure.

One road for every posting: plan, dates, accounts, sums, allowed moves, lots, balances, serials. The engine
looks at nothing but the book and its arguments, so a run can be replayed exactly.
"""

import msgspec

from ledger.core.account import Account, account_name, kind_of
from ledger.core.availability import enough, is_certain
from ledger.core.book import NO_LOT, Book, ordinal, serial_pairs
from ledger.core.certificate import Lot, LotFacts
from ledger.core.claim import judge_claim, judge_claim_again, judge_limit, passed_over
from ledger.core.command import Principal, Request
from ledger.core.events import AnswerOffer, Leg, Posting
from ledger.core.held_range import FOREVER
from ledger.core.lot_choice import SELECTION, TO_SELECT, select_lots
from ledger.core.parties import judge_exits
from ledger.core.periods import first_open_day
from ledger.core.plans import Plan, plan_of
from ledger.core.plans.costs import expensed
from ledger.core.plans.offers import stranger
from ledger.core.policy import TradeOnce
from ledger.core.quantity import COMMODITIES, QUANTITY_MAX
from ledger.core.record import ENGINE_VERSION, AccountBody, Body, LotBody, Posted, PostedLeg, PostingBody
from ledger.core.refusal import Refusal, refuse
from ledger.core.serial_choice import Choice, Placed, choose_serials
from ledger.core.trading import judge_sale

PIECES_MAX = 200
"""Postings and serial ranges in one transaction, so that its record stays under 32 KiB."""

ENTERPRISES_MAX = 2
"""Enterprises one record may name, so that nobody's receipt shows a third."""

BODY_BYTES_MAX = 30 * 1024
"""Of the record's 32 KiB; the envelope needs less than the rest."""

_PIECES_SURELY_SMALL = 20
_EVIDENCE_SURELY_SMALL = 512
LOT_BYTES_MAX = 1024
"""Of a lot's facts, so that postings which name lots stay small."""
_EMPTY = (0, 0)
_NEW = -1


class _Dates(msgspec.Struct, frozen=True, gc=False):
    occurred_on: str
    effective_on: str
    policy: int | None
    adjusts: str | None = None
    """The closed month that a late fact belongs to."""


def decide_posting(book: Book, request: Request, *, today: str) -> Posted | Refusal:
    """Decide a posting command against `book` on the day `today` (ISO, ledger's zone); touch nothing."""
    if request.evidence_key is not None and (used := book.evidence.get(request.evidence_key)) is not None:
        return refuse("evidence_used", evidence=request.evidence_key, transaction=used)
    command = _posting(request)
    if isinstance(command, AnswerOffer) and (strange := stranger(command, book, request.principal)) is not None:
        return strange
    plan = plan_of(command, book, today=today)
    if isinstance(plan, Refusal):
        return plan
    dates = _dates(book, plan, request.principal, today)
    if isinstance(dates, Refusal):
        return dates
    new_lot = plan.lot if plan.lot is not None and plan.lot.code not in book.lots else None
    opened = _opened(book, plan) if plan.opens else {}
    placed = _place(book, plan, new_lot, opened, request.principal)
    if isinstance(placed, Refusal):
        return placed
    # Before any balance is looked at: a refusal must not tell what another enterprise holds.
    owners = {leg.account.owner for leg in placed if leg.quantity > 0}
    if (gone := judge_exits(book, plan, owners, dates.occurred_on)) is not None:
        return gone
    policies = _judge_moves(book, plan, placed, request.principal, dates)
    if isinstance(policies, Refusal):
        return policies
    lot_ids = [leg.lot_id for leg in placed]
    if new_lot is None and _NEW in lot_ids:
        return refuse("unknown_lot", lot=next(leg.lot.facts.code for leg in placed if leg.lot and leg.lot_id == _NEW))
    legs, selection = placed, None
    if TO_SELECT in lot_ids:
        selected = select_lots(
            book, plan, placed, effective_on=dates.effective_on,
            may=lambda facts: not isinstance(_judge_lot(book, plan, facts, dates), Refusal),
        )  # fmt: skip
        if isinstance(selected, Refusal):
            return selected
        legs, selection = selected, SELECTION + ("" if plan.match is None else plan.match.written)
    elif plan.match is not None:
        return refuse("lot_or_match")
    if plan.claim is not None or plan.for_sale:
        used = _used(book, plan, legs, opened, request.principal, dates)
        if isinstance(used, Refusal):
            return used
        legs, policies = used[0], tuple(map(str, sorted(used[1] | set(map(int, policies)))))
    findings = enough(book, plan, legs, dates.effective_on)
    if isinstance(findings, Refusal):
        return _moved_on(book, plan, findings)
    chosen = _serials(book, plan, legs, dates, policies)
    if isinstance(chosen, Refusal):
        return chosen
    legs = chosen
    body = _body(plan, legs, dates, policies, findings, selection)
    if (too_large := _too_large(body, new_lot)) is not None:
        return too_large
    first: list[Body] = [AccountBody(accounts=(account.name,), owner=account.owner) for account in opened.values()]
    first += [LotBody(lot=new_lot)] if new_lot is not None else []
    first += [body for body in (plan.claim, plan.about) if body is not None]
    return Posted((*first, body))


def _posting(request: Request) -> Posting:
    return request.command  # type: ignore[return-value]  # decide() sends only posting commands here


def _dates(book: Book, plan: Plan, principal: Principal, today: str) -> _Dates | Refusal:
    occurred_on = plan.occurred_on or today
    effective_on = plan.effective_on or occurred_on
    adjusts = None
    if (closed := _closed_through(book, plan)) and effective_on[:7] <= closed:
        if plan.effective_on is not None and not plan.dated_by_rule:
            return refuse("period_closed", given=effective_on, closed=closed)
        adjusts, effective_on = effective_on[:7], first_open_day(closed)
    if plan.dated_by_rule:
        return _Dates(occurred_on, effective_on, None, adjusts)
    if effective_on < occurred_on:
        return refuse("effective_before_occurred", effective_on=effective_on, occurred_on=occurred_on)
    if occurred_on == effective_on == today:
        return _Dates(occurred_on, effective_on, None)
    found = book.policies.dating(principal.role, today)
    if found is None:
        return refuse("policy_missing", rule=f"dating of role {principal.role}", on=today)
    index, rule = found
    for given in (occurred_on, effective_on):
        if given > today and not rule.future:
            return refuse("future_date_not_permitted", role=principal.role, given=given, today=today)
        if given < today and not rule.past:
            return refuse("past_date_not_permitted", role=principal.role, given=given, today=today)
    if rule.document and plan.evidence.document is None:
        return refuse("document_needed", given=effective_on if occurred_on == today else occurred_on, today=today)
    return _Dates(occurred_on, effective_on, index, adjusts)


def _closed_through(book: Book, plan: Plan) -> str:
    """The last month that this fact cannot count in: a soft-closed one still takes what is confirmed."""
    policies = book.policies
    return policies.closed_through if is_certain(plan) else policies.soft_through


def _lot_named(book: Book, plan: Plan, code: str, principal: Principal) -> Lot | None:
    """The lot a leg names. To an enterprise, a lot it never held is as one that does not exist: `_NEW`."""
    lot = book.lots.get(code)
    if principal.tenant is None or plan.settled:
        return lot
    if lot is not None:
        for leg in plan.legs:
            account = book.accounts.get((leg.account, leg.commodity)) if leg.lot == code else None
            if account is None or account.owner != principal.tenant:
                continue
            if book.lot_balances.get((account.account_id, lot.lot_id), _EMPTY) != _EMPTY:
                return lot
    return Lot(_NEW, LotFacts(code=code, numbered=True, production_month="", project=""))


def _opened(book: Book, plan: Plan) -> dict[tuple[str, str], Account]:
    """The accounts this very command opens, under the numbers they will have; all of them hold one commodity."""
    found: dict[tuple[str, str], Account] = {}
    for name, owner in plan.opens:
        kind = kind_of(name)
        assert kind is not None and len(kind.commodities) == 1
        key = (name, kind.commodities[0])
        if key not in book.accounts:
            found[key] = Account(book.next_account_id + len(found), name, kind, key[1], owner)
    return found


def _place(
    book: Book,
    plan: Plan,
    new_lot: LotFacts | None,
    opened: dict[tuple[str, str], Account],
    principal: Principal,
) -> list[Placed] | Refusal:
    """Resolve every leg and check what needs no balance: quantities, accounts, lots, serials, sums of zero."""
    if not 2 <= len(plan.legs) <= PIECES_MAX:
        code = "too_few_postings" if len(plan.legs) < 2 else "too_many_pieces"
        return refuse(code, given=len(plan.legs), limit=PIECES_MAX)
    placed, sums = [], {}
    lots: dict[str, Lot | None] = {}
    if new_lot is not None:  # declared by this very command; it has no number yet
        lots[new_lot.code] = Lot(_NEW, new_lot)
    for leg in plan.legs:
        commodity = COMMODITIES.get(leg.commodity)
        if commodity is None:
            return refuse("unknown_commodity", commodity=leg.commodity, known=" ".join(COMMODITIES))
        if leg.quantity == 0 or not -QUANTITY_MAX <= leg.quantity <= QUANTITY_MAX:
            return refuse("invalid_quantity", given=leg.quantity)
        account = book.accounts.get((leg.account, leg.commodity)) or opened.get((leg.account, leg.commodity))
        if account is None:
            return refuse("unknown_account", account=leg.account, commodity=leg.commodity)
        lot, lot_id = None, TO_SELECT if commodity.lot_bearing else NO_LOT
        if leg.lot is not None:
            if leg.lot not in lots:
                lots[leg.lot] = _lot_named(book, plan, leg.lot, principal)
            lot = lots[leg.lot]
            if lot is None:
                return refuse("unknown_lot", lot=leg.lot)
            lot_id = lot.lot_id
        if leg.serials and (wrong := _serials_fit(leg, lot)) is not None:
            return wrong
        key = (leg.commodity, leg.lot if commodity.lot_bearing else None)
        sums[key] = sums.get(key, 0) + leg.quantity
        placed.append(Placed(account, lot, lot_id, leg.quantity, leg.serials))
    for (commodity_code, lot_code), total in sums.items():
        if total:
            return refuse("unbalanced", commodity=commodity_code, lot=f" lot {lot_code}" if lot_code else "", sum=total)
    return placed


def _serials_fit(leg: Leg, lot: Lot | None) -> Refusal | None:
    given, reached, disjoint = 0, 0, True
    for piece in leg.serials:
        disjoint = disjoint and reached <= piece.first < piece.end <= QUANTITY_MAX
        given, reached = given + piece.end - piece.first, piece.end
    if lot is None or not lot.facts.numbered or not disjoint or given != abs(leg.quantity):
        return refuse("serials_mismatch", lot=leg.lot, given=given, quantity=abs(leg.quantity))
    return None


def _used(
    book: Book,
    plan: Plan,
    legs: list[Placed],
    opened: dict[tuple[str, str], Account],
    principal: Principal,
    dates: _Dates,
) -> tuple[list[Placed], set[int]] | Refusal:
    """The legs with what the claimed certificates cost, and the ids of the rows by which they may be used so."""
    judged = _judge_lots(book, plan, legs, dates)
    if isinstance(judged, Refusal) or plan.claim is None:
        return judged if isinstance(judged, Refusal) else (legs, judged)
    if principal.tenant not in {None, plan.claim.beneficiary}:
        # Before any figure of the beneficiary's is looked at, which is nobody else's to know or to use up.
        return refuse("forbidden", role=principal.role, action="claim for another's consumption")
    limit = judge_limit(book, plan.claim, sum(leg.quantity for leg in legs if leg.quantity > 0), on=dates.occurred_on)
    if isinstance(limit, Refusal):
        return limit
    judged |= set() if limit is None else {limit}
    key = (account_name("expense_gec", plan.claim.enterprise), "CNY")
    costs = expensed(plan.claim.enterprise, legs, opened.get(key) or book.accounts.get(key), book, dates.effective_on)
    allowed = _judge_moves(book, plan, costs, principal, dates)
    return allowed if isinstance(allowed, Refusal) else ([*legs, *costs], judged | set(map(int, allowed)))


def _serials(
    book: Book, plan: Plan, legs: list[Placed], dates: _Dates, policies: tuple[str, ...]
) -> list[Placed] | Refusal:
    """The legs with the serials that move, where any lot has some."""
    if True not in [leg.lot is not None and leg.lot.facts.numbered for leg in legs]:
        return legs
    # A CONFIRMED statement fact may come before the serials did; `enough` has noted the finding.
    day = FOREVER if is_certain(plan) else ordinal(dates.effective_on)
    once, spared = _once(book, plan, policies), {}
    if plan.claim is not None:
        spared = {leg.lot_id: passed_over(book, plan.claim, leg.lot_id) for leg in legs}
    chosen = choose_serials(book, legs, Choice(day, once, plan.adopts, spared))
    if isinstance(chosen, Refusal) and any(spared.values()):  # perhaps for want of those alone, which is told below
        chosen = choose_serials(book, legs, Choice(day, once, plan.adopts))
    if isinstance(chosen, Refusal):
        return _moved_on(book, plan, chosen)
    again = None if plan.claim is None else judge_claim_again(book, plan.claim, chosen)
    return chosen if again is None else again


def _judge_lots(book: Book, plan: Plan, legs: list[Placed], dates: _Dates) -> set[int] | Refusal:
    """The ids of the policy rows by which every lot may be claimed, or offered, or the first refusal."""
    ids: set[int] = set()
    for leg in legs:
        if leg.lot is not None and leg.quantity < 0 and COMMODITIES[leg.account.commodity].lot_bearing:
            judged = _judge_lot(book, plan, leg.lot.facts, dates)
            if isinstance(judged, Refusal):
                return judged
            ids.update(judged)
    return ids


def _judge_lot(book: Book, plan: Plan, facts: LotFacts, dates: _Dates) -> tuple[int, ...] | Refusal:
    if plan.claim is not None:
        return judge_claim(facts, plan.claim.year, book.policies, on=dates.occurred_on)
    return judge_sale(facts, book.policies, on=dates.occurred_on) if plan.for_sale else ()


def _moved_on(book: Book, plan: Plan, why: Refusal) -> Refusal:
    """Of a reversal whose units are no longer where they were brought: the chain that used them."""
    if (
        plan.command != "reverse"
        or plan.reverses is None
        or why.code not in {"insufficient_balance", "serial_not_held"}
    ):
        return why
    users = book.users.get(plan.reverses, ())
    return refuse("units_moved_on", transaction=plan.reverses, users=", ".join(map(str, users)) or "-")


def _once(book: Book, plan: Plan, policies: tuple[str, ...]) -> str | None:
    """What may be done to the serials only once; to trade them, where a rule in force says so."""
    if plan.once == "traded" and not book.policies.names_any(policies, TradeOnce):
        return None
    return plan.once


def _judge_moves(
    book: Book, plan: Plan, legs: list[Placed], principal: Principal, dates: _Dates
) -> tuple[str, ...] | Refusal:
    """The ids of the policy rows that allow every pair of giving and receiving accounts, or the first refusal."""
    ids = set(plan.policies) if dates.policy is None else {dates.policy, *plan.policies}
    role, on = principal.role, dates.occurred_on
    may_touch_all = principal.tenant is None or plan.settled
    if len(legs) > ENTERPRISES_MAX:
        owners = {leg.account.owner for leg in legs if leg.account.owner is not None}
        if len(owners) > ENTERPRISES_MAX:
            return refuse("too_many_enterprises", given=len(owners), limit=ENTERPRISES_MAX)
    for source in legs:
        if source.quantity > 0:
            continue
        if not may_touch_all and not _may_touch(principal, source.account):
            return refuse("not_your_account", account=source.account.name)
        commodity, origin = source.account.commodity, source.account.kind.code
        for target in legs:
            if target.quantity < 0 or target.account.commodity != commodity:
                continue
            if COMMODITIES[commodity].lot_bearing and target.lot is not source.lot:
                continue  # certificates change hands within their lot
            goal = target.account.kind.code
            policy = book.policies.move(plan.command, origin, goal, commodity, role, on=on)
            if policy is None:
                what = {"command": plan.command, "commodity": commodity, "role": role}
                return refuse("move_not_allowed", source=origin, target=goal, occurred_on=on, **what)
            mine = may_touch_all or principal.tenant in (source.account.owner, target.account.owner)
            if not mine:
                return refuse("not_your_account", account=target.account.name)
            ids.add(policy)
    return tuple(map(str, sorted(ids)))


def _may_touch(principal: Principal, account: Account) -> bool:
    # A promise leaves the park's contra account, which is nobody's; it may come only to the caller.
    return account.owner == principal.tenant or account.kind.code == "commitment_contra"


def _body(
    plan: Plan,
    legs: list[Placed],
    dates: _Dates,
    policies: tuple[str, ...],
    findings: tuple[str, ...],
    selection: str | None,
) -> PostingBody:
    posted = [
        PostedLeg(
            account=leg.account.name,
            commodity=leg.account.commodity,
            lot=None if leg.lot is None else leg.lot.facts.code,
            quantity=str(leg.quantity),
            serials=serial_pairs(leg.serials) if leg.serials else (),
        )
        for leg in legs
    ]
    return PostingBody(
        adjusts_period=dates.adjusts,
        command=plan.command,
        corrects=None if plan.corrects is None else str(plan.corrects),
        effective_on=dates.effective_on,
        engine=ENGINE_VERSION,
        evidence=plan.evidence,
        findings=(*plan.findings, *findings),
        legs=tuple(posted),
        occurred_on=dates.occurred_on,
        policies=policies,
        reverses=None if plan.reverses is None else str(plan.reverses),
        selection=selection,
        status=plan.status,
        trade=plan.trade,
    )


def _too_large(body: PostingBody, new_lot: LotFacts | None) -> Refusal | None:
    if new_lot is not None and (size := len(msgspec.json.encode(new_lot))) > LOT_BYTES_MAX:
        return refuse("record_too_large", given=size, limit=LOT_BYTES_MAX)
    pieces = len(body.legs)
    for leg in body.legs:
        pieces += len(leg.serials)
    evidence = len(body.evidence.document or "") + len(body.evidence.line or "")
    if pieces <= _PIECES_SURELY_SMALL and body.trade is None and evidence <= _EVIDENCE_SURELY_SMALL:
        return None
    if pieces > PIECES_MAX:
        return refuse("too_many_pieces", given=pieces, limit=PIECES_MAX)
    size = len(msgspec.json.encode(body))
    if size > BODY_BYTES_MAX:
        return refuse("record_too_large", given=size, limit=BODY_BYTES_MAX)
    return None
