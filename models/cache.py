"""Replies kept on disk (SQLite, write-ahead log): safe for many processes at once."""

import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path

from pydantic import ValidationError

from cases.errors import ModelError
from models.reply import Reply

_LOCK_WAIT_S = 30.0


class ReplyCache:
    """Replies by key. A reply that another version wrote and this one cannot read counts as absent.

    Raises ModelError when the file cannot be opened, is no SQLite file, or the disk is full.
    """

    def __init__(self, path: Path):
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path, timeout=_LOCK_WAIT_S)) as database:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute(
                    "CREATE TABLE IF NOT EXISTS replies "
                    "(key TEXT PRIMARY KEY, reply TEXT NOT NULL, model TEXT, added REAL DEFAULT (unixepoch('subsec')))"
                )
                database.commit()
        except (sqlite3.Error, OSError) as error:
            raise self._failure(error) from error

    @staticmethod
    def at(path: Path) -> "ReplyCache":
        """The cache of this process for a file."""
        return _open(path.absolute())

    def get(self, key: str) -> Reply | None:
        """The kept reply, marked as from the cache; its usage is the one of the call that made it."""
        try:
            with closing(self._connect()) as database:
                row = database.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error as error:
            raise self._failure(error) from error
        if row is None:
            return None
        try:
            reply = Reply.model_validate_json(row[0])
        except ValidationError:
            return None
        return reply.model_copy(update={"is_from_cache": True})

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply (its parsed form apart, which is made anew). The first one for a key stays."""
        text = reply.model_dump_json(exclude={"parsed", "is_from_cache"})
        try:
            with closing(self._connect()) as database, database:
                database.execute(
                    "INSERT OR IGNORE INTO replies (key, reply, model) VALUES (?, ?, ?)", (key, text, reply.model)
                )
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self.path, timeout=_LOCK_WAIT_S)

    def _failure(self, error: Exception) -> ModelError:
        return ModelError(
            f"the reply cache cannot be used: {error}",
            where=str(self.path),
            remedy="free disk space or delete the file; WARDROUND_CACHE=false does without it",
        )


@cache
def _open(path: Path) -> ReplyCache:
    return ReplyCache(path)
