{# Every row has its key, no other row has the same, and the columns in ``present`` are there: one pass over the model. #}
{% test keyed(model, columns, present=[]) %}
select {{ columns | join(', ') }}, count(*) as occurrences
from {{ model }}
group by {{ columns | join(', ') }}
having count(*) > 1
    {%- for column in columns + present %} or count({{ column }}) < count(*){% endfor %}
{% endtest %}
