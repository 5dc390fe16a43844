with spent as (
    select customer_id, date_trunc('day', ordered_at) as day, count(*) as orders, sum(amount)::double precision as amount,
        max(amount)::real as largest, array_agg(merchant order by ordered_at) as merchants, max(status) as last_status
    from {{ ref('orders') }} group by 1, 2
)
select customer_id::bigint as customer_id, (day + interval '1 day') at time zone 'UTC' as event_time,
    (day + interval '25 hours') at time zone 'UTC' as loaded_at,
    orders, amount, largest, merchants, last_status, interval '1 day' as span, 'internal'::text as note
from spent
