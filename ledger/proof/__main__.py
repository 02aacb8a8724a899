"""`greenledger-verify BUNDLE --keys FILE [--state FILE]`: verify a bundle where nothing else of GreenLedger is.

The same as `greenledger verify`, and as `python -m ledger.proof`. Needs Python, msgspec and cryptography; no database,
no network, no web framework.
"""

import argparse
import sys
from pathlib import Path

from ledger.proof.verifying import verify_file


def main() -> int:
    """Exit code: 0 clean, 1 tampered, 2 unusable."""
    parser = argparse.ArgumentParser(prog="greenledger-verify", description=__doc__)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--keys", type=Path, required=True, help="the keys you trust, kept by yourself")
    parser.add_argument("--state", type=Path, help="what you verified before; made where there is none")
    parser.add_argument("--cosigned", type=Path, action="append", default=[], help="a checkpoint from a witness")
    parser.add_argument("--json", action="store_true", help="print one JSON document and nothing else")
    given = parser.parse_args()
    return verify_file(given.bundle, keys=given.keys, state=given.state, cosigned=given.cosigned, json=given.json)


if __name__ == "__main__":
    sys.exit(main())
