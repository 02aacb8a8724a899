"""Statement files over HTTP: received at once, read and checked in the background, posted when somebody says so."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal, get_args

import msgspec
from litestar import Controller, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, MultipartBody, PathParameter, QueryParameter
from litestar.response import ServerSentEvent, ServerSentEventMessage

from api import cursors, problems
from api.accounts import Cursor
from api.import_schemas import ImportOut, ImportRowOut, ImportRowsOut, ImportsOut
from api.park_bodies import LineRejectionIn
from api.problems import Problem
from api.schemas import ReceiptOut
from api.security import MAY_IMPORT, MAY_READ_PARK, credential_of
from api.transactions import answer
from ledger.core.command import RejectLine, canonical
from ledger.core.command import Request as LedgerRequest
from ledger.core.refusal import refuse
from ledger.imports.draft import line_key, line_of_sheet
from ledger.imports.job import READ, SignOff, Source
from ledger.imports.reading import ImportReading, JobSeen
from ledger.imports.sheets import BYTES_MAX
from ledger.reports.scope import scope_of
from ledger.writer import Ledger, Posted

ImportPath = Annotated[str, PathParameter(pattern=r"^[0-9a-f]{32}$", description="The import's id.")]
LinePath = Annotated[int, PathParameter(ge=1, le=2_000_000, description="The line in the file, counted from 1.")]
_EVENTS = ResponseSpec(str, media_type="text/event-stream", generate_examples=False, description="Events, as they come")
RowLimit = Annotated[int, QueryParameter(ge=1, le=cursors.LIMIT_MAX, description="Rows on a page.")]
Verdict = Annotated[
    Literal["duplicate", "conflict", "rejected"] | None,
    QueryParameter(required=False, description="Only rows set aside so; by default all."),
]
WhoseStatement = Annotated[
    Source,
    QueryParameter(required=False, description="Whose it is: what rests on an enterprise's own file is REPORTED."),
]
SignOffReason = Annotated[
    SignOff | None,
    QueryParameter(
        required=False, description="Why totals that differ are accepted; without it such a file is refused."
    ),
]
FORM_BYTES_MAX = BYTES_MAX + 64 * 1024
"""A file, and the form around it."""
LOOK_SECONDS = 0.5
"""How often a listener's job is looked at."""
State = Literal[
    "received",
    "reading",
    "read",
    "checked",
    "refused",
    "ordered",
    "posting",
    "partly_posted",
    "posted",
    "rejected",
    "unreadable",
]
STATES = get_args(State)
InState = Annotated[
    State | None,
    QueryParameter(name="state", required=False, description="Only imports in this state."),
]
SETTLED = {"checked", "refused", "partly_posted", "posted", "rejected", "unreadable"}
"""States in which nothing happens before somebody decides."""


