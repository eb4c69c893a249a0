"""Where the response cache keeps what it has: in memory, in SQLite's file, or in Redis."""
