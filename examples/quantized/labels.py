"""Writes labels.csv: what became of each account that a feature log has. Needs pyarrow.

    psql -Atc "COPY quantized.outcomes TO STDOUT CSV" | labels.py LOG > labels.csv
"""

import csv
import sys

import pyarrow.parquet

outcomes = {int(account): label for account, label in csv.reader(sys.stdin)}
rows = pyarrow.parquet.read_table(sys.argv[1] + "/leaves", columns=["account_id", "log:request_id", "log:row"], partitioning=None)
out = csv.writer(sys.stdout)
out.writerow(["log:request_id", "log:row", "label"])
for account, request, row in zip(*(c.to_pylist() for c in rows.columns)):
    out.writerow([request, row, {"t": 1, "f": 0}[outcomes[account]]])
