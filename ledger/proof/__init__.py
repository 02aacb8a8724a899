"""Evidence, pure: it runs offline with hashlib and one Ed25519 library."""
