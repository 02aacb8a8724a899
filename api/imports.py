"""Statement files over HTTP."""

from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, post
from litestar.datastructures import UploadFile
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import MultipartBody, QueryParameter

from api import problems
from api.problems import Problem
from api.security import MAY_IMPORT, credential_of
from ledger.core.refusal import refuse
from ledger.imports.posting import import_statement
from ledger.imports.report import ImportReport
from ledger.reports.scope import scope_of

DryRun = Annotated[bool, QueryParameter(name="dry_run", description="Read and check only; post nothing.")]


_REPLAY = ResponseSpec(ImportReport, generate_examples=False, description="Nothing new: imported before, or a dry run")


class StatementForm(msgspec.Struct, frozen=True):
    """A statement file: CSV or XLSX."""

    file: UploadFile


class ImportController(Controller):
    """Exchange statements and park summaries."""

    path = "/v1/imports"
    tags = ("imports",)

    @post(
        "",
        operation_id="postImport",
        summary="Import a statement",
        opt=MAY_IMPORT.opt(),
        responses={200: _REPLAY} | problems.declared(*problems.WRITE),
    )
    async def statement(
        self, request: Request[Any, Any, Any], data: MultipartBody[StatementForm], dry_run: DryRun = False
    ) -> Response[ImportReport]:
        """A file posts whole or not at all; every bad row is told with file, sheet, line, column and rule."""
        credential = credential_of(request)
        content = await data.file.read()
        report = await import_statement(
            data.file.filename,
            content,
            writer=await request.app.state.writers.of(credential),
            reader=request.app.state.reading.reader,
            scope=scope_of(credential.ledger_id, credential.principal),
            principal=credential.principal,
            dry_run=dry_run,
        )
        if report.problems:
            busy = next((p.rule for p in report.problems if p.rule in _BUSY), None)
            refusal = refuse("statement_refused", problems=len(report.problems), file=report.file)
            raise Problem(refuse(_BUSY[busy]) if busy else refusal, report=report)
        return Response(report, status_code=201 if report.posted else 200)


_BUSY = {"queue_full": "unavailable", "unavailable": "unavailable", "outcome_unknown": "outcome_unknown"}
"""Rules that say nothing of the file: the same file may be sent again."""
