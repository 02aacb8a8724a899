"""Checkpoints and proofs: nobody here has to be believed. And the log itself, as tiles and as an audit bundle."""

import base64
from typing import Annotated, Any

from litestar import Controller, Request, Response, get
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter
from litestar.response import Stream

from api import problems
from api.problems import Problem
from api.schemas import ConsistencyOut, InclusionOut, ProofReceiptOut, SigningKeyOut, SigningKeysOut
from api.security import MAY_READ_PARK, credential_of
from ledger.core.refusal import Refusal, refuse
from ledger.proof.merkle import TILE_WIDTH
from ledger.proof.note import inclusion_text
from ledger.reports.audit_bundle import audit_bundle
from ledger.reports.proofs import SIZE_MAX
from ledger.reports.scope import scope_of

Size = Annotated[int, QueryParameter(ge=1, le=SIZE_MAX, description="A tree size.")]
RecordIndex = Annotated[int, QueryParameter(ge=0, le=SIZE_MAX, description="A log index.")]
SealedSize = Annotated[
    int | None,
    QueryParameter(
        required=False, ge=1, le=SIZE_MAX, description="A tree size; by default that of the newest checkpoint."
    ),
]
FromSize = Annotated[int, QueryParameter(ge=0, le=SIZE_MAX, description="The records from this size on.")]
IndexPath = Annotated[str, PathParameter(pattern=r"^(0|[1-9][0-9]{0,17})$", description="A log index.")]
LevelPath = Annotated[str, PathParameter(pattern=r"^[0-7]$", description="A level of tiles.")]
TilePath = Annotated[
    str,
    PathParameter(
        pattern=r"^/?(x[0-9]{3}/){0,5}[0-9]{3}(\.p/[1-9][0-9]{0,2})?$", max_length=40,
        description="A tile's index as C2SP tlog-tiles writes it, such as x001/234, with .p/WIDTH where not complete.",
    ),
]  # fmt: skip
_BINARY = "application/octet-stream"
_READ: dict[str, Any] = {"responses": problems.declared(*problems.READ)}


def _sent(body: type, media_type: str, description: str) -> dict[int, ResponseSpec]:
    kind: Any = media_type  # any media type will do
    return {200: ResponseSpec(body, generate_examples=False, media_type=kind, description=description)}


_BYTES = _sent(bytes, _BINARY, "The bytes")
_NOTE = _sent(str, "text/plain", "A signed note")


