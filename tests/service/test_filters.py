"""People filter cells by what they know of them, and nothing else gets to the database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.errors import QueryError
from service.gates.where import ColumnKind, parse_where

COLUMNS = {
    "event_id": ColumnKind.NUMBER,
    "area_um2": ColumnKind.NUMBER,
    "class": ColumnKind.TEXT,
    "novel": ColumnKind.TRUTH,
}


@pytest.mark.parametrize(
    ("text", "sql", "values"),
    [
        (None, "TRUE", ()),
        ("  ", "TRUE", ()),
        ("area_um2 > 40", '"area_um2" > ?', (40,)),
        ("area_um2>=-1.5e2", '"area_um2" >= ?', (-150.0,)),
        ("class = 'it''s'", '"class" = ?', ("it's",)),
        ('class != "odd"', '"class" <> ?', ("odd",)),
        ("novel == TRUE", '"novel" = ?', (True,)),
        (
            "event_id<9 and (class='a' or class='b') OR novel=false",
            '(("event_id" < ? AND ("class" = ? OR "class" = ?)) OR "novel" = ?)',
            (9, "a", "b", False),
        ),
    ],
)
def test_filters_become_sql_with_placeholders(text: str | None, sql: str, values: tuple[object, ...]) -> None:
    condition = parse_where(text, COLUMNS)
    assert (condition.sql, condition.parameters) == (sql, values)


@pytest.mark.parametrize(
    "text",
    [
        "area_um2",
        "area_um2 >",
        "> 4",
        "area_um2 > area_um2",
        "area_um2 > 'big'",
        "class > 4",
        "novel = 1",
        "unknown = 1",
        "area_um2 > 4 area_um2 < 9",
        "(area_um2 > 4",
        "area_um2 > 4)",
        "area_um2 > 4 and",
        "not area_um2 > 4",
        "area_um2 > 99999999999999999999",
        "area_um2 > 1; DROP TABLE cells",
        "area_um2 > 1 -- comment",
        "area_um2 > 1 UNION SELECT * FROM read_csv('/etc/passwd')",
        "read_text('/etc/passwd') = 'x'",
        "class = 'a' || 'b'",
        '"class" = 1',
        "class = 'unclosed",
        "area_um2 > 0x10",
        "1 = 1",
        "(" * 40 + "area_um2 > 1" + ")" * 40,
        "area_um2 > 1 or " * 200 + "area_um2 > 1",
    ],
)
def test_everything_else_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse_where(text, COLUMNS)
    assert "\n" not in str(caught.value) and str(caught.value).endswith(".")


@given(st.text(max_size=80))
def test_no_text_of_the_user_ever_stands_in_the_sql(text: str) -> None:
    try:
        sql = parse_where(text, COLUMNS).sql
    except QueryError:
        return
    for word in ['"event_id"', '"area_um2"', '"class"', '"novel"', "TRUE", "AND", "OR", "(", ")", "?", " "]:
        sql = sql.replace(word, "")
    assert set(sql) <= set("<>=")


@given(st.text(max_size=20))
def test_any_text_can_be_looked_for(value: str) -> None:
    quoted = value.replace("'", "''")
    assert parse_where(f"class = '{quoted}'", COLUMNS).parameters == (value,)
