"""The definitions of Feast's credit scoring tutorial, over Postgres."""

from datetime import timedelta

import pandas as pd
from feast import Entity, FeatureService, FeatureView, Field, RequestSource, ValueType
from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource
from feast.on_demand_feature_view import on_demand_feature_view
from feast.types import Float64, Int64, String

zipcode = Entity(name="zipcode", value_type=ValueType.INT64)
dob_ssn = Entity(
    name="dob_ssn", value_type=ValueType.STRING, description="Date of birth and last four digits of the social security number"
)


def history(name: str) -> PostgreSQLSource:
    return PostgreSQLSource(
        name=name, table=f"credit.{name}", timestamp_field="event_timestamp", created_timestamp_column="created_timestamp"
    )


zipcode_features = FeatureView(
    name="zipcode_features",
    entities=[zipcode],
    ttl=timedelta(days=3650),
    schema=[Field(name=name, dtype=String) for name in ["city", "state", "location_type"]]
    + [Field(name=name, dtype=Int64) for name in ["tax_returns_filed", "population", "total_wages"]],
    source=history("zipcode_table"),
)
credit_history = FeatureView(
    name="credit_history",
    entities=[dob_ssn],
    ttl=timedelta(days=90),
    schema=[
        Field(name=name, dtype=Int64)
        for name in [
            "credit_card_due",
            "mortgage_due",
            "student_loan_due",
            "vehicle_loan_due",
            "hard_pulls",
            "missed_payments_2y",
            "missed_payments_1y",
            "missed_payments_6m",
            "bankruptcies",
        ]
    ],
    source=history("credit_history"),
)
application = RequestSource(name="application_data", schema=[Field(name="loan_amnt", dtype=Int64)])


@on_demand_feature_view(sources=[credit_history, application], schema=[Field(name="total_debt_due", dtype=Float64)], mode="pandas")
def total_debt_calc(inputs: pd.DataFrame) -> pd.DataFrame:
    debts = inputs["credit_card_due"] + inputs["mortgage_due"] + inputs["student_loan_due"] + inputs["vehicle_loan_due"]
    return pd.DataFrame({"total_debt_due": (debts + inputs["loan_amnt"]).astype(float)})


credit_scoring = FeatureService(name="credit_scoring", features=[zipcode_features, credit_history, total_debt_calc])
