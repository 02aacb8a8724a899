"""Four eyes: what policy says so waits as a proposal until a second person approves or rejects it. Pure.

A proposal reserves nothing. Its command is decided when it is proposed, so that what cannot be is refused at once,
and decided again when it is approved; both are facts. Proposer and approver differ by subject, and a system cannot
approve.
"""

import msgspec

from ledger.core.book import Book
from ledger.core.command import Approve, Principal, Reject, ReopenPeriod, Request, Role, canonical, decode
from ledger.core.events import Posting, Retire, Reverse, is_posting
from ledger.core.facts import ProposalFacts
from ledger.core.late import LATE, is_late
from ledger.core.periods import reopen
from ledger.core.posting_engine import decide_posting
from ledger.core.record import JudgementBody, Posted, PostingBody, ProposalBody
from ledger.core.refusal import Refusal, refuse


def decide_event(book: Book, request: Request, *, today: str) -> Posted | Refusal:
    """A posting command: its records, or the proposal it becomes where a rule wants a second person."""
    decision = decide_posting(book, request, today=today)
    command: Posting = request.command  # type: ignore[assignment]  # decide() sends only posting commands here
    if isinstance(decision, Refusal):
        return decision
    late = isinstance(command, Retire) and is_late(book, command.enterprise, _posted(decision), today)
    of = _what(book, command, late=late)
    if approver_of(book, command, of, today) is None:
        return decision
    if late and command.evidence.level != "CONFIRMED":
        return refuse("late_needs_confirmation", occurred_on=_posted(decision).occurred_on, today=today)
    return _proposal(request)


def propose_reopening(book: Book, command: ReopenPeriod, request: Request) -> Posted | Refusal:
    """A period is opened again by two people, whatever the rules say; what cannot be is refused at once."""
    decision = reopen(book, command)
    return decision if isinstance(decision, Refusal) else _proposal(request)


def _proposal(request: Request) -> Posted:
    principal = request.principal
    proposal = ProposalBody(
        command=request.canonical.decode(),
        evidence_key=request.evidence_key,
        role=principal.role,
        subject=principal.subject,
        tenant=principal.tenant,
    )
    return Posted((proposal,))


def _posted(decision: Posted) -> PostingBody:
    body = decision.bodies[-1]
    assert isinstance(body, PostingBody)
    return body


def approver_of(book: Book, command: Posting, of: str, today: str) -> str | None:
    """The role that must approve the command by a rule in force today, or None where nobody need."""
    found = book.policies.approval(str(type(command).__struct_config__.tag), of, today)
    return None if found is None else found[1].role


def _what(book: Book, command: Posting, *, late: bool) -> str:
    """What a rule of approval tells commands of one kind apart by: what a reversal takes back, a late claim."""
    if isinstance(command, Retire):
        return LATE if late else ""
    original = book.originals.get(command.transaction) if isinstance(command, Reverse) else None
    return "" if original is None else original.command


def decide_judgement(book: Book, request: Request, *, today: str) -> Posted | Refusal:
    """Approve or reject a proposal: `proposal_unknown`, `proposal_decided`, `second_person_needed`, `forbidden`.

    What is approved is decided again; where it no longer can be, it is refused and the proposal stays open.
    """
    command, principal = request.command, request.principal
    assert isinstance(command, Approve | Reject)
    known = book.proposals.get(command.proposal)
    if known is None:
        return refuse("proposal_unknown", proposal=command.proposal)
    if known.state != "open":
        return refuse("proposal_decided", proposal=command.proposal, state=known.state)
    inner = proposed(book, command.proposal)
    assert inner is not None
    role = _approver_of(book, inner, today)
    if role is not None and principal.role != role:
        return refuse("forbidden", role=principal.role, action="approve or reject proposals")
    if principal.subject == known.subject or principal.subject.startswith("system:"):
        return refuse("second_person_needed", proposal=command.proposal, subject=principal.subject)
    verdict = "approved" if isinstance(command, Approve) else "rejected"
    judgement = JudgementBody(proposal=str(command.proposal), subject=principal.subject, verdict=verdict)
    if verdict == "rejected":
        return Posted((judgement,))
    reopening = inner.command if isinstance(inner.command, ReopenPeriod) else None
    decision = decide_posting(book, inner, today=today) if reopening is None else reopen(book, reopening)
    if isinstance(decision, Refusal):
        return decision
    return Posted((judgement, *decision.bodies), inner.evidence_key)


def _approver_of(book: Book, inner: Request, today: str) -> str | None:
    """The role that must judge a proposal by the rules of today, or None where any may that may judge at all."""
    if isinstance(inner.command, ReopenPeriod):
        return "operator"
    assert is_posting(inner.command)
    posting: Posting = inner.command  # type: ignore[assignment]  # a posting command
    return approver_of(book, posting, _what(book, posting, late=True), today)


def proposed(book: Book, index: int) -> Request | None:
    """The request that a proposal would be, as its proposer made it; None where there is no such proposal."""
    known = book.proposals.get(index)
    if known is None:
        return None
    command = decode(known.command.encode())
    role: Role = known.role  # type: ignore[assignment]  # as the journal has it
    principal = Principal(actor="proposal", role=role, subject=known.subject, tenant=known.tenant)
    return Request(
        command=command,
        principal=principal,
        request_key=f"proposal:{index}",
        evidence_key=known.evidence_key,
        canonical=canonical(command),
    )


def unfolded(book: Book, request: Request) -> Request:
    """What a request would post, for loading: an approval posts what was proposed."""
    if isinstance(request.command, Approve):
        return proposed(book, request.command.proposal) or request
    return request


def learn_proposal(book: Book, index: int, body: ProposalBody) -> None:
    """A proposal waits from here on."""
    facts = ProposalFacts(
        log_index=index,
        command=body.command,
        role=body.role,
        subject=body.subject,
        tenant=body.tenant,
        evidence_key=body.evidence_key,
    )
    book.put(book.proposals, index, facts)


def learn_judgement(book: Book, index: int, body: JudgementBody) -> None:
    """A proposal is decided."""
    known = book.proposals[int(body.proposal)]
    judged = msgspec.structs.replace(known, state=body.verdict, judged_index=index)
    book.put(book.proposals, known.log_index, judged)
