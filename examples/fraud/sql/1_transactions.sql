-- Made empty; the transactions come by COPY.

-- One row is one card transaction, with its true label.
CREATE TABLE fraud.transactions (
    transaction_id bigint           NOT NULL,
    event_time     timestamptz      NOT NULL,
    customer_id    bigint           NOT NULL,
    terminal_id    bigint           NOT NULL,
    amount         double precision NOT NULL, -- whole cents
    is_fraud       boolean          NOT NULL,
    scenario       smallint         NOT NULL  -- 0 honest, 1 high amount, 2 compromised terminal, 3 stolen card
);