class StatementForm(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A statement file: CSV, XLSX, XLS or ODS."""

    file: UploadFile


class ImportController(Controller):
    """Exchange statements and park summaries."""

    path = "/v1/imports"
    tags = ("imports",)

    @post(
        "",
        operation_id="postImport",
        summary="Upload a statement",
        opt=MAY_IMPORT.opt(),
        status_code=202,
        request_max_body_size=FORM_BYTES_MAX,
        responses=problems.declared(*problems.WRITE),
    )
    async def receive(
        self, request: Request[Any, Any, Any], data: MultipartBody[StatementForm], source: WhoseStatement = "platform"
    ) -> Response[ImportOut]:
        """The file is kept by its hash, then read and checked in the background: nothing posts before it is told to.

        A file whose import is not over gets that import again.
        """
        async with _importer(request) as importer:
            name = data.file.filename.replace("\0", "")[:255]
            principal = credential_of(request).principal
            job = await importer.receive(name, data.file.file, by=principal, source=source)
        request.app.state.imports.wake()
        return await _answer(request, job.job_id, status_code=202)

    @get(
        "", operation_id="listImports", summary="Imports, newest first", opt=MAY_READ_PARK.opt(),
        responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def list(
        self, request: Request[Any, Any, Any], only: InState = None, limit: RowLimit = 100, cursor: Cursor = None
    ) -> ImportsOut:
        """What was received, and how far it has come; those refused or checked wait for somebody to decide."""
        (after,) = (0,) if cursor is None else cursors.decode(cursor, 1)
        jobs = await _reading(request).jobs(_scope(request), after=after, limit=limit + 1, state=only)
        more = cursors.encode(after + limit) if len(jobs) > limit else None
        return ImportsOut(items=[_out(job) for job in jobs[:limit]], next_cursor=more)

    @get(
        "/{import_id:str}", operation_id="getImport", summary="One import", opt=MAY_READ_PARK.opt(),
        responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def show(self, request: Request[Any, Any, Any], import_id: ImportPath) -> ImportOut:
        """Its state, and the report of what it says, would post, or has posted."""
        return _out(await _job(request, import_id))

    @get(
        "/{import_id:str}/rows", operation_id="listImportRows", summary="The rows of an import",
        opt=MAY_READ_PARK.opt(), responses=problems.declared(*problems.READ),
    )  # fmt: skip
    async def rows(
        self,
        request: Request[Any, Any, Any],
        import_id: ImportPath,
        verdict: Verdict = None,
        limit: RowLimit = 100,
        cursor: Cursor = None,
    ) -> ImportRowsOut:
        """A trade statement's rows as they were read, each with what became of it; before anything posts, too."""
        await _job(request, import_id)
        (after,) = (0,) if cursor is None else cursors.decode(cursor, 1)
        rows = await _reading(request).rows(_scope(request), import_id, after=after, limit=limit + 1, verdict=verdict)
        items = [
            ImportRowOut(line=r.line, identity=r.identity, verdict=r.verdict, values=msgspec.structs.asdict(r.values))
            for r in rows[:limit]
        ]
        more = cursors.encode(rows[limit - 1].seq) if len(rows) > limit else None
        return ImportRowsOut(items=items, next_cursor=more)

    @post(
        "/{import_id:str}/posting", operation_id="postImportPosting", summary="Post an import",
        opt=MAY_IMPORT.opt(), status_code=202, responses=problems.declared(*problems.WRITE),
    )  # fmt: skip
    async def order(
        self, request: Request[Any, Any, Any], import_id: ImportPath, sign_off: SignOffReason = None
    ) -> Response[ImportOut]:
        """It is planned anew against the book as it is now, and posts whole or not at all; a large one in chunks.

        A refused one may be ordered again once its cause is cured. Where its own totals do not match its rows, somebody
        may sign the difference off, which the record of the import then says.
        """
        await _decide(request, import_id, "ordered", sign_off)
        request.app.state.imports.wake()
        return await _answer(request, import_id, status_code=202)

    @post(
        "/{import_id:str}/rejection", operation_id="postImportRejection", summary="Reject an import",
        opt=MAY_IMPORT.opt(), status_code=200, responses=problems.declared(*problems.WRITE),
    )  # fmt: skip
    async def reject(self, request: Request[Any, Any, Any], import_id: ImportPath) -> Response[ImportOut]:
        """Nothing of it posts; the file stays kept."""
        await _decide(request, import_id, "rejected")
        return await _answer(request, import_id, status_code=200)

    @post(
        "/{import_id:str}/check", operation_id="postImportCheck", summary="Check an import again",
        opt=MAY_IMPORT.opt(), status_code=202, responses=problems.declared(*problems.WRITE),
    )  # fmt: skip
    async def check(self, request: Request[Any, Any, Any], import_id: ImportPath) -> Response[ImportOut]:
        """Against the book as it is now: once a name, a rule or an original it wanted is there."""
        await _decide(request, import_id, "read")
        request.app.state.imports.wake()
        return await _answer(request, import_id, status_code=202)

    @post(
        "/{import_id:str}/owner", operation_id="postImportOwner", summary="Take an import over",
        opt=MAY_IMPORT.opt(), status_code=200, responses=problems.declared(*problems.WRITE),
    )  # fmt: skip
    async def own(self, request: Request[Any, Any, Any], import_id: ImportPath) -> Response[ImportOut]:
        """The caller sees to its exceptions from now on."""
        await _job(request, import_id)
        async with _importer(request) as importer:
            await importer.jobs.change(import_id, was=STATES, owner=credential_of(request).principal.actor)
        return await _answer(request, import_id, status_code=200)

    @post(
        "/{import_id:str}/rows/{line:int}/rejection", operation_id="postLineRejection", summary="Reject a line",
        opt=MAY_IMPORT.opt(), status_code=201, responses=problems.declared(*problems.WRITE),
    )  # fmt: skip
    async def reject_line(
        self, request: Request[Any, Any, Any], import_id: ImportPath, line: LinePath, data: JSONBody[LineRejectionIn]
    ) -> Response[ReceiptOut]:
        """A fact of its own: this line never posts, however often its file is imported; the rest is checked again.

        What the line says is no longer in the file's sums: totals that differ by it are to be signed off.
        """
        job = await _job(request, import_id)
        if job.state not in READ:
            raise Problem(refuse("import_not_ready", id=import_id, state=job.state))
        async with _importer(request) as importer:
            where = line_of_sheet(data.sheet, line)
            command = RejectLine(document=job.document, sheet=where[0], line=line, reason=data.reason)
            key = line_key(job.document, where)
            wish = LedgerRequest(
                command=command, principal=credential_of(request).principal, request_key=key, evidence_key=key,
                canonical=canonical(command),
            )  # fmt: skip
            outcome = await importer.writer.submit(wish)
            if isinstance(outcome, Posted):
                await importer.jobs.change(import_id, was=READ, state="read")
        request.app.state.imports.wake()
        return answer(outcome)

    @get(
        "/{import_id:str}/events", operation_id="listenToImport", summary="An import's progress, as it comes",
        opt=MAY_READ_PARK.opt(), responses={200: _EVENTS} | problems.declared(*problems.READ),
    )  # fmt: skip
    async def listen(self, request: Request[Any, Any, Any], import_id: ImportPath) -> ServerSentEvent:
        """Server-sent events named `progress`, each the import's document; the last is named `settled`."""
        await _job(request, import_id)
        return ServerSentEvent(_progress(request, import_id))


async def _progress(request: Request[Any, Any, Any], import_id: str) -> AsyncIterator[ServerSentEventMessage]:
    told = None
    while True:
        job = _out(await _job(request, import_id))
        if job.state in SETTLED:
            yield ServerSentEventMessage(event="settled", data=msgspec.json.encode(job).decode())
            return
        if job != told:
            told = job
            yield ServerSentEventMessage(event="progress", data=msgspec.json.encode(job).decode())
        await asyncio.sleep(LOOK_SECONDS)


async def _decide(request: Request[Any, Any, Any], import_id: str, state: str, sign_off: SignOff | None = None) -> None:
    """Have an import posted, or rejected; 409 where it is not read yet, or over."""
    await _job(request, import_id)
    async with _importer(request) as importer:
        if state == "ordered":
            principal = credential_of(request).principal
            done = await importer.jobs.order(import_id, principal, was=READ, sign_off=sign_off)
        else:  # rejected, or to be checked again
            done = await importer.jobs.change(import_id, was=READ, state=state)
        if not done:
            found = (await importer.jobs.get(import_id)).state
            raise Problem(refuse("import_not_ready", id=import_id, state=found))


async def _answer(request: Request[Any, Any, Any], import_id: str, *, status_code: int) -> Response[ImportOut]:
    body = _out(await _job(request, import_id))
    return Response(body, status_code=status_code, headers={"Location": f"/v1/imports/{import_id}"})


async def _job(request: Request[Any, Any, Any], import_id: str) -> JobSeen:
    found = await _reading(request).job(_scope(request), import_id)
    if found is None:
        raise Problem(refuse("not_found", what=f"import {import_id}"))
    return found


def _out(job: JobSeen) -> ImportOut:
    return ImportOut(
        id=job.job_id, document=job.document, file=job.name, source=job.source, state=job.state, owner=job.owner,
        received_by=job.received_by, received_at=job.received_at, changed_at=job.changed_at, rows=job.row_count,
        posted_rows=job.posted_seq,
        report=job.report,
    )  # fmt: skip


def _reading(request: Request[Any, Any, Any]) -> ImportReading:
    return ImportReading(request.app.state.reading.reader)


def _scope(request: Request[Any, Any, Any]) -> Any:
    credential = credential_of(request)
    return scope_of(credential.ledger_id, credential.principal)


def _importer(request: Request[Any, Any, Any]) -> Any:
    credential = credential_of(request)
    return request.app.state.imports.of(Ledger(credential.ledger_id, credential.ledger, credential.zone))
