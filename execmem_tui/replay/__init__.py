"""A real trace replayed on the simulator's allocator: what `verify` knows, the map shows."""
