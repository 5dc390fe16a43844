select merchant, sum(amount) as amount from {{ ref('orders') }} group by 1
