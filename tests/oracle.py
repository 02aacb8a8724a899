"""The slow, obvious ledger that the real one is held against: standard library only, no line shared with it.

It takes plain dicts (the canonical JSON of a command, parsed) and civil days, keeps one list of facts, and answers
every question by going through all of them. No index, no cache, no running figure: what it says is easy to check.
"""

import copy
import datetime

FROZEN = {
    "proof_needed",
    "late_needs_confirmation",
    "insufficient_balance",
    "serial_not_held",
    "serial_conflict",
    "trade_exists",
    "trade_unknown",
    "trade_not_in_transit",
    "trade_void",
    "already_identified",
    "codes_unreadable",
    "expired",
    "wrong_vintage",
    "evidence_used",
    "party_exists",
    "alias_taken",
    "ledger_exists",
    "balance_overflow",
    "move_not_allowed",
    "already_traded",
    "already_issued",
    "not_tradable",
    "wrong_route",
    "unknown_project",
    "quantity_mismatch",
    "codes_mismatch",
    "not_expired",
    "trade_not_deliverable",
    "trade_not_broken",
    "party_exited",
    "reversal_above_original",
    "transaction_unknown",
    "reversal_of_reversal",
    "not_reversible",
    "registry_evidence_needed",
    "reversal_whole_only",
    "units_moved_on",
    "proposal_unknown",
    "proposal_decided",
    "offer_unknown",
    "offer_answered",
    "offer_lapsed",
    "offer_open",
    "nothing_to_link",
    "nothing_to_succeed",
    "party_not_merged",
    "inventory_needed",
    "product_lot_exists",
    "product_out_of_order",
    "product_insufficient",
}
"""Refusals that depend on the state of the book: recorded, and the same for ever under their key."""
LOT_BEARING = {"GEC"}
OPENED = (
    "Frozen:",
    "Offered:",
    "Suspense:Import:",
    "Retired:",
    "Listed:",
    "Expired:",
    "Cancelled:CCER:",
    "Opening:",
    "Carry:Contract:",
    "Metered:Contract:",
    "Expense:GEC:",
)
"""Accounts that open when they are first needed."""
OUTSIDE = ("External:", "Identification:", "Issuance:", "Opening:")
"""Where numbered certificates come into the book from, by name."""
MAY_GO_BELOW_ZERO = {
    "issuance",
    "external",
    "opening",
    "suspense",
    "suspense_cost",
    "suspense_energy",
    "identification",
    "commitment_contra",
    "payable",
    "carry",
    "metered",
    "carry_contract",
    "metered_contract",
    "co2e_emitted",
    "co2e_outside",
    "stock_made",
    "stock_outside",
    "cea_allocated",
    "ccer_market",
}
KIND_OF_PREFIX = {
    "Holding:Ent": "holding_ent",
    "Clearing": "clearing",
    "Identification": "identification",
    "Frozen": "frozen",
    "Offered": "offered",
    "Suspense:Import": "suspense",
    "Suspense:Cost": "suspense_cost",
    "Suspense:Energy": "suspense_energy",
    "Retired": "retired",
    "External": "external",
    "Commitment:Ent": "commitment_ent",
    "Commitment:Contra": "commitment_contra",
    "Commitment:Unallocated": "commitment_unallocated",
    "Inventory:GEC": "inventory_gec",
    "Payable": "payable",
    "Expense:GEC": "expense_gec",
    "Issuance": "issuance",
    "Opening": "opening",
    "Holding:Project": "holding_project",
    "Holding:Province": "holding_province",
    "Listed": "listed",
    "Expired": "expired",
    "Cancelled:CCER": "cancelled",
    "Carry": "carry",
    "Metered": "metered",
    "Carry:Contract": "carry_contract",
    "Metered:Contract": "metered_contract",
    "CO2E": "co2e",
    "CO2E:Emitted": "co2e_emitted",
    "CO2E:Outside": "co2e_outside",
    "Stock": "stock",
    "Stock:Made": "stock_made",
    "Stock:Outside": "stock_outside",
    "CEA:Ent": "cea_ent",
    "CEA:Allocated": "cea_allocated",
    "CCER:Ent": "ccer_ent",
    "CCER:Market": "ccer_market",
}
COMMODITY_OF_KIND = {
    "holding_ent": "GEC",
    "clearing": "GEC",
    "identification": "GEC",
    "frozen": "GEC",
    "offered": "GEC",
    "suspense": "GEC",
    "suspense_cost": "CNY",
    "suspense_energy": "KWH",
    "retired": "GEC",
    "external": "GEC",
    "commitment_ent": "GECSUB",
    "commitment_contra": "GECSUB",
    "commitment_unallocated": "GECSUB",
    "inventory_gec": "CNY",
    "payable": "CNY",
    "expense_gec": "CNY",
    "carry": "KWH",
    "metered": "KWH",
    "carry_contract": "KWH",
    "metered_contract": "KWH",
    "co2e": "CO2E",
    "co2e_emitted": "CO2E",
    "co2e_outside": "CO2E",
    "stock": "PRODUCT",
    "stock_made": "PRODUCT",
    "stock_outside": "PRODUCT",
    "cea_ent": "CEA",
    "cea_allocated": "CEA",
    "ccer_ent": "CCER",
    "ccer_market": "CCER",
} | dict.fromkeys(
    ("issuance", "opening", "holding_project", "holding_province", "listed", "expired", "cancelled"), "GEC"
)
ACCOUNTS_OF_PARTY = {
    "enterprise": ("Holding:Ent", "Commitment:Ent", "Inventory:GEC", "Payable"),
    "seller": ("External",),
    "platform": ("Clearing", "Identification"),
    "project": ("Issuance", "Holding:Project", "Carry", "Metered"),
    "province": ("Holding:Province",),
}
HOLDING = {
    "enterprise": "Holding:Ent",
    "project": "Holding:Project",
    "province": "Holding:Province",
    "seller": "External",
}


ONCE = {
    "issue": "issued",
    "trade": "traded",
    "settle_bundle": "traded",
    "identify_trade": "traded",
    "list": "traded",
}
"""What may be done to a serial only once, by which command."""
MARKS = ONCE.keys() - {"list"}
IRREVERSIBLE = {
    "trade",
    "transfer_trade",
    "identify_trade",
    "void_trade",
    "deliver",
    "offer",
    "answer_offer",
    "settle_break",
    "correct_trade",
    "link_trade",
}
"""A trade is withdrawn, and what waits for it linked, by events of its own."""
RECEIVING = {
    "transfer",
    "subscribe",
    "trade",
    "transfer_trade",
    "settle_bundle",
    "transfer_with_energy",
    "allocate",
    "open_balance",
    "offer",
    "succeed",
}
"""What a party that has merged or left cannot get any more."""
CARBON = {"allocate_allowances", "buy_ccer", "make_product", "sell_product", "receive_product"}
OPENS_ITS_OWN = {"trade", "correct_bundle", "correct_trade", "link_correction", "link_trade", "succeed"} | CARBON
"""Events that open the accounts they name and no others: a trade none, as it is out of a listing that is there."""


class No(Exception):
    """The command is refused with this code."""

    @property
    def code(self):
        return self.args[0]


class _Fixed:
    """What never changes once it is made: a copy of the ledger may share it, which saves most of the copying."""

    def __deepcopy__(self, _):
        return self


class _FixedList(_Fixed, list):
    pass


class _FixedDict(_Fixed, dict):
    pass


class Answer(_Fixed):
    """What the ledger says: `code` is None where the command was posted."""

    def __init__(self, code, index=None, balances=(), *, replayed=False):
        self.code, self.index, self.balances, self.replayed = code, index, balances, replayed

    def __repr__(self):
        return f"Answer({self.code or 'posted'}, {self.index}, replayed={self.replayed})"


class Fact(_Fixed):
    """One posting: a signed quantity in an account, effective from a day on, known from a record on."""

    def __init__(self, index, leg, day):
        self.index, self.day = index, day
        self.account, self.commodity, self.lot = leg["account"], leg["commodity"], leg.get("lot")
        self.quantity, self.serials = leg["quantity"], leg["serials"]


