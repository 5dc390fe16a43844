-- One row is what became of one transaction, as its investigation found a week later:
-- of the transactions up to a week before the end. Those of the last week are not known
-- yet. The loss is what the bank paid back.
CREATE TABLE fraud.outcomes AS
SELECT transaction_id::text                         AS transaction_id,
       event_time,
       event_time + interval '7 days'               AS known_at,
       is_fraud,
       CASE WHEN is_fraud THEN amount ELSE 0 END    AS loss
FROM fraud.transactions
WHERE event_time < (SELECT date_trunc('day', max(event_time), 'UTC') FROM fraud.transactions) - interval '6 days';

CREATE INDEX ON fraud.outcomes (event_time);
ANALYZE fraud.outcomes;
