-- One row is what was known of one customer at the start of one day, in UTC: how
-- many transactions in the 1, 7 and 30 days before it, and their mean amount,
-- null where there were none. A customer has a row for each day after its first
-- transaction, also for days on which nothing changed: windows shrink as well.
-- Sums are of whole cents in integers, so that no order of adding changes them.
CREATE TABLE fraud.customer_daily AS
WITH daily AS (
    SELECT customer_id,
           (event_time AT TIME ZONE 'UTC')::date AS day,
           count(*)::int                         AS txns,
           sum(round(amount * 100)::int)::int    AS cents
    FROM fraud.transactions
    GROUP BY 1, 2
), history AS (
    SELECT customer_id, min(day) AS first_day, (SELECT max(day) FROM daily) AS last_day
    FROM daily
    GROUP BY 1
), calendar AS (
    SELECT customer_id, first_day, first_day + age AS day
    FROM history, generate_series(0, last_day - first_day) AS age
), windows AS (
    SELECT customer_id, first_day, day,
           sum(txns)  OVER d1  AS txns_1d,
           sum(txns)  OVER d7  AS txns_7d,
           sum(txns)  OVER d30 AS txns_30d,
           sum(cents) OVER d1  AS cents_1d,
           sum(cents) OVER d7  AS cents_7d,
           sum(cents) OVER d30 AS cents_30d
    FROM calendar
    LEFT JOIN daily USING (customer_id, day)
    WINDOW by_day AS (PARTITION BY customer_id ORDER BY day),
           d1  AS (by_day ROWS BETWEEN  1 PRECEDING AND 1 PRECEDING),
           d7  AS (by_day ROWS BETWEEN  7 PRECEDING AND 1 PRECEDING),
           d30 AS (by_day ROWS BETWEEN 30 PRECEDING AND 1 PRECEDING)
)
SELECT customer_id,
       day::timestamp AT TIME ZONE 'UTC' AS event_time,
       -- The night's job runs at midnight: the row is there when its day begins.
       day::timestamp AT TIME ZONE 'UTC' AS loaded_at,
       coalesce(txns_1d, 0)              AS txn_count_1d,
       coalesce(txns_7d, 0)              AS txn_count_7d,
       coalesce(txns_30d, 0)             AS txn_count_30d,
       cents_1d::float8 / txns_1d / 100   AS avg_amount_1d,
       cents_7d::float8 / txns_7d / 100   AS avg_amount_7d,
       cents_30d::float8 / txns_30d / 100 AS avg_amount_30d
FROM windows
WHERE day > first_day;

CREATE INDEX ON fraud.customer_daily (customer_id, event_time DESC);
ANALYZE fraud.customer_daily;