class Oracle:
    """One ledger. A request is a dict: command, role, tenant, request_key, evidence_key."""

    confirmed_serials_may_dip = True
    """D6: a CONFIRMED statement fact may give serials on a day before they came; False: counted units only."""

    def __init__(self):
        self.size = 0
        self.facts, self.rows = [], []
        self.parties, self.accounts, self.names = {}, set(), {}
        self.gone = {}
        """Party -> (the day it left or merged, the one it merged into)."""
        self.lots, self.trades = {}, {}
        self.answers, self.evidence = {}, {}
        self.done = {}
        """(what may be done once, lot, serial) -> the trade that did it, or None."""
        self.reclaimed = set()
        self.passed_over = set()
        """(lot, serial) whose claim was taken back."""
        self.posted, self.proposals, self.offers = {}, {}, {}
        """Log index -> command and legs of a transaction, and what of the legs still stands."""

    def submit(self, request, today):
        """The answer to one request on the civil day `today`."""
        key = (request["tenant"] or "", request["request_key"])
        if key in self.answers:
            command, answer = self.answers[key]
            if command != request["command"]:
                return Answer("request_key_reused")
            return Answer(answer.code, answer.index, answer.balances, replayed=True)
        before = copy.deepcopy(self.__dict__)
        try:
            balances = self._do(request, today)
            if self._needs_a_second_person(request["command"], today):
                self.__dict__, balances = copy.deepcopy(before), ()
                self.proposals[self._record()] = request
        except No as no:
            self.__dict__ = before
            if no.code not in FROZEN:
                return Answer(no.code)
            answer = Answer(no.code, self._record())
        else:
            answer = Answer(None, self.size - 1, balances)
        self.answers[key] = (_FixedDict(request["command"]), answer)
        return answer

    def submit_atomic(self, requests, today):
        """The answers to a batch that is posted whole or not at all; only the failing item is frozen."""
        before, answers = copy.deepcopy(self.__dict__), []
        for at, request in enumerate(requests):
            answer = self.submit(request, today)
            answers.append(answer)
            if answer.code is not None:
                self.__dict__ = before
                again = self.submit_refused(request, answer)
                return [Answer("batch_refused")] * at + [again] + [Answer("batch_refused")] * (len(requests) - at - 1)
        return answers

    def submit_refused(self, request, answer):
        """Freeze a batch item's refusal, though the items before it never happened."""
        if answer.code not in FROZEN or answer.replayed:
            return answer
        frozen = Answer(answer.code, self._record())
        self.answers[request["tenant"] or "", request["request_key"]] = (_FixedDict(request["command"]), frozen)
        return frozen

    def balance(self, account, commodity, lot=None, *, effective_as_of="9999-12-31", known_as_of=None, any_lot=True):
        """The sum of all facts of the account that count by that day and stand below that tree size."""
        return sum(
            fact.quantity
            for fact in self.facts
            if (fact.account, fact.commodity) == (account, commodity)
            and (any_lot or fact.lot == lot)
            and fact.day <= effective_as_of
            and (known_as_of is None or fact.index < known_as_of)
        )

    def balances(self):
        """Everything that is not zero: (account, commodity, lot) -> quantity, with money by its lot too."""
        found = {}
        for fact in self.facts:
            key = (fact.account, fact.commodity, fact.lot)
            found[key] = found.get(key, 0) + fact.quantity
        return {key: quantity for key, quantity in found.items() if quantity}

    def positions(self):
        """Where each serial lies inside the book: (lot, serial) -> accounts."""
        found = {}
        for fact in self.facts:
            for serial in fact.serials:
                if not fact.account.startswith(OUTSIDE):
                    places = found.setdefault((fact.lot, serial), {})
                    places[fact.account] = places.get(fact.account, 0) + (1 if fact.quantity > 0 else -1)
        held = {key: [name for name, times in places.items() if times] for key, places in found.items()}
        return {key: places for key, places in held.items() if places}

    def trial_balance(self):
        """Commodity and lot -> what all accounts hold together; must be zero throughout."""
        total = {}
        for fact in self.facts:
            key = (fact.commodity, fact.lot if fact.commodity in LOT_BEARING else None)
            total[key] = total.get(key, 0) + fact.quantity
        return total

    # What each command means.

    def _do(self, request, today):
        command = request["command"]
        match command["type"]:
            case "open_ledger":
                return self._open(request)
            case "register_party":
                return self._register(request)
            case "change_party":
                return self._change(request)
            case "approve" | "reject":
                return self._judge(request, today)
            case "note_withdrawal" | "reject_line":
                return self._set_aside(request)
        if request["evidence_key"] is not None and request["evidence_key"] in self.evidence:
            raise No("evidence_used")
        self.adopts, self.opens, self.days, self.today = set(), set(), None, today
        tenant = request["tenant"]
        if command["type"] == "answer_offer":
            self._may_answer(command, tenant)
            tenant = None  # what was offered is anybody's to move who may answer
        legs, lot, trade = getattr(self, "_plan_" + command["type"])(command)
        if command["type"] not in OPENS_ITS_OWN:
            self.opens = {leg["account"] for leg in legs if leg["account"].startswith(OPENED)}
        if command["type"] == "transfer":
            self.opens |= {leg["account"] for leg in legs if self._opens_with(leg)}
        missing = self.opens - self.accounts
        if command["type"] == "retire" and self.balance(f"Inventory:GEC:{command['enterprise']}", "CNY") > 0:
            missing |= {f"Expense:GEC:{command['enterprise']}"} - self.accounts
        self.accounts |= missing  # taken back where the command is refused
        effective_on = self.days[1] if self.days else self._dates(request, today)
        strange = self._strange_lots(legs, tenant)
        self._check_shape(legs, lot, strange)
        self._check_exits(command, legs, today)
        self._check_moves(request | {"tenant": tenant}, legs, today)
        if strange:
            raise No("unknown_lot")
        on = self.days[0] if self.days else command.get("occurred_on") or today
        no_proof = command["type"] == "retire" and command.get("proof") is None
        self.passed_over = self.reclaimed if no_proof else set()
        legs = self._select(legs, effective_on, command, on)
        self._check_claim(command, legs, on)
        if command["type"] == "retire":
            used = self._expense(command["enterprise"], legs, effective_on)
            self._check_moves(request, used, today)
            legs = legs + used
        try:
            self._check_balances(command, legs, effective_on)
            legs = self._named(command, legs, lot, effective_on)
        except No as no:
            moved_on = command["type"] == "reverse" and no.code in {"insufficient_balance", "serial_not_held"}
            raise No("units_moved_on") if moved_on else no from None
        claimed = {(leg["lot"], serial) for leg in legs for serial in leg["serials"]}
        if no_proof and claimed & self.reclaimed:
            raise No("proof_needed")
        for _ in missing:
            self._record()
        if lot is not None and lot["code"] not in self.lots and any(leg["lot"] == lot["code"] for leg in legs):
            self.lots[lot["code"]] = lot | {"number": self._record()}
        if command["type"] in ("retire", "offer", "answer_offer"):
            self._record()
        index = self._record()
        if command["type"] == "offer":
            self.offers[index] = dict(command, state="open", legs=[leg for leg in legs if leg["quantity"] > 0])
        if command["type"] == "answer_offer":
            self.offers[command["offer"]]["state"] = command["answer"]
        self.facts += [Fact(index, leg, effective_on) for leg in legs]
        left = [dict(leg) for leg in legs]
        self.posted[index] = {"type": command["type"], "legs": _FixedList(legs), "left": left}
        if request["evidence_key"] is not None:
            self.evidence[request["evidence_key"]] = index
        if trade is not None:
            self.trades[trade["trade_id"]] = trade
        self._remember_done(command, legs, trade)
        return self._balances_after(request, legs)

    def _named(self, command, legs, lot, effective_on):
        dips = self.confirmed_serials_may_dip and _confirmed(command)
        return self._name_serials(legs, lot, "9999" if dips else effective_on, ONCE.get(command["type"]))

    def _remember_done(self, command, legs, trade):
        if command["type"] in MARKS:
            for leg in legs:
                for serial in leg["serials"] if leg["quantity"] < 0 else ():
                    self.done[ONCE[command["type"]], leg["lot"], serial] = trade and trade["trade_id"]
        if command["type"] == "reverse":
            self._take_back(self.posted[command["transaction"]], legs)
            for leg in legs:
                if leg["account"].startswith("Retired:") and leg["quantity"] < 0:
                    self.reclaimed |= {(leg["lot"], serial) for serial in leg["serials"]}
        if trade is not None and trade["state"] == "VOID":
            self.done = {key: by for key, by in self.done.items() if by != trade["trade_id"]}

    def _open(self, request):
        if request["role"] != "admin":
            raise No("forbidden")
        if self.size:
            raise No("ledger_exists")
        self.rows = _FixedList(request["command"]["rows"])
        self.size = 1 + len(self.rows)
        self.accounts |= {"Commitment:Contra", "Commitment:Unallocated"}
        self._record()
        return ()

    def _needs_a_second_person(self, command, today):
        if command["type"] == "retire" and self._is_late(command, today):
            if not _confirmed(command):
                raise No("late_needs_confirmation")
            return True
        return command["type"] == "reverse" and self.posted[command["transaction"]]["type"] == "retire"

    def _is_late(self, command, today):
        """Whether a year end, an expiry or a freeze lies between the claim's day and today."""
        on = command.get("occurred_on") or today
        if on >= today:
            return False
        lots = {leg["lot"] for leg in self.posted[self.size - 1]["legs"] if leg["commodity"] == "GEC"}
        frozen = f"Frozen:{command['enterprise']}"
        touched = any(fact.account == frozen and fact.lot in lots and fact.day > on for fact in self.facts)
        return on[:4] < today[:4] or touched or any(self.valid_until(self.lots[lot]) < today for lot in lots)

    def _judge(self, request, today):
        number = request["command"]["proposal"]
        proposal = self.proposals.get(number)
        if proposal is None:
            raise No("proposal_unknown")
        if proposal == "decided":
            raise No("proposal_decided")
        if request["role"] != "operator":
            raise No("forbidden")
        if request["subject"] == proposal["subject"] or request["subject"].startswith("system:"):
            raise No("second_person_needed")
        self.proposals[number] = "decided"
        self._record()
        return self._do(proposal, today) if request["command"]["type"] == "approve" else ()

    def _register(self, request):
        command = request["command"]
        if request["role"] not in ("operator", "admin"):
            raise No("forbidden")
        if command["party"] in self.parties:
            raise No("party_exists")
        names = {"".join(name.split()) for name in (command["name"], *command.get("aliases", ()))}
        if names & self.names.keys():
            raise No("alias_taken")
        self.names.update(dict.fromkeys(names, command["party"]))
        self.parties[command["party"]] = command["kind"]
        self.accounts |= {f"{prefix}:{command['party']}" for prefix in ACCOUNTS_OF_PARTY[command["kind"]]}
        self._record()
        return ()

    def _change(self, request):
        """A party merges into another of its kind; other changes are tried elsewhere."""
        command = request["command"]
        if request["role"] not in ("operator", "admin"):
            raise No("forbidden")
        party, into = command["party"], command["into"]
        self._must_be(party)
        if party in self.gone:
            raise No("party_exited")
        if into == party or into in self.gone or self.parties.get(into) != self.parties[party]:
            raise No("unknown_party")
        self.gone[party] = (command["on"], into)
        self._record()
        return ()

    def _set_aside(self, request):
        """What never posts uses up its evidence, so that nothing else can stand in its place."""
        if request["role"] != "operator":
            raise No("forbidden")
        if request["evidence_key"] in self.evidence:
            raise No("evidence_used")
        self.evidence[request["evidence_key"]] = self._record()
        return ()

    def _check_exits(self, command, legs, today):
        """Nobody receives anything from the day on that it left; nor can it buy, or be offered, what is to come."""
        on = self.days[0] if self.days else command.get("occurred_on") or today
        getting = {owner_of(leg["account"]) for leg in legs if leg["quantity"] > 0}
        getting |= {command["buyer"]} if command["type"] == "trade" else set()
        getting |= {command["receiver"]} if command["type"] == "offer" else set()
        if command["type"] in RECEIVING and any(party in self.gone and self.gone[party][0] <= on for party in getting):
            raise No("party_exited")

    def _opens_with(self, leg):
        """Whether a leg gives an enterprise allowances or reductions, or moves its cash: it need not have had any."""
        if leg["account"].startswith("Cash:"):
            return leg["commodity"] == "CNY" and self.parties.get(leg["account"][5:]) == "enterprise"
        commodity, _, rest = leg["account"].partition(":Ent:")
        is_right = commodity in {"CEA", "CCER"} and leg["commodity"] == commodity and leg["quantity"] > 0
        return is_right and self.parties.get(rest) == "enterprise"

    def _plan_transfer(self, command):
        return [dict(leg, serials=serials_of(leg.get("serials", ()))) for leg in command["legs"]], None, None

    def _plan_subscribe(self, command):
        enterprise = command.get("enterprise")
        if enterprise is not None and enterprise not in self.parties:
            raise No("unknown_party")
        target = f"Commitment:Ent:{enterprise}" if enterprise else "Commitment:Unallocated"
        quantity = command["quantity"]
        return [leg_of("Commitment:Contra", "GECSUB", -quantity), leg_of(target, "GECSUB", quantity)], None, None

    def _plan_offer(self, command):
        giver, receiver = command["enterprise"], command["receiver"]
        self._must_be(giver, "enterprise")
        self._must_be(receiver, "enterprise")
        if giver == receiver:
            raise No("offer_to_itself")
        if command.get("expires_on", "9999") < self.today:
            raise No("offer_lapsed")
        return self._moved(command, f"Holding:Ent:{giver}", f"Offered:{giver}")

    def _may_answer(self, command, tenant):
        offer = self.offers.get(command["offer"])
        if offer is None:
            raise No("offer_unknown")
        ends = {"receiver": ("accept", "reject", "lapse"), "enterprise": ("withdraw", "lapse")}
        may = {offer[end] for end, answers in ends.items() if command["answer"] in answers}
        if tenant is not None and tenant not in may:
            raise No("offer_unknown")

    def _plan_answer_offer(self, command):
        offer = self.offers[command["offer"]]
        if offer["state"] != "open":
            raise No("offer_answered")
        late = offer.get("expires_on", "9999") < self.today
        if command["answer"] == "accept" and late:
            raise No("offer_lapsed")
        if command["answer"] == "lapse" and not late:
            raise No("offer_open")
        to = f"Holding:Ent:{offer['receiver' if command['answer'] == 'accept' else 'enterprise']}"
        legs = []
        for one in offer["legs"]:
            for account, quantity in ((one["account"], -one["quantity"]), (to, one["quantity"])):
                legs.append(leg_of(account, "GEC", quantity, one["lot"], one["serials"]))
        return legs, None, None

    def _plan_freeze(self, command):
        return self._freeze(command, back=False)

    def _plan_unfreeze(self, command):
        return self._freeze(command, back=True)

    def _plan_retire(self, command):
        enterprise, quantity = command["enterprise"], command["quantity"]
        if not {enterprise, command.get("beneficiary") or enterprise} <= self.parties.keys():
            raise No("unknown_party")
        lot, serials = command.get("lot"), serials_of(command.get("serials", ()))
        target = f"Retired:{enterprise}:{command['purpose']}:{command['year']}"
        legs = [
            leg_of(f"Holding:Ent:{enterprise}", "GEC", -quantity, lot, serials),
            leg_of(target, "GEC", quantity, lot, serials),
        ]
        return legs, None, None

    def _expense(self, enterprise, legs, effective_on):
        """What the retired certificates of each lot cost: their part of what all the enterprise's of the lot cost."""
        inventory, found = f"Inventory:GEC:{enterprise}", []
        for leg in legs:
            if leg["quantity"] > 0:
                continue
            lot = leg["lot"]
            there = self._available(inventory, "CNY", lot, effective_on)
            if (part := min(there, self._part_of_cost(enterprise, lot, -leg["quantity"]))) > 0:
                found.append(leg_of(inventory, "CNY", -part, lot))
                found.append(leg_of(f"Expense:GEC:{enterprise}", "CNY", part, lot))
        return found

    def _part_of_cost(self, enterprise, lot, quantity):
        """What so many of a lot cost: their part of what all that the enterprise has not used of it cost."""
        fen = self.balance(f"Inventory:GEC:{enterprise}", "CNY", lot, any_lot=False)
        usable = [f"{kind}:{enterprise}" for kind in ("Holding:Ent", "Offered", "Frozen")]
        units = sum(self.balance(account, "GEC", lot, any_lot=False) for account in usable)
        for trade in self.trades.values():
            if (trade["buyer"], trade["lot"], trade["state"]) == (enterprise, lot, "TRADED"):
                units += trade["quantity"]
        return fen * quantity // units if fen > 0 and quantity <= units else 0

    def _check_claim(self, command, legs, on):
        for leg in legs:
            given = leg["commodity"] in LOT_BEARING and leg["quantity"] < 0 and leg["lot"] in self.lots
            why = self._no_claim(command, self.lots[leg["lot"]], on) if given else None
            if why is not None:
                raise No(why)

    def _no_claim(self, command, lot, on):
        """Why the lot's certificates may not be claimed, or offered, on that day; None where they may."""
        offered = command["type"] == "list" or self._sold_by_project(command)
        if offered and not lot.get("tradable", True):
            return "not_tradable"
        if command["type"] != "retire" and not offered:
            return None
        if on > self.valid_until(lot):
            return "expired"
        if offered:
            return None
        year = command["year"]
        for row in self.rows:
            rule = row["rule"]
            if rule["kind"] == "vintage_match" and rule["consumed_from"] <= year < rule["consumed_before"]:
                same = lot["production_month"].startswith(year)
                return None if same or rule["match"] == "WITHIN_VALIDITY" else "wrong_vintage"
        raise AssertionError(f"no vintage rule for {year}")

    def _sold_by_project(self, command):
        return command["type"] == "trade" and self.parties[command["seller"]] == "project"

    def _freeze(self, command, *, back):
        party = command["enterprise"]
        self._must_be(party)
        if "document" not in command.get("evidence", {}):
            raise No("authority_needed")
        if command["reason"] == "ccer" and not back:
            self._linked(command)
        places = [self._holding(party), f"Frozen:{party}"]
        return self._moved(command, *(reversed(places) if back else places))

    def _moved(self, command, source, target):
        """The units that a command names, or leaves to be selected, from one account to another."""
        quantity, lot, serials = command["quantity"], command.get("lot"), serials_of(command.get("serials", ()))
        legs = [leg_of(source, "GEC", -quantity, lot, serials), leg_of(target, "GEC", quantity, lot, serials)]
        return legs, None, None

    def _holding(self, party):
        return f"{HOLDING.get(self.parties.get(party), 'External')}:{party}"

    def _must_be(self, party, *kinds, code="unknown_party"):
        if party not in self.parties or (kinds and self.parties[party] not in kinds):
            raise No(code)

    def _must_have_document(self, command):
        if "document" not in command.get("evidence", {}):
            raise No("evidence_needed")

    def _linked(self, command):
        on = command.get("occurred_on") or self.today
        rows = [row for row in self.rows if row["rule"]["kind"] == "ccer_linkage"]
        if not any(row["in_force_from"] <= on <= row.get("in_force_to", "9999") for row in rows):
            raise No("policy_missing")

    def _plan_reduce_subscription(self, command):
        self._must_be(command["enterprise"])
        quantity = command["quantity"]
        legs = [
            leg_of(f"Commitment:Ent:{command['enterprise']}", "GECSUB", -quantity),
            leg_of("Commitment:Contra", "GECSUB", quantity),
        ]
        return legs, None, None

    def _plan_issue(self, command):
        project, seller = command["project"], command.get("seller")
        self._must_be(project, "project", code="unknown_project")
        if seller is not None:
            self._must_be(seller)
        carry, metered = f"Carry:{project}", f"Metered:{project}"
        quantity, lot, serials = self._made(command, carry)
        inside = {serial for serial in serials if (lot["code"], serial) in self.positions()}
        legs, source = [], f"Issuance:{project}"
        if inside:
            came = seller is not None and -self.balance(f"External:{seller}", "GEC", lot["code"], any_lot=False)
            if not came or came < len(inside):
                raise No("serial_conflict")
            adopted = tuple(sorted(inside))
            legs.append(leg_of(source, "GEC", -len(inside), lot["code"], adopted))
            legs.append(leg_of(f"External:{seller}", "GEC", len(inside), lot["code"], adopted))
            self.adopts = {(lot["code"], serial) for serial in inside}
        if quantity > len(inside):
            new = tuple(serial for serial in serials if serial not in inside)
            legs.append(leg_of(source, "GEC", len(inside) - quantity, lot["code"], new))
            legs.append(leg_of(f"Holding:Project:{project}", "GEC", quantity - len(inside), lot["code"], new))
        return legs + self._energy(command, quantity, carry, metered), lot, None

    def _made(self, command, carry):
        """How many certificates energy and carry make, and the lot and serials that codes name."""
        quantity = (self.balance(carry, "KWH") + command["energy_kwh"]) // 1000
        if command.get("quantity") not in {None, quantity}:
            raise No("quantity_mismatch")
        if command.get("code_first") is None or command.get("code_last") is None:
            return quantity, command["lot"], ()
        lot, serials = self._units(command | {"quantity": quantity})
        if not serials:
            raise No("codes_mismatch")
        return quantity, lot, serials

    def _energy(self, command, quantity, carry, metered):
        rest = command["energy_kwh"] - 1000 * quantity
        return [leg_of(metered, "KWH", -rest), leg_of(carry, "KWH", rest)] if rest else []

    def _plan_open_balance(self, command):
        self._must_be(command["enterprise"], "enterprise")
        self._must_have_document(command)
        return self._taken_in(command, f"Opening:{command['enterprise']}", f"Holding:Ent:{command['enterprise']}")

    def _plan_transfer_with_energy(self, command):
        self._must_be(command["enterprise"], "enterprise")
        self._must_be(command["seller"])
        self._must_have_document(command)
        lot, _ = self._units(command)
        if self.lots.get(lot["code"], lot).get("tradable", True):
            raise No("wrong_route")
        return self._taken_in(command, self._holding(command["seller"]), f"Holding:Ent:{command['enterprise']}")

    def _plan_receive_for_province(self, command):
        self._must_be(command["province"], "province")
        self._must_be(command["seller"])
        return self._taken_in(command, self._holding(command["seller"]), f"Holding:Province:{command['province']}")

    def _taken_in(self, command, source, target):
        lot, serials = self._units(command)
        if source.startswith("Holding:") and lot["code"] not in self.lots:
            raise No("unknown_lot")
        quantity = command["quantity"]
        legs = [
            leg_of(source, "GEC", -quantity, lot["code"], serials),
            leg_of(target, "GEC", quantity, lot["code"], serials),
        ]
        return legs, lot, None

    def _plan_settle_bundle(self, command):
        buyer, seller = command["buyer"], command["seller"]
        self._must_be(buyer, "enterprise")
        self._must_be(seller)
        contract = f"Contract:{buyer}:{command['contract']}"
        quantity, lot, serials = self._made(command, f"Carry:{contract}")
        known, _ = self._units(command)
        if not self.lots.get(known["code"], known).get("tradable", True):
            raise No("not_tradable")
        legs, fen, source = [], command.get("amount_fen"), self._holding(seller)
        if quantity and source.startswith("Holding:") and lot["code"] not in self.lots:
            raise No("unknown_lot")
        if quantity:
            legs.append(leg_of(source, "GEC", -quantity, lot["code"], serials))
            legs.append(leg_of(f"Holding:Ent:{buyer}", "GEC", quantity, lot["code"], serials))
        if quantity and fen:
            legs.append(leg_of(f"Payable:{buyer}", "CNY", -fen, lot["code"]))
            legs.append(leg_of(f"Inventory:GEC:{buyer}", "CNY", fen, lot["code"]))
        return legs + self._energy(command, quantity, f"Carry:{contract}", f"Metered:{contract}"), lot, None

    def _plan_allocate(self, command):
        self._must_be(command["province"], "province")
        self._must_be(command["enterprise"], "enterprise")
        self._must_have_document(command)
        return self._moved(command, f"Holding:Province:{command['province']}", f"Holding:Ent:{command['enterprise']}")

    def _plan_list(self, command, *, back=False):
        project, platform = command["project"], command["platform"]
        self._must_be(project, code="unknown_project")
        if self.parties[project] != "project":
            lot = self.lots.get(command.get("lot"), {})
            raise No("already_traded" if lot.get("tradable", True) else "not_tradable")
        self._must_be(platform)
        places = [f"Holding:Project:{project}", f"Listed:{platform}:{project}"]
        return self._moved(command, *(reversed(places) if back else places))

    def _plan_delist(self, command):
        return self._plan_list(command, back=True)

    def _plan_cancel_for_ccer(self, command):
        project = command["project"]
        self._must_be(project, "project", code="unknown_project")
        self._must_have_document(command)
        self._linked(command)
        return self._moved(command, f"Frozen:{project}", f"Cancelled:CCER:{project}")

    def _plan_expire(self, command):
        account, code = command["account"], command["lot"]
        if account not in self.accounts or COMMODITY_OF_KIND[kind_of(account)] != "GEC":
            raise No("unknown_account")
        if code not in self.lots:
            raise No("unknown_lot")
        last = datetime.date.fromisoformat(self.valid_until(self.lots[code]))
        occurred_on = (last + datetime.timedelta(days=1)).isoformat()
        effective_on = command.get("effective_on") or self.today
        if not occurred_on <= effective_on <= self.today:
            raise No("not_expired")
        self.days = (occurred_on, effective_on)
        return self._moved(command, account, f"Expired:{account.split(':')[-1]}")

    def _take_back(self, original, legs):
        """Take a reversal's legs off what stands of its original, and undo what could be done once."""
        for back in legs:
            for leg in original["left"]:
                if all(leg[name] == back[name] for name in ("account", "commodity", "lot")) and leg["quantity"]:
                    leg["quantity"] += back["quantity"]
                    leg["serials"] = tuple(s for s in leg["serials"] if s not in back["serials"])
        gone = not any(leg["quantity"] for leg in original["left"] if leg["commodity"] == "GEC")
        if original["type"] == "issue" or (original["type"] == "settle_bundle" and gone):
            stand = {(leg["lot"], s) for leg in original["left"] if leg["quantity"] < 0 for s in leg["serials"]}
            done = {(leg["lot"], s) for leg in original["legs"] for s in leg["serials"]}
            undone = {(ONCE[original["type"]], *key) for key in done - stand}
            self.done = {key: by for key, by in self.done.items() if key not in undone}

    def _plan_reverse(self, command):
        original = self.posted.get(command["transaction"])
        if original is None:
            raise No("transaction_unknown")
        if original["type"] == "reverse":
            raise No("reversal_of_reversal")
        if original["type"] in IRREVERSIBLE:
            raise No("not_reversible")
        evidence = command.get("evidence", {})
        if original["type"] == "retire" and not ("document" in evidence and evidence["level"] == "CONFIRMED"):
            raise No("registry_evidence_needed")
        left = [leg for leg in original["left"] if leg["quantity"]]
        if command.get("parts"):
            left = [leg for part in command["parts"] for leg in self._part(original, part)]
        if not left:
            raise No("reversal_above_original")
        return [dict(leg, quantity=-leg["quantity"]) for leg in left], None, None

    def _part(self, original, part):
        """The legs of one lot cut to a part, with its share of the money."""
        lot, quantity, serials = part["lot"], part["quantity"], serials_of(part.get("serials", ()))
        units = [leg for leg in original["left"] if (leg["commodity"], leg["lot"]) == ("GEC", lot) and leg["quantity"]]
        if units and len(units) != 2:
            raise No("reversal_whole_only")
        if not units or quantity > abs(units[0]["quantity"]):
            raise No("reversal_above_original")
        if units[0]["serials"] and (len(serials) != quantity or not set(serials) <= set(units[0]["serials"])):
            raise No("serials_mismatch")
        limit = abs(units[0]["quantity"])
        whole = next(abs(leg["quantity"]) for leg in original["legs"] if (leg["commodity"], leg["lot"]) == ("GEC", lot))
        legs = [dict(leg, quantity=_sign(leg) * quantity, serials=serials) for leg in units]
        for leg in original["legs"]:
            if (leg["commodity"], leg["lot"]) == ("CNY", lot):
                amount = abs(leg["quantity"])
                fen = amount * limit // whole - amount * (limit - quantity) // whole
                legs += [dict(leg, quantity=_sign(leg) * fen)] if fen else []
        return legs

    def _plan_deliver(self, command):
        trade = self._standing(command)
        if trade["state"] != "TRANSFERRED" or trade.get("delivered"):
            raise No("trade_not_deliverable")
        legs = [
            leg_of(f"Commitment:Ent:{trade['buyer']}", "GECSUB", -trade["quantity"]),
            leg_of("Commitment:Contra", "GECSUB", trade["quantity"]),
        ]
        return legs, None, trade | {"delivered": True}

    def _plan_trade(self, command):
        if not {command["buyer"], command["seller"]} <= self.parties.keys():
            raise No("unknown_party")
        if command["trade_id"] in self.trades:
            raise No("trade_exists")
        lot, serials = self._units(command)
        quantity, fen = command["quantity"], command.get("amount_fen")
        kind, known = self.parties[command["seller"]], self.lots.get(lot["code"], lot)
        if kind == "enterprise":
            raise No("already_traded" if lot.get("tradable", True) and known.get("tradable", True) else "not_tradable")
        if kind != "seller" and lot["code"] not in self.lots:
            raise No("unknown_lot")
        if not known.get("tradable", True):
            raise No("not_tradable")
        source = self._holding(command["seller"])
        if kind == "project" and command.get("mode") == "LISTING":
            source = f"Listed:{command['platform']}:{command['seller']}"
        legs = [
            leg_of(source, "GEC", -quantity, lot["code"], serials),
            leg_of(f"Clearing:{command['platform']}", "GEC", quantity, lot["code"], serials),
        ]
        if fen:
            legs.append(leg_of(f"Payable:{command['buyer']}", "CNY", -fen, lot["code"]))
            legs.append(leg_of(f"Inventory:GEC:{command['buyer']}", "CNY", fen, lot["code"]))
        trade = {
            "trade_id": command["trade_id"],
            "state": "TRADED",
            "buyer": command["buyer"],
            "seller": command["seller"],
            "quantity": quantity,
            "whole": quantity,
            "amount_fen": fen,
            "platform": command["platform"],
            "lot": lot["code"],
            "serials": serials,
        }
        return legs, lot, trade

    def _plan_transfer_trade(self, command):
        trade = self.trades.get(command["trade_id"])
        if trade is None:
            raise No("trade_unknown")
        if trade["state"] != "TRADED":
            raise No("trade_not_in_transit")
        legs = [
            leg_of(f"Clearing:{trade['platform']}", "GEC", -trade["quantity"], trade["lot"], trade["serials"]),
            leg_of(f"Holding:Ent:{trade['buyer']}", "GEC", trade["quantity"], trade["lot"], trade["serials"]),
        ]
        return legs, None, trade | {"state": "TRANSFERRED"}

    def _plan_identify_trade(self, command):
        trade = self._standing(command)
        lot = self.lots[trade["lot"]]
        if lot.get("numbered"):
            raise No("already_identified")
        facts = {name: value for name, value in lot.items() if name != "number"}
        new, serials = self._units(command | {"lot": facts, "quantity": trade["quantity"]})
        if not serials:
            raise No("codes_unreadable")
        if not self.lots.get(new["code"], {}).get("tradable", True):
            raise No("not_tradable")
        at, through, quantity = self._place(trade), f"Identification:{trade['platform']}", trade["quantity"]
        legs = [
            leg_of(at, "GEC", -quantity, trade["lot"]),
            leg_of(through, "GEC", quantity, trade["lot"]),
            leg_of(through, "GEC", -quantity, new["code"], serials),
            leg_of(at, "GEC", quantity, new["code"], serials),
        ]
        if fen := self._owed(trade, quantity):
            legs.append(leg_of(f"Inventory:GEC:{trade['buyer']}", "CNY", -fen, trade["lot"]))
            legs.append(leg_of(f"Inventory:GEC:{trade['buyer']}", "CNY", fen, new["code"]))
        return legs, new, trade | {"lot": new["code"], "serials": serials}

    def _plan_void_trade(self, command):
        trade = self._standing(command)
        standing, buyer = trade["quantity"], trade["buyer"]
        quantity = command.get("quantity") or standing
        if quantity > standing:
            raise No("reversal_above_original")
        serials = serials_of(command.get("serials", ())) or (trade["serials"] if quantity == standing else ())
        if serials and (len(serials) != quantity or not set(serials) <= set(trade["serials"])):
            raise No("serials_mismatch")
        if quantity < standing and trade["serials"] and not serials:
            raise No("serials_needed")
        lot, broken = trade["lot"], None
        place, back = self._place(trade), self._holding(trade["seller"])
        there = self._available(place, "GEC", lot, "9999-12-31") >= standing
        there = there and set(trade["serials"]) <= set(self._held(place, lot, "9999-12-31"))
        if quantity == standing and _confirmed(command) and back.startswith("External:") and not there:
            known = self.lots[lot]
            broken = {"code": f"void/{trade['trade_id']}", "numbered": False, "tradable": False, "scheme": "GEC"}
            broken |= {"production_month": known["production_month"], "project": known["project"]}
            place, lot, serials = f"Suspense:Import:{trade['platform']}", broken["code"], ()
        legs = [leg_of(place, "GEC", -quantity, lot, serials), leg_of(back, "GEC", quantity, lot, serials)]
        if fen := self._owed(trade, standing) - self._owed(trade, standing - quantity):
            legs += self._off_the_cost(buyer, fen, trade["lot"])
            legs.append(leg_of(f"Payable:{buyer}", "CNY", fen, trade["lot"]))
        if trade.get("delivered"):
            legs.append(leg_of("Commitment:Contra", "GECSUB", -quantity))
            legs.append(leg_of(f"Commitment:Ent:{buyer}", "GECSUB", quantity))
        left = tuple(serial for serial in trade["serials"] if serial not in serials)
        more = {"quantity": standing - quantity, "serials": left}
        return legs, broken, trade | more | ({"state": "VOID"} if quantity == standing else {})

    def _plan_settle_break(self, command):
        trade, quantity = self.trades.get(command["trade_id"]), command["quantity"]
        if trade is None:
            raise No("trade_unknown")
        broken = f"void/{command['trade_id']}"
        if broken not in self.lots:
            raise No("trade_not_broken")
        self._must_be(command["enterprise"], "enterprise")
        suspense, outside = f"Suspense:Import:{trade['platform']}", f"External:{trade['seller']}"
        if quantity > -self.balance(suspense, "GEC", broken, any_lot=False):
            raise No("reversal_above_original")
        serials = serials_of(command.get("serials", ()))
        legs = [
            leg_of(f"Holding:Ent:{command['enterprise']}", "GEC", -quantity, command["lot"], serials),
            leg_of(outside, "GEC", quantity, command["lot"], serials),
            leg_of(outside, "GEC", -quantity, broken),
            leg_of(suspense, "GEC", quantity, broken),
        ]
        return legs, None, None

    def _off_the_cost(self, buyer, fen, lot):
        """Money off what the buyer's unused certificates of a lot cost; what is more, off what its used ones did."""
        unused = min(fen, max(0, self.balance(f"Inventory:GEC:{buyer}", "CNY", lot, any_lot=False)))
        parts = ((f"Inventory:GEC:{buyer}", unused), (f"Expense:GEC:{buyer}", fen - unused))
        return [leg_of(account, "CNY", -part, lot) for account, part in parts if part]

    def _plan_correct_bundle(self, command):
        """Domain 2.3, 3.4: a settlement was too much; what cannot come off it waits in suspense."""
        buyer, seller, lot = command["buyer"], command["seller"], command["lot"]
        self._must_be(buyer, "enterprise")
        self._must_be(seller)
        quantity, fen, energy = command["quantity"], command.get("amount_fen") or 0, command["energy_kwh"]
        contract, platform = f"Contract:{buyer}:{command['contract']}", command["platform"]
        carry, metered, holding = f"Carry:{contract}", f"Metered:{contract}", f"Holding:Ent:{buyer}"
        settled = f"bundle:{buyer}/{command['contract']}/{lot['project']}/{lot['production_month']}" in self.evidence
        rest = 1000 * quantity - energy
        self.opens = {carry, metered}
        if settled and self.balance(holding, "GEC", lot["code"], any_lot=False) >= quantity:
            carried = self.balance(carry, "KWH")
            if not 0 <= carried - energy + 1000 * quantity < 1000:
                raise No("quantity_mismatch")
            source, place, of_lot, declared = holding, carry, None, None
            money = [*self._off_the_cost(buyer, fen, lot["code"]), leg_of(f"Payable:{buyer}", "CNY", fen, lot["code"])]
        else:
            waits = {kind: f"Suspense:{kind}:{platform}" for kind in ("Import", "Cost", "Energy")}
            self.opens |= set(waits.values())
            source, place, of_lot, declared = waits["Import"], waits["Energy"], lot["code"], lot
            money = [
                leg_of(waits["Cost"], "CNY", -fen, lot["code"]),
                leg_of(f"Payable:{buyer}", "CNY", fen, lot["code"]),
            ]
        legs = [
            leg_of(source, "GEC", -quantity, lot["code"]),
            leg_of(self._holding(seller), "GEC", quantity, lot["code"]),
            *(money if fen else ()),
            *((leg_of(metered, "KWH", -rest), leg_of(place, "KWH", rest, of_lot)) if rest else ()),
        ]
        return legs, declared, None

    def _plan_link_correction(self, command):
        """Domain 3.3 row 18: all that waits for a settlement comes off it, now that it is in the book."""
        buyer, lot, platform = command["buyer"], command["lot"], command["platform"]
        self._must_be(buyer, "enterprise")
        code = lot["code"]
        units, fen, energy = (
            self.balance(f"Suspense:{kind}:{platform}", commodity, code, any_lot=False)
            for kind, commodity in (("Import", "GEC"), ("Cost", "CNY"), ("Energy", "KWH"))
        )
        settled = f"bundle:{buyer}/{command['contract']}/{lot['project']}/{lot['production_month']}" in self.evidence
        if not settled or units >= 0:
            raise No("nothing_to_link")
        legs = [
            leg_of(f"Holding:Ent:{buyer}", "GEC", units, code),
            leg_of(f"Suspense:Import:{platform}", "GEC", -units, code),
        ]
        if fen:
            legs += [*self._off_the_cost(buyer, -fen, code), leg_of(f"Suspense:Cost:{platform}", "CNY", -fen, code)]
        if energy:
            legs.append(leg_of(f"Suspense:Energy:{platform}", "KWH", -energy, code))
            legs.append(leg_of(f"Carry:Contract:{buyer}:{command['contract']}", "KWH", energy))
        return legs, None, None

    def _plan_correct_trade(self, command):
        """Domain 2.1, 3.4: a trade that is not in the book was taken back in part."""
        buyer, quantity, fen = command["buyer"], command["quantity"], command.get("amount_fen")
        self._must_be(buyer, "enterprise")
        self._must_be(command["seller"])
        if command["trade_id"] in self.trades:
            raise No("trade_exists")
        lot = command["lot"] | {"code": f"void/{command['trade_id']}", "numbered": False, "tradable": False}
        waiting, cost = (f"Suspense:{kind}:{command['platform']}" for kind in ("Import", "Cost"))
        self.opens = {waiting, cost}
        legs = [
            leg_of(waiting, "GEC", -quantity, lot["code"]),
            leg_of(self._holding(command["seller"]), "GEC", quantity, lot["code"]),
        ]
        if fen:
            legs += [leg_of(cost, "CNY", -fen, lot["code"]), leg_of(f"Payable:{buyer}", "CNY", fen, lot["code"])]
        return legs, lot, None

    def _plan_link_trade(self, command):
        """Domain 3.3 row 18: what waits for a trade waits no longer, once as much was taken off the trade itself."""
        trade, code = self.trades.get(command["trade_id"]), f"void/{command['trade_id']}"
        if trade is None:
            raise No("trade_unknown")
        waiting, cost = (f"Suspense:{kind}:{trade['platform']}" for kind in ("Import", "Cost"))
        units, fen = self.balance(waiting, "GEC", code, any_lot=False), self.balance(cost, "CNY", code, any_lot=False)
        if units >= 0 or trade["whole"] - trade["quantity"] < -units:
            raise No("nothing_to_link")
        legs = [leg_of(self._holding(trade["seller"]), "GEC", units, code), leg_of(waiting, "GEC", -units, code)]
        if fen:
            legs += [leg_of(f"Payable:{trade['buyer']}", "CNY", fen, code), leg_of(cost, "CNY", -fen, code)]
        return legs, None, None

    def _plan_succeed(self, command):
        """A merged enterprise's promise and holdings go to the one it merged into, each lot with its cost."""
        party = command["party"]
        self._must_be(party, "enterprise")
        on, into = self.gone.get(party, ("9999", None))
        if on > (command.get("occurred_on") or self.today):
            raise No("party_not_merged")
        self._must_have_document(command)
        legs = []
        if promised := self.balance(f"Commitment:Ent:{party}", "GECSUB"):
            legs += [leg_of(f"Commitment:Ent:{who}", "GECSUB", q) for who, q in ((party, -promised), (into, promised))]
        for code, lot in sorted(self.lots.items(), key=lambda item: item[1]["number"]):
            here = f"Holding:Ent:{party}"
            serials = tuple(
                sorted(serial for (of, serial), at in self.positions().items() if of == code and here in at)
            )
            units = len(serials) if lot.get("numbered") else self.balance(here, "GEC", code, any_lot=False)
            if units <= 0:
                continue
            legs += [
                leg_of(here, "GEC", -units, code, serials),
                leg_of(f"Holding:Ent:{into}", "GEC", units, code, serials),
            ]
            if fen := self._part_of_cost(party, code, units):
                legs.append(leg_of(f"Inventory:GEC:{party}", "CNY", -fen, code))
                legs.append(leg_of(f"Inventory:GEC:{into}", "CNY", fen, code))
        if not legs:
            raise No("nothing_to_succeed")
        return legs, None, None

    def _plan_allocate_allowances(self, command):
        self._must_be(command["enterprise"], "enterprise")
        return self._out_of("CEA:Allocated", f"CEA:Ent:{command['enterprise']}", "CEA", command["quantity"])

    def _plan_buy_ccer(self, command):
        self._must_be(command["enterprise"], "enterprise")
        return self._out_of("CCER:Market", f"CCER:Ent:{command['enterprise']}", "CCER", command["quantity"])

    def _out_of(self, source, target, commodity, quantity):
        self.opens = {source, target}
        return [leg_of(source, commodity, -quantity), leg_of(target, commodity, quantity)], None, None

    def _plan_surrender(self, command):
        """Only against a verified inventory, which these histories never have."""
        self._must_be(command["enterprise"], "enterprise")
        raise No("inventory_needed")

    def _plan_make_product(self, command):
        """Domain 3.2: what the inputs embodied and the making emitted is in the outputs, by their mass."""
        party, inputs, outputs = command["enterprise"], command.get("inputs", []), command["outputs"]
        self._must_be(party, "enterprise")
        lots = [part["lot"] for part in inputs + outputs]
        if not outputs or len(lots) != len(set(lots)):
            raise No("product_unfit")
        for part in outputs:
            self._must_be_new(party, part["lot"])
        emitted = command.get("emissions", 0)
        taken = [self._carbon_of(command, party, part["lot"], part["quantity"]) for part in inputs]
        shares = _by_largest_remainder(emitted + sum(taken), [part["quantity"] for part in outputs])
        moves = [(part, -1, carbon) for part, carbon in zip(inputs, taken, strict=True)]
        moves += [(part, 1, carbon) for part, carbon in zip(outputs, shares, strict=True)]
        flows = [(f"Stock:{party}:{part['lot']}", "PRODUCT", sign * part["quantity"]) for part, sign, _ in moves]
        flows += [(f"CO2E:{party}:{part['lot']}", "CO2E", sign * carbon) for part, sign, carbon in moves]
        net = sum(quantity for _, commodity, quantity in flows if commodity == "PRODUCT")
        flows += [(f"Stock:Made:{party}", "PRODUCT", -net), (f"CO2E:Emitted:{party}", "CO2E", -emitted)]
        return self._flow(flows)

    def _plan_sell_product(self, command):
        party, lot, quantity, to = (command.get(name) for name in ("enterprise", "lot", "quantity", "receiver"))
        self._must_be(party, "enterprise")
        if to is not None:
            self._must_be(to, "enterprise")
        carbon = self._carbon_of(command, party, lot, quantity)
        if to == party:
            raise No("product_unfit")
        named = command.get("receiver_lot") or lot
        if to is not None:
            self._must_be_new(to, named)
        into = (f"Stock:Outside:{party}", f"CO2E:Outside:{party}")
        into = into if to is None else (f"Stock:{to}:{named}", f"CO2E:{to}:{named}")
        flows = [(f"Stock:{party}:{lot}", "PRODUCT", -quantity), (into[0], "PRODUCT", quantity)]
        return self._flow([*flows, (f"CO2E:{party}:{lot}", "CO2E", -carbon), (into[1], "CO2E", carbon)])

    def _plan_receive_product(self, command):
        party, lot, quantity, carbon = (command[name] for name in ("enterprise", "lot", "quantity", "emissions"))
        self._must_be(party, "enterprise")
        self._must_be_new(party, lot)
        flows = [(f"Stock:Outside:{party}", "PRODUCT", -quantity), (f"Stock:{party}:{lot}", "PRODUCT", quantity)]
        return self._flow([*flows, (f"CO2E:Outside:{party}", "CO2E", -carbon), (f"CO2E:{party}:{lot}", "CO2E", carbon)])

    def _flow(self, flows):
        """A posting of all that is not nothing; its accounts open when they are first needed."""
        legs = [leg_of(*flow) for flow in flows if flow[2]]
        self.opens = {leg["account"] for leg in legs}
        return legs, None, None

    def _must_be_new(self, party, lot):
        if f"Stock:{party}:{lot}" in self.accounts:
            raise No("product_lot_exists")

    def _carbon_of(self, command, party, lot, quantity):
        """The carbon that goes with so much of a lot, taken no earlier than anything else was."""
        account = f"Stock:{party}:{lot}"
        there = self.balance(account, "PRODUCT")
        if quantity > there:
            raise No("product_insufficient")
        on = command.get("effective_on") or command.get("occurred_on") or self.today
        if any(fact.account == account and fact.day > on for fact in self.facts):
            raise No("product_out_of_order")
        return _by_largest_remainder(self.balance(f"CO2E:{party}:{lot}", "CO2E"), [quantity, there - quantity])[0]

    def _owed(self, trade, quantity):
        """What so many of a trade's certificates cost, in whole fen."""
        return (trade["amount_fen"] or 0) * quantity // trade["whole"]

    def _standing(self, command):
        trade = self.trades.get(command["trade_id"])
        if trade is None:
            raise No("trade_unknown")
        if trade["state"] == "VOID":
            raise No("trade_void")
        return trade

    def _place(self, trade):
        """The account a trade brought its units to."""
        return f"Clearing:{trade['platform']}" if trade["state"] == "TRADED" else f"Holding:Ent:{trade['buyer']}"

    def _units(self, command):
        """The lot and serials that codes name: their series, if they can be read and fit, else the lot as it was."""
        lot = command["lot"]
        widths = [row["rule"] for row in self.rows if row["rule"]["kind"] == "code_layout"]
        first, last = (_cut(command.get(name) or "", widths[-1]) for name in ("code_first", "code_last"))
        if first is None or last is None or first[:3] != last[:3]:
            return lot, ()
        project, month, classes, low = first
        right_count = command.get("quantity") in {None, last[3] - low + 1} and last[3] >= low
        if not right_count or (project, month) != (lot["project"], lot["production_month"]):
            return lot, ()
        return lot | {"code": f"{project}/{month}/{classes}", "numbered": True}, tuple(range(low, last[3] + 1))

    # What every posting must pass, in this order.

    def _dates(self, request, today):
        command, role = request["command"], request["role"]
        occurred_on = command.get("occurred_on") or today
        effective_on = command.get("effective_on") or occurred_on
        if effective_on < occurred_on:
            raise No("effective_before_occurred")
        if {occurred_on, effective_on} == {today}:
            return effective_on
        rules = [row["rule"] for row in self.rows if row["rule"]["kind"] == "dating" and row["rule"]["role"] == role]
        if not rules:
            raise No("policy_missing")
        for given in (occurred_on, effective_on):
            if given > today and not rules[-1]["future"]:
                raise No("future_date_not_permitted")
            if given < today and not rules[-1]["past"]:
                raise No("past_date_not_permitted")
        if rules[-1]["document"] and "document" not in command.get("evidence", {}):
            raise No("document_needed")
        return effective_on

    def _strange_lots(self, legs, tenant):
        """Lots that an enterprise names and never held in the accounts it names: to it, they do not exist."""
        if tenant is None:
            return set()
        own = {leg["account"] for leg in legs if owner_of(leg["account"]) == tenant}
        held = {fact.lot for fact in self.facts if fact.account in own}
        return {leg["lot"] for leg in legs if leg.get("lot") is not None} - held

    def _check_shape(self, legs, lot, strange=()):
        if len(legs) < 2:
            raise No("too_few_postings")
        sums, known = {}, self.lots if lot is None else {lot["code"]: lot} | self.lots
        known = known | {code: {"numbered": True} for code in strange}
        for leg in legs:
            if leg["quantity"] == 0:
                raise No("invalid_quantity")
            if leg["account"] not in self.accounts or COMMODITY_OF_KIND[kind_of(leg["account"])] != leg["commodity"]:
                raise No("unknown_account")
            if leg.get("lot") is not None and leg["lot"] not in known:
                raise No("unknown_lot")
            if leg["serials"]:
                numbered = leg.get("lot") is not None and known[leg["lot"]].get("numbered")
                if not numbered or len(leg["serials"]) != abs(leg["quantity"]):
                    raise No("serials_mismatch")
                if list(leg["serials"]) != sorted(set(leg["serials"])):
                    raise No("serials_mismatch")
            key = (leg["commodity"], leg.get("lot") if leg["commodity"] in LOT_BEARING else None)
            sums[key] = sums.get(key, 0) + leg["quantity"]
        if any(sums.values()):
            raise No("unbalanced")

    def _check_moves(self, request, legs, today):
        command, role, tenant = request["command"], request["role"], request["tenant"]
        on = self.days[0] if self.days else command.get("occurred_on") or today
        for source in legs:
            if source["quantity"] > 0:
                continue
            owner = owner_of(source["account"])
            if tenant is not None and owner != tenant and source["account"] != "Commitment:Contra":
                raise No("not_your_account")
            for target in legs:
                if target["quantity"] < 0 or target["commodity"] != source["commodity"]:
                    continue
                if source["commodity"] in LOT_BEARING and target.get("lot") != source.get("lot"):
                    continue
                promised = target["account"].startswith("Commitment:Ent:")
                if tenant is not None and promised and target["account"] != f"Commitment:Ent:{tenant}":
                    raise No("not_your_account")
                wanted = {
                    "kind": "move",
                    "command": command["type"],
                    "commodity": source["commodity"],
                    "role": role,
                    "source": kind_of(source["account"]),
                    "target": kind_of(target["account"]),
                }
                in_force = [row for row in self.rows if row["in_force_from"] <= on <= row.get("in_force_to", "9999")]
                if not any(row["rule"] == wanted for row in in_force):
                    raise No("move_not_allowed")

    def _select(self, legs, effective_on, command, on):
        """Spread legs without a lot over what the source has: soonest expiry, then the oldest lot."""
        open_legs = [leg for leg in legs if leg["commodity"] in LOT_BEARING and leg.get("lot") is None]
        if not open_legs:
            if "match" in command:
                raise No("lot_or_match")
            return legs
        rest = [leg for leg in legs if leg not in open_legs]
        source, target = (min(open_legs, key=_signed), max(open_legs, key=_signed))
        if len(open_legs) != 2 or rest or kind_of(source["account"]) in MAY_GO_BELOW_ZERO:
            raise No("lot_needed")
        # What was claimed before by mistake is the last to be chosen: without a proof it cannot be claimed.
        for passed_over in (self.passed_over, set()):
            wanted, chosen = target["quantity"], []
            for lot in sorted(self.lots.values(), key=lambda lot: (self.valid_until(lot), lot["number"])):
                if self._no_claim(command, lot, on) is not None:
                    continue
                if any(lot.get(name) != value for name, value in command.get("match", {}).items()):
                    continue
                free = self._available(source["account"], "GEC", lot["code"], effective_on)
                places = self.positions()
                free -= sum(one[0] == lot["code"] and source["account"] in places.get(one, ()) for one in passed_over)
                took = min(wanted, max(0, free))
                if took:
                    chosen.append(leg_of(source["account"], "GEC", -took, lot["code"]))
                    chosen.append(leg_of(target["account"], "GEC", took, lot["code"]))
                    wanted -= took
            if not wanted:
                return chosen
        raise No("insufficient_balance")

    def valid_until(self, lot):
        """The last day the lot's certificates may be used."""
        month = lot["production_month"]
        for row in self.rows:
            rule = row["rule"]
            if rule["kind"] == "validity" and rule["produced_from"] <= month < rule["produced_before"]:
                if rule["valid_until"]:
                    return rule["valid_until"]
                after = int(month[:4]) * 12 + int(month[5:]) - 1 + int(rule["months"])
                return (datetime.date(after // 12, after % 12 + 1, 1) - datetime.timedelta(days=1)).isoformat()
        raise AssertionError(f"no validity for {month}")

    def _check_balances(self, command, legs, effective_on):
        for key in {(leg["account"], leg["commodity"], leg.get("lot")) for leg in legs}:
            # Before anything is taken in: an account cannot give what it gets back in the same breath.
            change = sum(
                leg["quantity"]
                for leg in legs
                if (leg["account"], leg["commodity"], leg.get("lot")) == key and leg["quantity"] < 0
            )
            if change == 0 or kind_of(key[0]) in MAY_GO_BELOW_ZERO or self._available(*key, effective_on) + change >= 0:
                continue
            if not _confirmed(command) or self.balance(key[0], key[1], key[2], any_lot=False) + change < 0:
                raise No("insufficient_balance")

    def _available(self, account, commodity, lot, day):
        """The least balance on any effective day from `day` on."""
        days = {day} | {fact.day for fact in self.facts if fact.day > day}
        return min(self.balance(account, commodity, lot, effective_as_of=each, any_lot=False) for each in days)

    def _name_serials(self, legs, new_lot, effective_on, once):
        """Name the serials of every leg in a numbered lot: as asked, else the lowest that the source holds."""
        known = self.lots if new_lot is None else {new_lot["code"]: new_lot} | self.lots
        named, pools = [], {}
        for leg in sorted(legs, key=_signed):
            if leg["commodity"] not in LOT_BEARING or not known[leg["lot"]].get("numbered"):
                named.append(leg)
                continue
            pool = pools.setdefault(leg["lot"], [])
            if leg["quantity"] < 0:
                got = self._give(leg, effective_on, once, already=pool)
                pool += got
            else:
                got = leg["serials"] or tuple(sorted(pool)[: leg["quantity"]])
                if not set(got) <= set(pool):
                    raise No("serial_not_held")
                for serial in got:
                    pool.remove(serial)
            named.append(dict(leg, serials=tuple(got)))
        return named

    def _give(self, leg, effective_on, once, already):
        done = {serial for what, lot, serial in self.done if (what, lot) == (once, leg["lot"])}
        if leg["account"].startswith(OUTSIDE):
            if not leg["serials"]:
                raise No("serials_mismatch")
            inside = self.positions().keys() - self.adopts
            if any((leg["lot"], serial) in inside for serial in leg["serials"]):
                raise No("serial_conflict")
            if done & set(leg["serials"]):
                raise No("already_issued" if once == "issued" else "already_traded")
            return leg["serials"]
        held = [serial for serial in self._held(leg["account"], leg["lot"], effective_on) if serial not in already]
        if leg["serials"]:
            if not set(leg["serials"]) <= set(held):
                raise No("serial_not_held")
            if done & set(leg["serials"]):
                raise No("already_traded")
            return leg["serials"]
        held = [serial for serial in held if serial not in done]
        free = [serial for serial in held if (leg["lot"], serial) not in self.passed_over]
        if len(free) >= -leg["quantity"]:
            held = free
        if len(held) < -leg["quantity"]:  # enough by count, but some of them come in or leave later
            raise No("serials_mismatch")
        return tuple(held[: -leg["quantity"]])

    def _held(self, account, lot, day):
        """The serials of the lot that lie in the account on every effective day from `day` on, lowest first."""
        mine = [fact for fact in self.facts if (fact.account, fact.lot) == (account, lot) and fact.serials]
        days = {day} | {fact.day for fact in mine if fact.day > day}
        found = None
        for each in days:
            count = {}
            for fact in mine:
                for serial in fact.serials if fact.day <= each else ():
                    count[serial] = count.get(serial, 0) + (1 if fact.quantity > 0 else -1)
            there = {serial for serial, times in count.items() if times >= 1}
            found = there if found is None else found & there
        return sorted(found or ())

    def _balances_after(self, request, legs):
        tenant = request["tenant"]
        touched = {(leg["account"], leg["commodity"]) for leg in legs}
        mine = [key for key in touched if tenant is None or owner_of(key[0]) == tenant]
        return tuple(sorted((account, commodity, self.balance(account, commodity)) for account, commodity in mine))

    def _record(self):
        self.size += 1
        return self.size - 1


def leg_of(account, commodity, quantity, lot=None, serials=()):
    """One leg, its serials written out one by one."""
    return {"account": account, "commodity": commodity, "quantity": quantity, "lot": lot, "serials": tuple(serials)}


def serials_of(ranges):
    """Every serial of half-open ranges; a range that holds none makes the list unfit on purpose."""
    found = []
    for first, end in ranges:
        found += range(first, end) if first < end else [first, first]
    return tuple(found)


def _by_largest_remainder(total, weights):
    """Whole shares in proportion: each rounded down, then one more to whoever lost most, the earlier first."""
    whole = sum(weights)
    shares = [total * weight // whole for weight in weights]
    lost = sorted(range(len(weights)), key=lambda at: -(total * weights[at] % whole))
    for at in lost[: total - sum(shares)]:
        shares[at] += 1
    return shares


def owner_of(account):
    """Whose account it is, by its name: Retired, Contract and product lots name their owner first, the others last."""
    parts = account.split(":")
    if parts[0] in {"CO2E", "Stock"} and parts[1] not in {"Emitted", "Outside", "Made"}:
        return parts[1]
    if "Contract" in parts:
        return parts[2]
    return parts[1] if parts[0] == "Retired" else parts[-1]


def kind_of(account):
    """The kind of an account, by the longest prefix of its name."""
    return KIND_OF_PREFIX[max((p for p in KIND_OF_PREFIX if account == p or account.startswith(p + ":")), key=len)]


def _confirmed(command):
    """Statement facts that are certain may break the rule on later days, though not the balance in the end."""
    of_trade = command["type"] in {"trade", "transfer_trade", "identify_trade", "void_trade", "deliver"}
    return of_trade and command.get("evidence", {}).get("level") == "CONFIRMED"


def _sign(leg):
    return 1 if leg["quantity"] > 0 else -1


def _signed(leg):
    return leg["quantity"]


def _cut(code, widths):
    """(project, month, classes, serial) of a certificate code, or None."""
    if len(code) != 32 or not all(c in "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ" for c in code):
        return None
    fields, rest = [], code
    for name in ("project", "month", "serial"):
        fields.append(rest[: int(widths[name])])
        rest = rest[int(widths[name]) :]
    (project, month, serial), classes = fields, rest
    if not (month.isdigit() and serial.isdigit() and 1 <= int(month[4:]) <= 12):
        return None
    return project, f"{month[:4]}-{month[4:]}", classes, int(serial)
