"""DuckDB on one thread computes the same expressions and windows over the same transactions, at rest in memory.

Arguments: the file of items (`name: expression` a line) and the transactions (.csv.zst)."""

import sys
import time

import duckdb

items, transactions = sys.argv[1:]
connection = duckdb.connect()
connection.execute("SET threads = 1")
connection.execute("SET TimeZone = 'UTC'")
connection.execute(
    f"""CREATE TABLE t AS SELECT TRANSACTION_ID AS arrival, TIMESTAMP '2018-04-01' + INTERVAL 1 SECOND * TX_TIME_SECONDS AS ts,
        CUSTOMER_ID AS customer, TERMINAL_ID AS terminal, TX_AMOUNT::DOUBLE AS amount
        FROM read_csv('{transactions}') ORDER BY arrival"""
)
with open(items) as file:
    columns = [line.strip().split(": ", 1) for line in file if line.strip()]
selected = ", ".join(f"{text} AS {name}" for name, text in columns)
rows = connection.execute("SELECT count(*) FROM t").fetchone()[0]
best = float("inf")
for _ in range(3):
    began = time.perf_counter()
    connection.execute(f"CREATE OR REPLACE TABLE made AS SELECT {selected} FROM t")
    best = min(best, time.perf_counter() - began)
print(f"duckdb {duckdb.__version__}, one thread\t{rows} rows\t{best:.2f} s\t{rows / best:.0f} rows/s")
