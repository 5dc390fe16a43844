select customer_id::bigint as customer_id, merchant::text as merchant, max(ordered_at) as last_order, count(*)::integer as orders,
    bool_or(status = 'returned') as returned
from {{ ref('orders') }} group by 1, 2
