{# DuckDB: schemas lake, staging and marts as they are named. BigQuery: one dataset for each environment holds all. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {%- if custom_schema_name is none or target.type == 'bigquery' -%}
        {{ target.schema }}
    {%- else -%}
        {{ custom_schema_name | trim }}
    {%- endif -%}
{%- endmacro %}
