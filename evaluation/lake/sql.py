"""One SELECT over the lake's tables and views, answered by a DuckDB that can reach nothing else."""

from __future__ import annotations

import warnings
from collections.abc import Mapping

import duckdb
import pandas as pd

from evaluation.errors import InputError
from evaluation.lake.views import VIEWS

READING = (duckdb.StatementType.SELECT, duckdb.StatementType.EXPLAIN)


def answer(sql: str, tables: Mapping[str, object]) -> pd.DataFrame:
    """The answer to a SELECT; nothing can be changed by it.

    Args:
        sql: the statement, in DuckDB's SQL.
        tables: name -> pyarrow Dataset or Table.

    Raises:
        InputError: if it is not one reading statement, or DuckDB refuses it.
    """
    with duckdb.connect() as connection:
        for name, table in tables.items():
            # A copy: pushed down to Arrow, DuckDB's string comparisons find no kernel there.
            connection.register("arriving", table)
            connection.execute(f'CREATE TABLE "{name}" AS SELECT * FROM arriving')
            connection.unregister("arriving")
        for name, view in VIEWS.items():
            connection.execute(f'CREATE VIEW "{name}" AS {view.sql}')
        # From here on neither files nor other databases can be reached.
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        return _told(connection, sql, f"tables: {', '.join(tables)}; views: {', '.join(VIEWS)}")


def _told(connection: duckdb.DuckDBPyConnection, sql: str, known: str) -> pd.DataFrame:
    try:
        statements = connection.extract_statements(sql)
        if [s.type in READING for s in statements] != [True]:
            raise InputError(f"{sql!r} is not one SELECT: the lake can only be read; {known}")
        with warnings.catch_warnings():
            # Of DuckDB's own call: https://pandas.pydata.org/docs/dev/whatsnew/v3.1.0.html
            warnings.filterwarnings("ignore", "The inplace keyword", DeprecationWarning)
            return connection.execute(statements[0]).df()
    except duckdb.Error as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"the query failed: {reason}; {known}") from error
