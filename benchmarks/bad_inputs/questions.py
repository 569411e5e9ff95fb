"""SQL that asks the lake for what it may not give: time, memory, files, the network, changes."""

from __future__ import annotations

import random

from benchmarks.bad_inputs import hostile
from benchmarks.bad_inputs.case import Case, Place

ENDLESS = (
    "with recursive t(n) as (select 1 union all select n + 1 from t) select count(*) from t",
    "with recursive t(x) as (select 'a' union all select x || x from t) select max(x) from t",
    "select count(*) from range(1000000) a, range(1000000) b, range(1000000) c",
    "select * from range(100000000000)",
    "select repeat('x', 5000000000)",
    "select list(range(1000000000)) from range(1000)",
    "select a.range, b.range from range(10000000) a, range(10000000) b order by 1 desc",
    "select string_agg(range::varchar, ',') from range(3000000000)",
)
REFUSED = (
    "copy scores to 'FILE'",
    "copy (select 1) to 'FILE' (format csv)",
    "attach 'FILE' as x",
    "install httpfs",
    "load httpfs",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/*')",
    "select * from glob('/*')",
    "select * from 's3://bucket/x.parquet'",
    "select * from 'http://127.0.0.1:9/x.csv'",
    "select * from '/etc/passwd'",
    "select getenv('HOME')",
    "set enable_external_access = true",
    "reset enable_external_access",
    "pragma enable_external_access",
    "set memory_limit = '1TB'",
    "export database 'FILE'",
    "import database 'FILE'",
    "delete from scores",
    "drop table scores",
    "create table x as select 1",
    "explain analyze delete from scores",
    "select 1; delete from scores",
    "insert into scores select * from scores",
    "create macro x() as 1",
    "call pragma_version()",
    "prepare q as select 1",
    "checkpoint",
    "vacuum",
    "use memory",
    "begin transaction",
    "select * from duckdb_secrets()",
    "select * from sniff_csv('/etc/passwd')",
    "select * from parquet_scan('/etc/*')",
    "select write_log('x')",
)
ODD = (
    "select '[/]'",
    "select '[red]x[/red]' as \"[blue]\"",
    "select chr(0)",
    "select 'a' || chr(0) || 'b' as x",
    "select 1 as x, 2 as x",
    "select 1::decimal(38, 10), 'x'::blob, interval 1 year, [1, 2], {'a': 1}, map {'k': 1}",
    "select 'infinity'::timestamp, '-infinity'::date, 'nan'::double, 'inf'::float",
    "select '9999-12-31'::date, '0001-01-01'::date, '290000-01-01'::timestamp",
    "select 170141183460469231731687303715884105727::hugeint",
    "select uuid(), '1'::bit, time '24:00:00', timetz '01:02:03+15:59'",
    "select * from scores where metric = '" + "x" * 5000 + "'",
    "select " + ", ".join(f"{n} as c{n}" for n in range(3000)),
    "select " + "(" * 3000 + "1" + ")" * 3000,
    "select " + " + ".join(["1"] * 20_000),
    "",
    ";",
    "--",
    "/*",
    "select",
    "select * from nothing",
    "select nothing from scores",
    "select error('[red]no[/red]')",
    "select 1 / 0, 1 % 0, sqrt(-1)",
    "select cast('x' as integer)",
    "select * from scores s, scores t, scores u",
    "explain select 1",
    "describe scores",
    "show tables",
    "summarize scores",
    "from scores",
    "pivot scores on metric using count(*)",
    "values (1), (2)",
)
MOMENTS = ("", "yesterday", "2026-13-45", "0001-01-01", "9999-12-31T23:59:59+00:00", "1", "\udcff")


def question(draw: random.Random, place: Place) -> Case:
    """A statement: one that is refused, one that is odd, or one of these garbled."""
    sql = draw.choice((*REFUSED, *ODD)).replace("FILE", "out")
    match draw.randrange(6):
        case 0:
            sql = _garbled(draw, sql)
        case 1:
            sql = f"{sql[:2000]} {hostile.text(draw)}"
        case 2:
            sql = sql.upper()
        case _:
            pass
    words = ("--at", draw.choice(MOMENTS)) if draw.random() < 0.1 else ()
    return _asked(sql, place, *words)


def endless(draw: random.Random, place: Place) -> Case:
    """A statement that would take all time or memory."""
    return _asked(draw.choice(ENDLESS), place)


def _asked(sql: str, place: Place, *words: str) -> Case:
    # Two dashes first: a statement may begin with one.
    words = ("scores", *words, "--home", str(place.ground.home), "--", sql)
    return Case(f"SQL {sql[:60]!r}", words)


def _garbled(draw: random.Random, sql: str) -> str:
    at = draw.randrange(len(sql) + 1)
    return sql[:at] + draw.choice(("'", '"', "(", ";", "\0", "\udcff", "%", "[/]")) + sql[at:]
