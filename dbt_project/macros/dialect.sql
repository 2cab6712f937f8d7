{# What DuckDB and BigQuery spell differently. Every model goes through these, so that one text serves both. #}

{% macro type_double() %}{{ return(adapter.dispatch('type_double')()) }}{% endmacro %}
{% macro default__type_double() %}double{% endmacro %}
{% macro bigquery__type_double() %}float64{% endmacro %}

{# Calendar date in India of an instant. #}
{% macro trade_date_of(instant) %}{{ return(adapter.dispatch('trade_date_of')(instant)) }}{% endmacro %}
{% macro default__trade_date_of(instant) %}cast(timezone('Asia/Kolkata', {{ instant }}) as date){% endmacro %}
{% macro bigquery__trade_date_of(instant) %}date({{ instant }}, 'Asia/Kolkata'){% endmacro %}

{# Whole minutes from one instant to another. #}
{% macro minutes_between(first, second) %}{{ return(adapter.dispatch('minutes_between')(first, second)) }}{% endmacro %}
{% macro default__minutes_between(first, second) %}date_diff('minute', {{ first }}, {{ second }}){% endmacro %}
{% macro bigquery__minutes_between(first, second) %}timestamp_diff({{ second }}, {{ first }}, minute){% endmacro %}

{# Quantile of a column inside a group; q between 0 and 1. #}
{% macro quantile_of(column, q) %}{{ return(adapter.dispatch('quantile_of')(column, q)) }}{% endmacro %}
{% macro default__quantile_of(column, q) %}quantile_cont({{ column }}, {{ q }}){% endmacro %}
{% macro bigquery__quantile_of(column, q) %}approx_quantiles({{ column }}, 1000)[offset({{ (q * 1000) | int }})]{% endmacro %}

{# Number at a path of a JSON text; null where there is none. #}
{% macro json_number(column, path) %}{{ return(adapter.dispatch('json_number')(column, path)) }}{% endmacro %}
{% macro default__json_number(column, path) %}try_cast(json_extract_string({{ column }}, '{{ path }}') as double){% endmacro %}
{% macro bigquery__json_number(column, path) %}safe_cast(json_value({{ column }}, '{{ path }}') as float64){% endmacro %}

{# Rows of the group for which a condition holds. #}
{% macro count_where(condition) %}cast(sum(case when {{ condition }} then 1 else 0 end) as int64){% endmacro %}

{# Share of the group's rows for which a condition holds; null for a group without rows that could hold it. #}
{% macro share_where(condition, among='true') -%}
    cast(sum(case when ({{ among }}) and ({{ condition }}) then 1 else 0 end) as {{ type_double() }})
    / nullif(sum(case when {{ among }} then 1 else 0 end), 0)
{%- endmacro %}
