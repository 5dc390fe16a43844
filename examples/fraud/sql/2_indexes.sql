ALTER TABLE fraud.transactions ADD PRIMARY KEY (transaction_id);
CREATE INDEX ON fraud.transactions (event_time);
ANALYZE fraud.transactions;
