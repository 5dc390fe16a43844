"""Asks a server on this machine for the score of every account, in requests of 50."""

import json
from urllib.request import Request, urlopen

for first in range(1, 5001, 50):
    body = {"model": "leaves", "entities": {"account_id": list(range(first, first + 50))}}
    with urlopen(Request("http://127.0.0.1:6571/v1/score", json.dumps(body).encode(), {"Content-Type": "application/json"})) as answer:
        answer.read()
print("5000 accounts are scored")
