-- One row is what was known of one terminal at the start of one day, in UTC: how
-- many transactions in the 1, 7 and 30 days before it, and which share of
-- transactions was fraud. Whether one was fraud is known a week later, so the
-- shares are of windows that end 7 days before that day; null where a window
-- has no transaction. A terminal has a row for each day after its first
-- transaction, as a customer has.
CREATE TABLE fraud.terminal_daily AS
WITH daily AS (
    SELECT terminal_id,
           (event_time AT TIME ZONE 'UTC')::date  AS day,
           count(*)::int                          AS txns,
           count(*) FILTER (WHERE is_fraud)::int  AS frauds
    FROM fraud.transactions
    GROUP BY 1, 2
), history AS (
    SELECT terminal_id, min(day) AS first_day, (SELECT max(day) FROM daily) AS last_day
    FROM daily
    GROUP BY 1
), calendar AS (
    SELECT terminal_id, first_day, first_day + age AS day
    FROM history, generate_series(0, last_day - first_day) AS age
), windows AS (
    SELECT terminal_id, first_day, day,
           sum(txns)   OVER d1        AS txns_1d,
           sum(txns)   OVER d7        AS txns_7d,
           sum(txns)   OVER d30       AS txns_30d,
           sum(txns)   OVER known_1d  AS known_1d,
           sum(txns)   OVER known_7d  AS known_7d,
           sum(txns)   OVER known_30d AS known_30d,
           sum(frauds) OVER known_1d  AS frauds_1d,
           sum(frauds) OVER known_7d  AS frauds_7d,
           sum(frauds) OVER known_30d AS frauds_30d
    FROM calendar
    LEFT JOIN daily USING (terminal_id, day)
    WINDOW by_day AS (PARTITION BY terminal_id ORDER BY day),
           d1        AS (by_day ROWS BETWEEN  1 PRECEDING AND 1 PRECEDING),
           d7        AS (by_day ROWS BETWEEN  7 PRECEDING AND 1 PRECEDING),
           d30       AS (by_day ROWS BETWEEN 30 PRECEDING AND 1 PRECEDING),
           known_1d  AS (by_day ROWS BETWEEN  8 PRECEDING AND 8 PRECEDING),
           known_7d  AS (by_day ROWS BETWEEN 14 PRECEDING AND 8 PRECEDING),
           known_30d AS (by_day ROWS BETWEEN 37 PRECEDING AND 8 PRECEDING)
)
SELECT terminal_id,
       day::timestamp AT TIME ZONE 'UTC' AS event_time,
       day::timestamp AT TIME ZONE 'UTC' AS loaded_at,
       coalesce(txns_1d, 0)              AS txn_count_1d,
       coalesce(txns_7d, 0)              AS txn_count_7d,
       coalesce(txns_30d, 0)             AS txn_count_30d,
       frauds_1d::float8 / known_1d      AS fraud_rate_1d,
       frauds_7d::float8 / known_7d      AS fraud_rate_7d,
       frauds_30d::float8 / known_30d    AS fraud_rate_30d
FROM windows
WHERE day > first_day;

CREATE INDEX ON fraud.terminal_daily (terminal_id, event_time DESC);
ANALYZE fraud.terminal_daily;
