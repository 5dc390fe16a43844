"""The people of the credit scoring repository, their zip codes and their loans: made up,
and the same in every run but for the times, which are relative to now."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from random import Random

PEOPLE, ZIPCODES = 20_000, 2_000
FIRST_ZIPCODE = 10_000
DAY = timedelta(days=1)

STATES = ["AZ", "CA", "CO", "FL", "GA", "IL", "MA", "MI", "NC", "NY", "OH", "PA", "TX", "VA", "WA"]
KINDS = ["PRIMARY", "ACCEPTABLE", "NOT ACCEPTABLE"]


def dob_ssn(person: int) -> str:
    born = datetime(1940, 1, 1) + person % 22_000 * DAY
    return f"{born:%Y%m%d}_{person * 7919 % 10_000:04}"


def zipcode(person: int) -> int:
    return FIRST_ZIPCODE + person * 31 % ZIPCODES


def without_wages(code: int) -> bool:
    """Whether nobody knows what is earned there: a null."""
    return code % 40 == 3


def expired(person: int) -> bool:
    """Whether the credit history ended before the TTL of 90 days."""
    return person % 50 == 7


def without_history(person: int) -> bool:
    return person % 50 == 8


def zipcodes(now: datetime) -> Iterator[tuple[object, ...]]:
    """Two rows for each zip code; the second is newer."""
    random = Random(1)
    for code in range(FIRST_ZIPCODE, FIRST_ZIPCODE + ZIPCODES):
        for age in (800 * DAY, 400 * DAY):
            wages = None if without_wages(code) else random.randrange(10**6, 10**10)
            yield (code, now - age, now - age + DAY, f"CITY {code % 700}", STATES[code % 15], KINDS[code % 3],
                   random.randrange(100, 30_000), random.randrange(200, 90_000), wages)  # fmt: skip


def histories(now: datetime) -> Iterator[tuple[object, ...]]:
    """Four rows for each person, a month apart. Some arrive late, and some are corrected."""
    random = Random(2)
    for person in range(PEOPLE):
        if without_history(person):
            continue
        newest = 100 * DAY if expired(person) else random.randrange(3, 25) * DAY
        for month in range(4):
            at = now - newest - month * 30 * DAY - timedelta(seconds=random.randrange(86_400))
            late = month > 0 and random.random() < 0.05
            delay = 9 * DAY if late else timedelta(hours=random.randrange(1, 12))
            for arrived in [at + delay] if random.random() < 0.9 else [at + delay, at + delay + DAY]:
                due = [random.randrange(0, 10_000), random.randrange(0, 10**6), random.randrange(0, 40_000), random.randrange(0, 30_000)]
                counts = [random.randrange(0, 10) for _ in range(4)]
                yield (dob_ssn(person), at, arrived, *due, *counts, random.randrange(0, 3))


def loans(now: datetime) -> Iterator[tuple[object, ...]]:
    """The rows that a model is trained on: one loan for each person."""
    random = Random(3)
    for person in range(PEOPLE):
        # Some ask from a zip code that doesn't exist.
        code = 99_999 if person % 400 == 5 else zipcode(person)
        at = now - timedelta(seconds=random.randrange(86_400, 86_400 * 150))
        yield (f"{10_000 + person}", dob_ssn(person), code, random.randrange(500, 35_000), random.random() < 0.2, at)
