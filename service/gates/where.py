"""The filter language of cell tables: `column op value`, joined by `and`, `or` and parentheses."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, Protocol, TypeVar

from service.errors import QueryError

Value = float | int | str | bool
Made = TypeVar("Made")

_LONGEST = 2000
_DEEPEST = 32
_TOKEN = re.compile(
    r"""\s*(?:
        (?P<op><=|>=|!=|==|=|<|>)
      | (?P<paren>[()])
      | (?P<number>[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<text>'(?:[^']|'')*'|"[^"]*")
      | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    )""",
    re.VERBOSE,
)


class ColumnKind(StrEnum):
    """What a column may be compared with."""

    NUMBER = "number"
    TEXT = "text"
    TRUTH = "truth"


@dataclass(frozen=True)
class Condition:
    """A filter as SQL with placeholders: column names come from the table, values only through `parameters`."""

    sql: str = "TRUE"
    parameters: tuple[Value, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether it lets everything pass, because nothing was asked for."""
        return self.sql == "TRUE"


@dataclass(frozen=True)
class _Token:
    kind: str
    text: str


GATE = "gate"
"""In a filter, stands like a column of text: the gates that a cell is in."""

GateConditions = Callable[[str], Condition]
"""Gives the condition of a gate by its name; raises `QueryError` where there is none."""


def no_gates(name: str) -> Condition:
    """Refuse every gate, where there are none."""
    raise QueryError(f"There is no gate '{name[:64]}' here; filter by columns.")


class Maker(Protocol[Made]):
    """What a filter is made into: a condition of a query, or something that is asked of rows."""

    def compared(self, column: str, operator: str, value: Value) -> Made:
        """Make `column operator value`; the operator is one of = <> < <= > >=."""

    def in_gate(self, name: str, *, complement: bool) -> Made:
        """Make whether a row is in a gate, or is not; raises `QueryError` where there is no such gate."""

    def joined(self, word: str, parts: Sequence[Made]) -> Made:
        """Make that all parts hold (`and`), or any (`or`)."""


def parse_where(
    text: str | None, columns: Mapping[str, ColumnKind] | None, gates: GateConditions = no_gates
) -> Condition:
    """Translate a filter.

    Parameters
    ----------
    text
        For example `gate = 'singlets' and (class = 'neutrophil' or novelty >= 12.5)`; None or blank lets everything
        pass.
    columns
        Columns that may be named; None where the table has none yet, then only the grammar is checked.
    gates
        Conditions of the gates that may be named.

    Raises
    ------
    QueryError
        If it does not follow the grammar, names another column or compares it with the wrong kind of value.
    """
    if text is None or not text.strip():
        return Condition()
    return parse_filter(text, columns, _Conditions(gates))


def parse_filter(text: str, columns: Mapping[str, ColumnKind] | None, maker: Maker[Made]) -> Made:
    """Return what `maker` makes of a filter that is not blank; raises `QueryError` as `parse_where` does."""
    if len(text) > _LONGEST:
        raise QueryError(f"The filter is longer than {_LONGEST} characters; make it shorter.")
    parser = _Parser(_tokens(text), columns, maker)
    made = parser.alternatives(0)
    parser.expect_end()
    return made


@dataclass(frozen=True)
class _Conditions:
    """Makes conditions."""

    gates: GateConditions

    def compared(self, column: str, operator: str, value: Value) -> Condition:
        return Condition(f'"{column}" {operator} ?', (value,))

    def in_gate(self, name: str, *, complement: bool) -> Condition:
        condition = self.gates(name)
        return Condition(f"NOT {condition.sql}", condition.parameters) if complement else condition

    def joined(self, word: str, parts: Sequence[Condition]) -> Condition:
        return joined(word, parts)


def joined(word: str, parts: Sequence[Condition]) -> Condition:
    """Return that all of some conditions hold (`and`), or any (`or`)."""
    sql = "(" + f" {word.upper()} ".join(part.sql for part in parts) + ")"
    return Condition(sql, tuple(value for part in parts for value in part.parameters))


