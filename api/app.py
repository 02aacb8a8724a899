"""Builds the Litestar app; the one place that wires parts together."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

from litestar import Litestar
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig
from litestar.openapi.spec import Components, SecurityScheme

from api import metrics, offers, products, service, transactions
from api.accounts import AccountController, TrialBalanceController
from api.audit import AuditController, LimitsController
from api.batches import BatchController
from api.certificates import CertificateController, RetirementController
from api.exceptions import ExceptionController
from api.history import HistoryGuard
from api.imports import ImportController
from api.indicators import IndicatorController, WarningController
from api.inventories import FactorController, InventoryController
from api.meters import MeterController, ReadingController
from api.parties import PartyController
from api.periods import PeriodController
from api.policies import PolicyController
from api.positions import PositionController
from api.problems import HANDLERS
from api.proofs import ProofController
from api.proposals import ProposalController
from api.reconciliations import ReconciliationController
from api.security import KeyMiddleware
from api.strictness import before_request, declared_of
from ledger.imports.worker import ImportWorker
from ledger.keys import Credential, Keys
from ledger.reports.history import History
from ledger.reports.proofs import Proofs
from ledger.reports.reading import Reading
from ledger.settings import Settings, read_settings
from ledger.writer import Ledger, Writer

ROUTES: tuple[Any, ...] = (
    *transactions.HANDLERS,
    transactions.TransactionController,
    BatchController,
    ProposalController,
    CertificateController,
    RetirementController,
    PositionController,
    *offers.HANDLERS,
    PartyController,
    PolicyController,
    PeriodController,
    AccountController,
    TrialBalanceController,
    AuditController,
    ProofController,
    LimitsController,
    ExceptionController,
    ImportController,
    ReconciliationController,
    MeterController,
    ReadingController,
    FactorController,
    InventoryController,
    IndicatorController,
    WarningController,
    *products.HANDLERS,
    *service.HANDLERS,
    metrics.show,
)
"""Every operation there is."""


class Writers:
    """One started writer for each ledger that callers write to."""

    def __init__(self, url: str, *, refusals_per_minute: int) -> None:
        self._url = url
        self._refusals_per_minute = refusals_per_minute
        self._writers: dict[int, Writer] = {}
        self._starting = asyncio.Lock()

    async def of(self, credential: Credential) -> Writer:
        """The writer of the credential's ledger."""
        writer = self._writers.get(credential.ledger_id)
        if writer is not None:
            return writer
        return await self.of_ledger(Ledger(credential.ledger_id, credential.ledger, credential.zone))

    async def of_ledger(self, ledger: Ledger) -> Writer:
        """The writer of a ledger."""
        async with self._starting:
            if ledger.ledger_id not in self._writers:
                writer = Writer(self._url, ledger, refusals_per_minute=self._refusals_per_minute)
                await writer.start()
                self._writers[ledger.ledger_id] = writer
        return self._writers[ledger.ledger_id]

    @property
    def waiting(self) -> int:
        """Commands that wait in all queues."""
        return sum(writer.waiting for writer in self._writers.values())

    async def stop(self) -> None:
        """Write what waits, and end."""
        for writer in self._writers.values():
            await writer.stop()
        self._writers.clear()


def create_app(settings: Settings | None = None) -> Litestar:
    """The application; needs the writer's and the reader's URL in its settings (by default: the environment)."""
    settings = settings or read_settings()
    if settings.writer_url is None or settings.reader_url is None:
        raise RuntimeError("DATABASE_URL_WRITER and DATABASE_URL_READER must be set; `greenledger serve` sets them.")
    reading = Reading(settings.reader_url)
    proofs = Proofs(reading)
    writers = Writers(settings.writer_url, refusals_per_minute=settings.refusals_per_minute)
    imports = ImportWorker(writers.of_ledger, reading.reader, url=settings.writer_url, home=settings.home)
    state = State(
        {
            "settings": settings,
            "reading": reading,
            "proofs": proofs,
            "history": HistoryGuard(History(reading, proofs, settings.home / "seen")),
            "credentials": Keys(reading.reader),
            "writers": writers,
            "imports": imports,
        }
    )
    return Litestar(
        route_handlers=ROUTES,
        state=state,
        lifespan=[_lifespan],
        middleware=[metrics.TimingMiddleware(), KeyMiddleware()],
        before_request=before_request,
        before_send=[metrics.before_send],
        exception_handlers=HANDLERS,
        request_max_body_size=settings.body_bytes_max,
        openapi_config=_openapi(),
        logging_config=None,
        debug=False,
        pdb_on_exception=False,
    )


@contextlib.asynccontextmanager
async def _lifespan(app: Litestar) -> AsyncIterator[None]:
    await app.state.reading.reader.open()
    declared_of(app)  # so that the first caller need not wait for it
    app.state.imports.start()
    try:
        yield
    finally:
        await app.state.imports.stop()
        await app.state.writers.stop()
        await app.state.reading.reader.close()


def _openapi() -> OpenAPIConfig:
    scheme = SecurityScheme(type="http", scheme="bearer", description="An API key: Authorization: Bearer gl_...")
    return OpenAPIConfig(
        title="GreenLedger 绿账",
        version="0.1.0",
        description="Append-only double-entry ledger for green electricity certificates and carbon.",
        components=Components(security_schemes={"key": scheme}),
        security=[{"key": []}],
        use_handler_docstrings=True,
        path="/schema",
        render_plugins=[],
    )
