"""The slow, obvious ledger that the real one is held against: standard library only, no line shared with it.

It takes plain dicts (the canonical JSON of a command, parsed) and civil days, keeps one list of facts, and answers
every question by going through all of them. No index, no cache, no running figure: what it says is easy to check.
"""

import copy
import datetime

FROZEN = {
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
}
"""Refusals that depend on the state of the book: recorded, and the same for ever under their key."""
LOT_BEARING = {"GEC"}
OPENED = ("Frozen:", "Retired:")
"""Accounts that open when they are first needed."""
OUTSIDE = ("External:", "Identification:")
"""Where numbered certificates come into the book from, by name."""
MAY_GO_BELOW_ZERO = {"issuance", "external", "opening", "suspense", "identification", "commitment_contra", "payable"}
KIND_OF_PREFIX = {
    "Holding:Ent": "holding_ent",
    "Clearing": "clearing",
    "Identification": "identification",
    "Frozen": "frozen",
    "Retired": "retired",
    "External": "external",
    "Commitment:Ent": "commitment_ent",
    "Commitment:Contra": "commitment_contra",
    "Commitment:Unallocated": "commitment_unallocated",
    "Inventory:GEC": "inventory_gec",
    "Payable": "payable",
}
COMMODITY_OF_KIND = {
    "holding_ent": "GEC",
    "clearing": "GEC",
    "identification": "GEC",
    "frozen": "GEC",
    "retired": "GEC",
    "external": "GEC",
    "commitment_ent": "GECSUB",
    "commitment_contra": "GECSUB",
    "commitment_unallocated": "GECSUB",
    "inventory_gec": "CNY",
    "payable": "CNY",
}
ACCOUNTS_OF_PARTY = {
    "enterprise": ("Holding:Ent", "Commitment:Ent", "Inventory:GEC", "Payable"),
    "seller": ("External",),
    "platform": ("Clearing", "Identification"),
}


class No(Exception):
    """The command is refused with this code."""

    @property
    def code(self):
        return self.args[0]


class Answer:
    """What the ledger says: `code` is None where the command was posted."""

    def __init__(self, code, index=None, balances=(), *, replayed=False):
        self.code, self.index, self.balances, self.replayed = code, index, balances, replayed

    def __repr__(self):
        return f"Answer({self.code or 'posted'}, {self.index}, replayed={self.replayed})"


