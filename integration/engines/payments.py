"""Payments with answers that are known: what features of them must be, by plain Python."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from rates import RATES

CARDS = range(1, 41)
WINDOWS = {"1h": timedelta(hours=1), "1d": timedelta(days=1), "lifetime": timedelta(days=10_000)}

# How long before now payments are: far from the edges of all windows, which move while
# the engines run.
AGES = [(timedelta(minutes=2), timedelta(minutes=25)), (timedelta(hours=4), timedelta(hours=20)), (timedelta(hours=30), timedelta(hours=60))]


def payments(count: int, now: datetime, seed: int) -> list[dict[str, Any]]:
    """Payments as a shop writes them. Some are in a currency without a rate; the last card has none."""
    rng = random.Random(seed)
    made = []
    for number in range(count):
        youngest, oldest = rng.choice(AGES)
        happened = now - youngest - (oldest - youngest) * rng.random()
        made.append({
            "id": f"p{number}",
            "card_id": rng.choice(CARDS[:-1]),
            "amount": round(rng.expovariate(1 / 40) + 0.01, 2),
            "currency": rng.choice([*RATES, "XXX"]),
            "happened": happened.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        })
    return made


def in_euros(made: Iterable[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """What the jobs must write, by id."""
    return {
        p["id"]: {"id": p["id"], "card_id": p["card_id"], "amount_eur": p["amount"] * RATES[p["currency"]], "happened": p["happened"]}
        for p in made
        if p["currency"] in RATES
    }


def features(enriched: Iterable[dict[str, Any]], card: int, at: datetime) -> dict[str, Any]:
    """What a view of payments must answer for a card."""
    answer: dict[str, Any] = {}
    for window, length in WINDOWS.items():
        amounts = [p["amount_eur"] for p in enriched if p["card_id"] == card and at - length <= datetime.fromisoformat(p["happened"]) <= at]
        answer |= {f"n_{window}": len(amounts), f"eur_{window}": math.fsum(amounts), f"largest_{window}": max(amounts, default=None)}
    return answer
