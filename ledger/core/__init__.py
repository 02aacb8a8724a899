"""The domain, pure: no SQL, HTTP, files, clock or randomness."""
