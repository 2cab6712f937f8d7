"""The contract of every table, used by writers, checks, docs and dbt."""
