"""Evidence: hashes and proofs, without a database."""
