"""The front door for files from outside: bytes and a name -> what the statement says.

It never posts, resolves no names and knows no clock. A file is refused as a whole with
`StatementUnreadable`; a bad row is a `RowProblem` beside the good ones.
"""

from ledger.imports.documents import EnterpriseFile, SettlementStatement, SummaryStatement, TradeStatement
from ledger.imports.enterprises import read_register
from ledger.imports.layouts import ENTERPRISES, SETTLEMENTS, TRADES, recognise
from ledger.imports.readers import read_sheets
from ledger.imports.settlements import read_settlement
from ledger.imports.summary import read_summary
from ledger.imports.trades import read_trades

Statement = TradeStatement | SettlementStatement | SummaryStatement


def read_statement(name: str, content: bytes) -> Statement:
    """Read a platform's trades, an exchange's settlement or a park's summary, whichever the header says it is."""
    sheets = read_sheets(name, content)
    tables = recognise(name, sheets)
    if tables[0].layout is TRADES:
        return read_trades(name, tables)
    if tables[0].layout is SETTLEMENTS:
        return read_settlement(name, tables)
    return read_summary(name, tables)


def read_enterprises(name: str, content: bytes) -> EnterpriseFile:
    """Read the park's register of enterprises with their aliases."""
    tables = recognise(name, read_sheets(name, content), (ENTERPRISES,))
    return read_register(name, tables[0])