class ProofController(Controller):
    """What the log says of itself, and proofs of it."""

    path = "/v1/proofs"
    tags = ("proofs",)

    @get(
        "/checkpoint", operation_id="getCheckpoint", summary="Newest checkpoint (检查点)", media_type="text/plain",
        responses=_NOTE | problems.declared(*problems.READ),
    )  # fmt: skip
    async def checkpoint(self, request: Request[Any, Any, Any], size: SealedSize = None) -> Response[bytes]:
        """A signed note (C2SP): origin, size, root. Keep it: what does not extend it was changed."""
        found = await request.app.state.proofs.sealed(_scope(request), size=size)
        if isinstance(found, Refusal):
            raise Problem(found)
        return Response(found.note, media_type="text/plain; charset=utf-8")

    @get("/keys", operation_id="listSigningKeys", summary="Signing keys", **_READ)
    async def keys(self, request: Request[Any, Any, Any]) -> SigningKeysOut:
        """The keys that records of the log name, rotations with what they replace."""
        found = await request.app.state.proofs.keys(_scope(request))
        return SigningKeysOut(
            items=[SigningKeyOut(record=str(index), key=key, replaces=replaces) for index, key, replaces in found]
        )

    @get("/inclusion", operation_id="getInclusionProof", summary="Inclusion proof", **_READ)
    async def inclusion(
        self, request: Request[Any, Any, Any], index: RecordIndex, size: SealedSize = None
    ) -> InclusionOut:
        """The path from a record's leaf hash to the root of a tree."""
        proofs, scope = request.app.state.proofs, _scope(request)
        size = await _size(request, size)
        path = await proofs.inclusion(scope, index=index, size=size)
        if isinstance(path, Refusal):
            raise Problem(path)
        return InclusionOut(index=str(index), tree_size=str(size), path=[node.hex() for node in path])

    @get("/consistency", operation_id="getConsistencyProof", summary="Consistency proof", **_READ)
    async def consistency(
        self, request: Request[Any, Any, Any], from_size: Size, to_size: SealedSize = None
    ) -> ConsistencyOut:
        """That the tree of one size is a prefix of the tree of a later one."""
        to_size = await _size(request, to_size)
        path = await request.app.state.proofs.consistency(_scope(request), size=from_size, later_size=to_size)
        if isinstance(path, Refusal):
            raise Problem(path)
        return ConsistencyOut(from_size=str(from_size), to_size=str(to_size), path=[node.hex() for node in path])

    @get("/receipts/{index:str}", operation_id="getReceipt", summary="Receipt of a record (回执)", **_READ)
    async def receipt(self, request: Request[Any, Any, Any], index: IndexPath) -> ProofReceiptOut:
        """A record's own bytes, the path from them to a signed root, and the signature: checked by anybody, offline.

        An enterprise gets those of its own records; `not_sealed` for the seconds before a record is signed.
        """
        found = await request.app.state.proofs.receipt(_scope(request), int(index))
        if isinstance(found, Refusal):
            raise Problem(found)
        return ProofReceiptOut(
            index=index,
            record_bytes=base64.b64encode(found.record).decode(),
            tree_size=str(found.sealed.size),
            path=[node.hex() for node in found.path],
            checkpoint=found.sealed.note.decode(),
            proof=inclusion_text(index=found.index, path=found.path, note=found.sealed.note),
        )

    @get(
        "/tile/{level:str}/{tile:path}", operation_id="getTile", summary="Hash tile (C2SP tlog-tiles)",
        opt=MAY_READ_PARK.opt(), media_type=_BINARY, responses=_BYTES | problems.declared(*problems.READ),
    )  # fmt: skip
    async def tile(self, request: Request[Any, Any, Any], level: LevelPath, tile: TilePath) -> Response[bytes]:
        """Up to 256 hashes of a level; with this prefix any reader of tlog-tiles can follow the log."""
        index, width = _tile(tile)
        found = await request.app.state.proofs.tile(_scope(request), level=int(level), index=index, width=width)
        return _bytes(found)

    @get(
        "/tile/entries/{tile:path}", operation_id="getEntryBundle", summary="Records of a tile (C2SP tlog-tiles)",
        opt=MAY_READ_PARK.opt(), media_type=_BINARY, responses=_BYTES | problems.declared(*problems.READ),
    )  # fmt: skip
    async def entries(self, request: Request[Any, Any, Any], tile: TilePath) -> Response[bytes]:
        """Up to 256 records, each behind two bytes of length."""
        index, width = _tile(tile)
        found = await request.app.state.reading.records(_scope(request), first=index * TILE_WIDTH, limit=width)
        if len(found) < width:
            return _bytes(refuse("not_found", what=f"records of tile {index}, {width} of them"))
        return _bytes(b"".join(len(record).to_bytes(2) + record for record in found))

    @get(
        "/bundle", operation_id="getAuditBundle", summary="Audit bundle (审计包)", opt=MAY_READ_PARK.opt(),
        media_type=_BINARY, responses=_BYTES | problems.declared(*problems.READ),
    )  # fmt: skip
    async def bundle(
        self, request: Request[Any, Any, Any], from_size: FromSize = 0, to_size: SealedSize = None
    ) -> Stream:
        """All records up to a checkpoint in one file, for `greenledger verify`: offline, and with pinned keys."""
        state = request.app.state
        found = await audit_bundle(state.reading, state.proofs, _scope(request), from_size=from_size, to_size=to_size)
        if isinstance(found, Refusal):
            raise Problem(found)
        return Stream(found, media_type=_BINARY)


def _scope(request: Request[Any, Any, Any]) -> Any:
    credential = credential_of(request)
    return scope_of(credential.ledger_id, credential.principal)


async def _size(request: Request[Any, Any, Any], size: int | None) -> int:
    """The size asked for, or that of the newest checkpoint."""
    if size is not None:
        return size
    found = await request.app.state.proofs.sealed(_scope(request))
    if isinstance(found, Refusal):
        raise Problem(found)
    return found.size


def _tile(path: str) -> tuple[int, int]:
    """Index and width of a tile's path."""
    name, _, width = path.strip("/").partition(".p/")
    index = int(name.replace("x", "").replace("/", ""))
    if index > SIZE_MAX or (width and not 0 < int(width) < TILE_WIDTH):
        raise Problem(refuse("not_found", what=f"tile {index} of width {width or TILE_WIDTH}"))
    return index, int(width or TILE_WIDTH)


def _bytes(found: bytes | Refusal) -> Response[bytes]:
    if isinstance(found, Refusal):
        raise Problem(found)
    return Response(found, media_type=_BINARY)
