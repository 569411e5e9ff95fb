"""One SELECT over the lake's tables and views, answered by a DuckDB that can reach nothing else."""

from __future__ import annotations

import logging
import re
import resource
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Timer

import duckdb
import pandas as pd
import psutil
import pyarrow as pa

from evaluation.errors import DamagedError, InputError
from evaluation.lake.tables import KEY, literal
from evaluation.lake.views import FORMER_VIEW, VIEWS
from evaluation.metrics.former_names import NAMES_NOW

log = logging.getLogger(__name__)

# A question that no lake is large enough for is a mistake in it, such as a join without a condition.
MOST_SECONDS, MOST_MEMORY = 30.0, "2GB"
MOST_GROWTH = 4 * 2**30  # bytes of addresses, which a list or a text in the making takes uncounted
READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


def answer(sql: str, tables: Mapping[str, object]) -> pd.DataFrame:
    """The answer to a SELECT; nothing can be changed by it.

    Args:
        sql: the statement, in DuckDB's SQL.
        tables: name -> pyarrow Dataset or Table.

    Raises:
        InputError: if it is not one reading statement, or DuckDB refuses it.
        DamagedError: if a table cannot be read any more.
    """
    with duckdb.connect() as connection:
        for name, table in tables.items():
            # A copy: pushed down to Arrow, DuckDB's string comparisons find no kernel there.
            _copy(connection, name, table)
        _rename(connection)
        for name, view in VIEWS.items():
            connection.execute(f'CREATE VIEW "{name}" AS {view.sql}')
        # From here on neither files nor other databases can be reached.
        connection.execute("SET enable_external_access = false")
        connection.execute(f"SET memory_limit = '{MOST_MEMORY}'")
        connection.execute("SET max_temp_directory_size = '0KB'")
        connection.execute("SET enable_progress_bar = false")
        connection.execute("SET lock_configuration = true")
        hint(sql)
        return _result(connection, sql, f"tables: {', '.join(tables)}; views: {', '.join(VIEWS)}")


def _copy(connection: duckdb.DuckDBPyConnection, name: str, table: object) -> None:
    connection.register("arriving", table)
    try:
        connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM arriving')
    except (duckdb.Error, pa.ArrowException, OSError) as error:
        raise DamagedError(
            f"table {name} of the lake cannot be read, so no question is answered: `medpair doctor` "
            "says what is damaged and what to do"
        ) from error
    connection.unregister("arriving")


def hint(sql: str) -> None:
    """Logs what a score is called now that a statement names as it was called before."""
    words = set(re.findall(r"\w+", sql))
    if FORMER_VIEW not in words:
        for name in sorted(words & set(NAMES_NOW)):
            log.warning(
                "the score %s is called %s now; the view %s answers by former names",
                name,
                NAMES_NOW[name],
                FORMER_VIEW,
            )


def _rename(connection: duckdb.DuckDBPyConnection) -> None:
    """Gives the scores of an older lake their names of now; of two of one key the newest stays."""
    pairs = ", ".join(f"({literal(first)}, {literal(now)})" for first, now in NAMES_NOW.items())
    connection.execute(
        f"CREATE TABLE former_names AS SELECT * FROM (VALUES {pairs}) AS t(former, metric)"
    )
    renamed = connection.execute(
        "UPDATE scores SET metric = former_names.metric FROM former_names "
        "WHERE scores.metric = former_names.former"
    ).fetchone()
    if renamed != (0,):
        connection.execute(
            "DELETE FROM scores WHERE rowid IN (SELECT rowid FROM scores QUALIFY row_number() OVER "
            f"(PARTITION BY {', '.join(KEY)} ORDER BY recorded_at DESC) > 1)"
        )


def _result(connection: duckdb.DuckDBPyConnection, sql: str, known: str) -> pd.DataFrame:
    try:
        sql.encode()
        statements = connection.extract_statements(sql)
        if [s.type in READING for s in statements] != [True]:
            raise InputError(f"{sql!r} is not one SELECT: the lake can only be read; {known}")
        with _limited(connection), _bounded(), warnings.catch_warnings():
            # Of DuckDB's own call: https://pandas.pydata.org/docs/dev/whatsnew/v3.1.0.html
            warnings.filterwarnings("ignore", "The inplace keyword", DeprecationWarning)
            return connection.execute(statements[0]).df()
    except duckdb.InterruptException as error:
        raise InputError(
            f"the query was not through after {MOST_SECONDS:g} s: join tables by their keys, end a "
            "recursion, or ask for fewer rows"
        ) from error
    except MemoryError as error:
        raise InputError(
            f"the answer does not fit into {MOST_MEMORY}: ask for fewer rows, or count them"
        ) from error
    except UnicodeEncodeError as error:
        raise InputError(
            f"the query holds {error.object[error.start]!a}, which is no text"
        ) from error
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the query failed: {reason}; {known}") from error


@contextmanager
def _limited(connection: duckdb.DuckDBPyConnection) -> Iterator[None]:
    """Interrupts what the connection does in the block once its time is over."""
    timer = Timer(MOST_SECONDS, connection.interrupt)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


@contextmanager
def _bounded() -> Iterator[None]:
    """Lets this process grow so much in the block and no further; more fails as if memory were out."""
    before, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = psutil.Process().memory_info().vms + MOST_GROWTH
    if before != resource.RLIM_INFINITY:
        wanted = min(wanted, before)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, most))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (before, most))
