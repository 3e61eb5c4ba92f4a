"""The files of an outbox's folder, for its owner alone: the database, and the key of its hashes."""

from __future__ import annotations

import os
import secrets
import sqlite3
from pathlib import Path

from gateway.errors import WrongSettings

DATABASE, KEY = "outbox.sqlite", "outbox.key"

_SCHEMA = """
CREATE TABLE IF NOT EXISTS films (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    film_key BLOB NOT NULL UNIQUE,
    uid_key BLOB NOT NULL,
    state TEXT NOT NULL,
    received TEXT NOT NULL,
    changed REAL NOT NULL,
    due REAL NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    errors INTEGER NOT NULL DEFAULT 0,
    reason TEXT,
    film BLOB,
    instance TEXT
);
CREATE INDEX IF NOT EXISTS films_by_state ON films (state, due);
CREATE INDEX IF NOT EXISTS films_by_uid ON films (uid_key);
CREATE TABLE IF NOT EXISTS results (
    film_id INTEGER NOT NULL REFERENCES films (id),
    kind TEXT NOT NULL,
    sop_class TEXT NOT NULL,
    uid TEXT NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (film_id, kind)
);
CREATE TABLE IF NOT EXISTS places (name TEXT PRIMARY KEY, since INTEGER NOT NULL);
"""


def open_database(folder: Path) -> sqlite3.Connection:
    """Return the folder's database, made where there is none: what it commits is on the disk.

    Raises:
        WrongSettings: the file there is no database.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    folder.chmod(0o700)
    path = folder / DATABASE
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))  # SQLite gives its other files the same mode
    try:
        database = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = FULL")
        database.execute("PRAGMA secure_delete = ON")
        database.executescript(_SCHEMA)
    except sqlite3.DatabaseError as error:
        raise WrongSettings(f"Expected an outbox in the gateway's folder. SQLite says: {error}.") from None
    return database


def open_key(folder: Path) -> bytes:
    """Return the folder's key for hashes, made where there is none."""
    path = folder / KEY
    unfinished = path.with_suffix(f".{os.getpid()}")
    if not path.exists():
        file = os.open(unfinished, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        os.write(file, secrets.token_bytes(32))
        os.fsync(file)
        os.close(file)
        unfinished.rename(path)
    return path.read_bytes()
