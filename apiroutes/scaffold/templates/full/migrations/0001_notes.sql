CREATE TABLE notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- the id of a deleted note is not used again
    title TEXT NOT NULL,
    text TEXT NOT NULL,
    created TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);