def _tokens(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    place = 0
    end = len(text.rstrip())
    while place < end:
        match = _TOKEN.match(text, place)
        if match is None or match.lastgroup is None:
            raise QueryError(f"The filter cannot be read from '{text[place : place + 20].strip()}' on.")
        tokens.append(_Token(match.lastgroup, match.group(match.lastgroup)))
        place = match.end()
    return tokens


def _unquoted(text: str) -> str:
    return text[1:-1].replace("''", "'") if text[0] == "'" else text[1:-1]


class _Parser(Generic[Made]):
    """Recursive descent over the tokens: or < and < comparison."""

    def __init__(self, tokens: list[_Token], columns: Mapping[str, ColumnKind] | None, maker: Maker[Made]) -> None:
        self._tokens = tokens
        self._columns = columns
        self._maker = maker
        self._place = 0

    def alternatives(self, depth: int) -> Made:
        parts = [self._conjunction(depth)]
        while self._word("or"):
            parts.append(self._conjunction(depth))
        return parts[0] if len(parts) == 1 else self._maker.joined("or", parts)

    def expect_end(self) -> None:
        if self._place < len(self._tokens):
            raise QueryError(f"The filter has '{self._tokens[self._place].text}' where 'and', 'or' or its end belongs.")

    def _conjunction(self, depth: int) -> Made:
        parts = [self._term(depth)]
        while self._word("and"):
            parts.append(self._term(depth))
        return parts[0] if len(parts) == 1 else self._maker.joined("and", parts)

    def _term(self, depth: int) -> Made:
        if depth >= _DEEPEST:
            raise QueryError(f"The filter has more than {_DEEPEST} parentheses inside each other.")
        token = self._next("a column or '('")
        if token.text == "(" and token.kind == "paren":
            inner = self.alternatives(depth + 1)
            if self._next("')'").text != ")":
                raise QueryError("The filter has a '(' without its ')'.")
            return inner
        return self._comparison(token)

    def _comparison(self, column: _Token) -> Made:
        if column.kind != "word":
            raise QueryError(f"The filter has '{column.text}' where the name of a column belongs.")
        if column.text != GATE and self._columns is not None and column.text not in self._columns:
            raise QueryError(f"There is no column '{column.text}' to filter by; the run lists its columns.")
        operator = self._next("a comparison")
        if operator.kind != "op":
            raise QueryError(f"The filter needs =, !=, <, <=, > or >= after '{column.text}', not '{operator.text}'.")
        if column.text == GATE:
            return self._membership(operator.text, self._next("the name of a gate in quotes"))
        value = self._value(column.text, self._next("a value"))
        symbol = {"==": "=", "!=": "<>"}.get(operator.text, operator.text)
        return self._maker.compared(column.text, symbol, value)

    def _membership(self, operator: str, name: _Token) -> Made:
        if operator not in ("=", "==", "!=") or name.kind != "text":
            raise QueryError("Gates are asked for as gate = 'name' or gate != 'name'.")
        return self._maker.in_gate(_unquoted(name.text), complement=operator == "!=")

    def _value(self, column: str, token: _Token) -> Value:
        kind = None if self._columns is None else self._columns[column]
        value: Value
        if token.kind == "number":
            value = float(token.text) if re.search(r"[.eE]", token.text) else int(token.text)
            fits = kind in (None, ColumnKind.NUMBER)
        elif token.kind == "text":
            value = _unquoted(token.text)
            fits = kind in (None, ColumnKind.TEXT)
        elif token.kind == "word" and token.text.lower() in ("true", "false"):
            value = token.text.lower() == "true"
            fits = kind in (None, ColumnKind.TRUTH)
        else:
            raise QueryError(f"The filter has '{token.text}' where a number, 'text', true or false belongs.")
        if not fits:
            raise QueryError(f"The column '{column}' holds {kind}, which cannot be compared with {token.text}.")
        if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 1 << 63:
            raise QueryError(f"The number {token.text} in the filter is too large.")
        return value

    def _word(self, word: str) -> bool:
        if self._place < len(self._tokens):
            token = self._tokens[self._place]
            if token.kind == "word" and token.text.lower() == word:
                self._place += 1
                return True
        return False

    def _next(self, wanted: str) -> _Token:
        if self._place >= len(self._tokens):
            raise QueryError(f"The filter ends where {wanted} belongs.")
        self._place += 1
        return self._tokens[self._place - 1]
