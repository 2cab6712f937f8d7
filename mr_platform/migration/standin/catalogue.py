"""What the server knows of its tables: columns, dictionaries, epochs; kept in the DuckDB file beside the rows."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from mr_platform.sources.heavydb.schema import ROW_ID, SourceColumn


@dataclass
class Dictionary:
    """A text column's words in order of arrival; a word keeps its number."""

    words: list[str] = field(default_factory=list)
    saved: int = 0

    def __post_init__(self) -> None:
        self._numbers = {word: number for number, word in enumerate(self.words)}
        self._array: pa.Array | None = None

    def encode(self, values: pa.ChunkedArray) -> pa.Array:
        """int32 numbers; NULL stays NULL, '' and 'NULL' are words as any other."""
        whole = values.combine_chunks()
        if isinstance(whole, pa.ChunkedArray):
            whole = whole.unify_dictionaries().combine_chunks()
        if not pa.types.is_dictionary(whole.type):
            whole = whole.dictionary_encode()
        numbers = [self._number(word) for word in whole.dictionary.to_pylist()]
        return pa.array(numbers, pa.int32()).take(whole.indices)

    def array(self) -> pa.Array:
        """All words, which every answer carries."""
        if self._array is None or len(self._array) != len(self.words):
            self._array = pa.array(self.words, pa.string())
        return self._array

    def _number(self, word: str | None) -> int | None:
        if word is None:
            return None
        if word not in self._numbers:
            self._numbers[word] = len(self.words)
            self.words.append(word)
        return self._numbers[word]


@dataclass
class StoredTable:
    """A table's declaration and state; ``number`` is its id, ``epoch`` grows with every write."""

    name: str
    number: int
    columns: tuple[SourceColumn, ...]
    dictionaries: dict[str, Dictionary]
    epoch: int = 0
    next_rowid: int = 0

    def column(self, name: str) -> SourceColumn:
        """The column, or the server's own rowid; KeyError for neither."""
        if name == ROW_ID:
            return SourceColumn(ROW_ID, "BIGINT", nullable=False)
        return {column.name: column for column in self.columns}[name]


def prepare(connection: Any) -> None:
    """The catalogue's own tables, where they are not yet there."""
    connection.execute('CREATE TABLE IF NOT EXISTS "_catalogue" (name VARCHAR, number INTEGER, state VARCHAR)')
    connection.execute(
        'CREATE TABLE IF NOT EXISTS "_words" ("table" INTEGER, "column" VARCHAR, number INTEGER, word VARCHAR)'
    )


def forget(connection: Any, number: int) -> None:
    """Drop a table's entry and words."""
    connection.execute('DELETE FROM "_catalogue" WHERE number = ?', [number])
    connection.execute('DELETE FROM "_words" WHERE "table" = ?', [number])


def save(connection: Any, table: StoredTable) -> None:
    """The table's entry as it is now, and the words that are new."""
    connection.execute('DELETE FROM "_catalogue" WHERE number = ?', [table.number])
    state = {
        "columns": [asdict(column) for column in table.columns],
        "epoch": table.epoch,
        "next_rowid": table.next_rowid,
    }
    connection.execute('INSERT INTO "_catalogue" VALUES (?, ?, ?)', [table.name, table.number, json.dumps(state)])
    for column, dictionary in table.dictionaries.items():
        fresh = dictionary.words[dictionary.saved :]
        if fresh:
            numbers = pa.array(range(dictionary.saved, len(dictionary.words)), pa.int32())
            connection.register("fresh", pa.table({"number": numbers, "word": fresh}))
            connection.execute('INSERT INTO "_words" SELECT ?, ?, number, word FROM fresh', [table.number, column])
            connection.unregister("fresh")
            dictionary.saved = len(dictionary.words)


def load(connection: Any) -> dict[str, StoredTable]:
    """The tables as last saved."""
    tables = {}
    entries = connection.execute('SELECT name, number, state FROM "_catalogue" ORDER BY number').fetchall()
    for name, number, text in entries:
        state = json.loads(text)
        columns = tuple(SourceColumn(**column) for column in state["columns"])
        words: dict[str, list[str]] = {c.name: [] for c in columns if c.type == "STR" and c.encoding == "DICT"}
        found = connection.execute('SELECT "column", word FROM "_words" WHERE "table" = ? ORDER BY number', [number])
        for column, word in found.fetchall():
            words[column].append(word)
        dictionaries = {column: Dictionary(list_, len(list_)) for column, list_ in words.items()}
        tables[name] = StoredTable(name, number, columns, dictionaries, state["epoch"], state["next_rowid"])
    return tables
