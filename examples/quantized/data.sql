-- Eight facts of each of 5,000 accounts, and what became of it a month later.
SELECT setseed(0.5);
CREATE SCHEMA quantized;
CREATE TABLE quantized.accounts AS
SELECT account_id, now() - interval '1 hour' AS event_time, x[1] AS x0, x[2] AS x1, x[3] AS x2, x[4] AS x3, x[5] AS x4, x[6] AS x5, x[7] AS x6, x[8] AS x7
FROM generate_series(1, 5000) AS account_id,
    LATERAL (
        SELECT array_agg((sqrt(-2 * ln(1 - random())) * cos(2 * pi() * random()))::real) AS x
        FROM generate_series(1, 8) WHERE account_id > 0 -- makes Postgres draw again for each account
    ) AS drawn;
CREATE TABLE quantized.outcomes AS
SELECT account_id, random() < 1 / (1 + exp(-(2 * sin(2 * x0) + x1 * x2 - x3 * x3 / 2 + x4))) AS label
FROM quantized.accounts;
