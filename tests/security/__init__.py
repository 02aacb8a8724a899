"""What somebody with power over the database may try."""
