{% snapshot tiers %}
{{ config(target_schema='shop', unique_key='customer_id', strategy='timestamp', updated_at='changed_at', tags=['larder'],
    meta={'larder': {'entity': 'customer', 'time_zone': 'UTC', 'view': 'customer_tier'}}) }}
select customer_id, tier, changed_at from {{ ref('customers') }}
{% endsnapshot %}
