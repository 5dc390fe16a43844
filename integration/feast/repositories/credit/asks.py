"""What is asked of the credit scoring repository."""

from asking import EXPIRED, NO_VALUES_OF_REQUESTS, NULL, ON_DEMAND_EXPIRED, ON_DEMAND_MISSING, Ask, Differs

from repositories.credit.people import PEOPLE, dob_ssn, expired, without_history, without_wages, zipcode

ZIPCODE = ["city", "state", "location_type", "tax_returns_filed", "population", "total_wages"]
HISTORY = ["credit_card_due", "mortgage_due", "student_loan_due", "vehicle_loan_due", "hard_pulls",
           "missed_payments_2y", "missed_payments_1y", "missed_payments_6m", "bankruptcies"]  # fmt: skip
FEATURES = [f"zipcode_features:{name}" for name in ZIPCODE] + [f"credit_history:{name}" for name in HISTORY]


def differs(people: list[int], prefix: bool = False) -> Differs:
    """Where the answers for people differ, by the rules that made their rows."""
    view = "credit_history__" if prefix else ""
    found: Differs = {view + name: {row: EXPIRED for row, person in enumerate(people) if expired(person)} for name in HISTORY}
    nulls = {row: NULL for row, person in enumerate(people) if without_wages(zipcode(person))}
    found["zipcode_features__total_wages" if prefix else "total_wages"] = nulls
    return {name: rows for name, rows in found.items() if rows}


def debts(people: list[int]) -> Differs:
    missing = {row: ON_DEMAND_MISSING for row, person in enumerate(people) if without_history(person)}
    late = {row: ON_DEMAND_EXPIRED for row, person in enumerate(people) if expired(person)}
    return {**differs(people), "total_debt_due": missing | late}


def rows(people: list[int]) -> dict[str, list[object]]:
    return {"zipcode": [zipcode(person) for person in people], "dob_ssn": [dob_ssn(person) for person in people]}


SOME, OTHERS = list(range(0, PEOPLE, 83)), list(range(7, PEOPLE, 499))
WELL = [person for person in range(100, 140) if not expired(person) and not without_history(person)]

ASKS = [
    Ask("people and their zip codes", rows(SOME), FEATURES, differs=differs(SOME)),
    Ask("with full names", rows(OTHERS), FEATURES, full=True, differs=differs(OTHERS, prefix=True)),
    Ask(
        "a prediction, as the tutorial asks for it",
        {**rows(WELL), "loan_amnt": [1000 * row for row in range(len(WELL))]},
        [*FEATURES, "total_debt_calc:total_debt_due"],
        differs=differs(WELL),
        fails={"gRPC": NO_VALUES_OF_REQUESTS},
    ),
    Ask(
        "a service, also of people without a history",
        {**rows(SOME), "loan_amnt": [7] * len(SOME)},
        service="credit_scoring",
        differs=debts(SOME),
        fails={"gRPC": NO_VALUES_OF_REQUESTS},
    ),
    Ask("people and zip codes that don't exist", {"zipcode": [1, 99_999, -1], "dob_ssn": ["", "19400101_9999", "ключ"]}, FEATURES),
]
