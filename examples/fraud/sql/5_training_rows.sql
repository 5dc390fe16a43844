-- One row is one transaction with the features that serving would have read for
-- it: those of the start of its day, under the names VIEW:FEATURE that
-- definitions/ gives them. Counts default to 0 as there; what else is missing is
-- null.
CREATE VIEW fraud.training_rows AS
SELECT t.transaction_id,
       (t.event_time AT TIME ZONE 'UTC')::date
           - (SELECT (min(event_time) AT TIME ZONE 'UTC')::date FROM fraud.transactions) AS day_number,
       t.is_fraud,
       t.amount                     AS "request:amount",
       coalesce(c.txn_count_1d, 0)  AS "customer_spend:txn_count_1d",
       coalesce(c.txn_count_7d, 0)  AS "customer_spend:txn_count_7d",
       coalesce(c.txn_count_30d, 0) AS "customer_spend:txn_count_30d",
       c.avg_amount_1d              AS "customer_spend:avg_amount_1d",
       c.avg_amount_7d              AS "customer_spend:avg_amount_7d",
       c.avg_amount_30d             AS "customer_spend:avg_amount_30d",
       coalesce(m.txn_count_1d, 0)  AS "terminal_risk:txn_count_1d",
       coalesce(m.txn_count_7d, 0)  AS "terminal_risk:txn_count_7d",
       coalesce(m.txn_count_30d, 0) AS "terminal_risk:txn_count_30d",
       m.fraud_rate_1d              AS "terminal_risk:fraud_rate_1d",
       m.fraud_rate_7d              AS "terminal_risk:fraud_rate_7d",
       m.fraud_rate_30d             AS "terminal_risk:fraud_rate_30d"
FROM fraud.transactions AS t
LEFT JOIN fraud.customer_daily AS c
       ON c.customer_id = t.customer_id AND c.event_time = date_trunc('day', t.event_time, 'UTC')
LEFT JOIN fraud.terminal_daily AS m
       ON m.terminal_id = t.terminal_id AND m.event_time = date_trunc('day', t.event_time, 'UTC');
