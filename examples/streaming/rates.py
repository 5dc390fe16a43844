"""What both jobs enrich payments with: the euros that one unit of a currency is."""

RATES = {"EUR": 1.0, "USD": 0.92, "GBP": 1.17, "JPY": 0.0061}