class Fact:
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
        self.lots, self.trades = {}, {}
        self.answers, self.evidence = {}, {}

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
        except No as no:
            self.__dict__ = before
            if no.code not in FROZEN:
                return Answer(no.code)
            answer = Answer(no.code, self._record())
        else:
            answer = Answer(None, self.size - 1, balances)
        self.answers[key] = (request["command"], answer)
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
        self.answers[request["tenant"] or "", request["request_key"]] = (request["command"], frozen)
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
        if request["evidence_key"] is not None and request["evidence_key"] in self.evidence:
            raise No("evidence_used")
        legs, lot, trade = getattr(self, "_plan_" + command["type"])(command)
        missing = {leg["account"] for leg in legs if leg["account"].startswith(OPENED)} - self.accounts
        self.accounts |= missing  # taken back where the command is refused
        effective_on = self._dates(request, today)
        strange = self._strange_lots(legs, request["tenant"])
        self._check_shape(legs, lot, strange)
        self._check_moves(request, legs, today)
        if strange:
            raise No("unknown_lot")
        on = command.get("occurred_on") or today
        legs = self._select(legs, effective_on, command, on)
        self._check_claim(command, legs, on)
        self._check_balances(command, legs, effective_on)
        dips = self.confirmed_serials_may_dip and _confirmed(command)
        legs = self._name_serials(legs, lot, "9999" if dips else effective_on)
        for _ in missing:
            self._record()
        if lot is not None and lot["code"] not in self.lots:
            self.lots[lot["code"]] = lot | {"number": self._record()}
        if command["type"] == "retire":
            self._record()
        index = self._record()
        self.facts += [Fact(index, leg, effective_on) for leg in legs]
        if request["evidence_key"] is not None:
            self.evidence[request["evidence_key"]] = index
        if trade is not None:
            self.trades[trade["trade_id"]] = trade
        return self._balances_after(request, legs)

    def _open(self, request):
        if request["role"] != "admin":
            raise No("forbidden")
        if self.size:
            raise No("ledger_exists")
        self.rows = request["command"]["rows"]
        self.size = 1 + len(self.rows)
        self.accounts |= {"Commitment:Contra", "Commitment:Unallocated"}
        self._record()
        return ()

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

    def _plan_transfer(self, command):
        return [dict(leg, serials=serials_of(leg.get("serials", ()))) for leg in command["legs"]], None, None

    def _plan_subscribe(self, command):
        enterprise = command.get("enterprise")
        if enterprise is not None and enterprise not in self.parties:
            raise No("unknown_party")
        target = f"Commitment:Ent:{enterprise}" if enterprise else "Commitment:Unallocated"
        quantity = command["quantity"]
        return [leg_of("Commitment:Contra", "GECSUB", -quantity), leg_of(target, "GECSUB", quantity)], None, None

    def _plan_freeze(self, command):
        return self._freeze(command, "Holding:Ent", "Frozen")

    def _plan_unfreeze(self, command):
        return self._freeze(command, "Frozen", "Holding:Ent")

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

    def _check_claim(self, command, legs, on):
        if command["type"] == "retire":
            for leg in legs:
                if (why := self._no_claim(command, self.lots[leg["lot"]], on)) is not None:
                    raise No(why)

    def _no_claim(self, command, lot, on):
        """Why the lot's certificates may not be claimed on that day for the command's year; None where they may."""
        if on > self.valid_until(lot):
            return "expired"
        year = command["year"]
        for row in self.rows:
            rule = row["rule"]
            if rule["kind"] == "vintage_match" and rule["consumed_from"] <= year < rule["consumed_before"]:
                same = lot["production_month"].startswith(year)
                return None if same or rule["match"] == "WITHIN_VALIDITY" else "wrong_vintage"
        raise AssertionError(f"no vintage rule for {year}")

    def _freeze(self, command, source, target):
        enterprise, quantity = command["enterprise"], command["quantity"]
        if enterprise not in self.parties:
            raise No("unknown_party")
        if "document" not in command.get("evidence", {}):
            raise No("authority_needed")
        lot, serials = command.get("lot"), serials_of(command.get("serials", ()))
        legs = [
            leg_of(f"{source}:{enterprise}", "GEC", -quantity, lot, serials),
            leg_of(f"{target}:{enterprise}", "GEC", quantity, lot, serials),
        ]
        return legs, None, None

    def _plan_trade(self, command):
        if not {command["buyer"], command["seller"]} <= self.parties.keys():
            raise No("unknown_party")
        if command["trade_id"] in self.trades:
            raise No("trade_exists")
        lot, serials = self._units(command)
        quantity, fen = command["quantity"], command.get("amount_fen")
        legs = [
            leg_of(f"External:{command['seller']}", "GEC", -quantity, lot["code"], serials),
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
        at, through, quantity = self._place(trade), f"Identification:{trade['platform']}", trade["quantity"]
        legs = [
            leg_of(at, "GEC", -quantity, trade["lot"]),
            leg_of(through, "GEC", quantity, trade["lot"]),
            leg_of(through, "GEC", -quantity, new["code"], serials),
            leg_of(at, "GEC", quantity, new["code"], serials),
        ]
        if trade["amount_fen"]:
            legs.append(leg_of(f"Inventory:GEC:{trade['buyer']}", "CNY", -trade["amount_fen"], trade["lot"]))
            legs.append(leg_of(f"Inventory:GEC:{trade['buyer']}", "CNY", trade["amount_fen"], new["code"]))
        return legs, new, trade | {"lot": new["code"], "serials": serials}

    def _plan_void_trade(self, command):
        trade = self._standing(command)
        legs = [
            leg_of(self._place(trade), "GEC", -trade["quantity"], trade["lot"], trade["serials"]),
            leg_of(f"External:{trade['seller']}", "GEC", trade["quantity"], trade["lot"], trade["serials"]),
        ]
        if trade["amount_fen"]:
            legs.append(leg_of(f"Inventory:GEC:{trade['buyer']}", "CNY", -trade["amount_fen"], trade["lot"]))
            legs.append(leg_of(f"Payable:{trade['buyer']}", "CNY", trade["amount_fen"], trade["lot"]))
        return legs, None, trade | {"state": "VOID"}

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
        right_count = last[3] - low + 1 == command["quantity"]
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
        on = command.get("occurred_on") or today
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
            return legs
        rest = [leg for leg in legs if leg not in open_legs]
        source, target = (min(open_legs, key=_signed), max(open_legs, key=_signed))
        if len(open_legs) != 2 or rest or kind_of(source["account"]) in MAY_GO_BELOW_ZERO:
            raise No("lot_needed")
        wanted, chosen = target["quantity"], []
        for lot in sorted(self.lots.values(), key=lambda lot: (self.valid_until(lot), lot["number"])):
            if command["type"] == "retire" and self._no_claim(command, lot, on) is not None:
                continue
            took = min(wanted, max(0, self._available(source["account"], "GEC", lot["code"], effective_on)))
            if took:
                chosen.append(leg_of(source["account"], "GEC", -took, lot["code"]))
                chosen.append(leg_of(target["account"], "GEC", took, lot["code"]))
                wanted -= took
        if wanted:
            raise No("insufficient_balance")
        return chosen

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

    def _name_serials(self, legs, new_lot, effective_on):
        """Name the serials of every leg in a numbered lot: as asked, else the lowest that the source holds."""
        known = self.lots if new_lot is None else {new_lot["code"]: new_lot} | self.lots
        named, pools = [], {}
        for leg in sorted(legs, key=_signed):
            if leg["commodity"] not in LOT_BEARING or not known[leg["lot"]].get("numbered"):
                named.append(leg)
                continue
            pool = pools.setdefault(leg["lot"], [])
            if leg["quantity"] < 0:
                got = self._give(leg, effective_on, already=pool)
                pool += got
            else:
                got = leg["serials"] or tuple(sorted(pool)[: leg["quantity"]])
                if not set(got) <= set(pool):
                    raise No("serial_not_held")
                for serial in got:
                    pool.remove(serial)
            named.append(dict(leg, serials=tuple(got)))
        return named

    def _give(self, leg, effective_on, already):
        if leg["account"].startswith(OUTSIDE):
            if not leg["serials"]:
                raise No("serials_mismatch")
            inside = self.positions()
            if any((leg["lot"], serial) in inside for serial in leg["serials"]):
                raise No("serial_conflict")
            return leg["serials"]
        held = [serial for serial in self._held(leg["account"], leg["lot"], effective_on) if serial not in already]
        if leg["serials"]:
            if not set(leg["serials"]) <= set(held):
                raise No("serial_not_held")
            return leg["serials"]
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
            there = {serial for serial, times in count.items() if times == 1}
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


def owner_of(account):
    """Whose account it is, by its name: Retired:<id>:<purpose>:<year> names its owner first, the others last."""
    parts = account.split(":")
    return parts[1] if parts[0] == "Retired" else parts[-1]


def kind_of(account):
    """The kind of an account, by the longest prefix of its name."""
    return KIND_OF_PREFIX[max((p for p in KIND_OF_PREFIX if account == p or account.startswith(p + ":")), key=len)]


def _confirmed(command):
    """Statement facts that are certain may break the rule on later days, though not the balance in the end."""
    of_trade = command["type"] in {"trade", "transfer_trade", "identify_trade", "void_trade"}
    return of_trade and command.get("evidence", {}).get("level") == "CONFIRMED"


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
