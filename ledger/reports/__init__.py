"""Journal -> answers and documents, each pinned to a tree size. Nothing here can write."""
