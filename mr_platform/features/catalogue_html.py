"""The catalogue as one page to search in: a single HTML file that needs nothing else, made from the catalogue."""

from __future__ import annotations

import html
import json
from typing import Any

from mr_platform.features.catalogue import ComponentEntry, catalogue, components
from mr_platform.features.catalogue_pages import first_minute, mirrored, span, steering
from mr_platform.features.groups import GUIDES, by_group

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1f29; --soft: #5d6675; --line: #dfe3ea; --paper: #fff; --tint: #f4f6f9;
  --mark: #0b5cad; }
@media (prefers-color-scheme: dark) { :root { --ink: #e8ebf0; --soft: #9aa4b5; --line: #333b48; --paper: #14181f;
  --tint: #1c222c; --mark: #7db8f5; } }
* { box-sizing: border-box }
body { margin: 0; font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper) }
header { position: sticky; top: 0; background: var(--paper); border-bottom: 1px solid var(--line);
  padding: 14px 24px 12px; z-index: 1 }
h1 { font-size: 20px; margin: 0 0 10px } h1 small { color: var(--soft); font-weight: normal; font-size: 14px }
h2 { font-size: 18px; margin: 28px 0 2px } h3 { font-size: 15px; margin: 22px 0 2px }
p { margin: 2px 0 8px; color: var(--soft); max-width: 100ch }
main { padding: 0 24px 60px }
input { font: inherit; width: min(520px, 100%); padding: 7px 11px; border: 1px solid var(--line); border-radius: 7px;
  background: var(--tint); color: var(--ink) }
nav { display: flex; flex-wrap: wrap; gap: 6px; margin-top: 10px }
button { font: inherit; font-size: 13px; padding: 3px 11px; border: 1px solid var(--line); border-radius: 14px;
  background: var(--tint); color: var(--ink); cursor: pointer }
button[aria-pressed=true] { background: var(--mark); border-color: var(--mark); color: var(--paper) }
table { width: 100%; border-collapse: collapse; table-layout: fixed } td { padding: 6px 10px 6px 0; vertical-align: top;
  border-top: 1px solid var(--line); overflow-wrap: anywhere }
th { text-align: left; font-weight: normal; font-size: 12px; color: var(--soft); padding: 0 10px 4px 0 }
th:first-child { width: 25% } th:nth-child(3) { width: 12% } th:nth-child(4) { width: 9% } th:nth-child(5) { width: 9% }
td:nth-child(n+3) { color: var(--soft); font-size: 13px }
code { font: 13px ui-monospace, monospace } td:first-child code { color: var(--mark) }
tbody tr { cursor: pointer } tbody tr.more { cursor: auto }
tr.more td { border-top: 0; background: var(--tint); padding: 8px 14px }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 2px 18px; margin: 0; font-size: 13px }
dt { color: var(--soft) } dd { margin: 0 }
"""

_SCRIPT = """
const known = JSON.parse(document.getElementById('catalogue').textContent);
const search = document.getElementById('search'), main = document.querySelector('main');
const count = document.getElementById('count'), nav = document.querySelector('nav');
const make = (tag, text, parent) => {
  const element = document.createElement(tag);
  if (text) element.textContent = text;
  parent.append(element);
  return element;
};
let chosen = '';
const words = () => search.value.toLowerCase().split(/\\s+/).filter(Boolean);
const text = (feature, group, component) =>
  [feature.name, feature.formula, feature.unit, group.title, component.title, feature.parameters.join(' ')]
    .join(' ').toLowerCase();
function more(row, feature, component) {
  if (row.nextSibling && row.nextSibling.className === 'more') return row.nextSibling.remove();
  const line = document.createElement('tr');
  line.className = 'more';
  const cell = make('td', '', line);
  cell.colSpan = 5;
  const list = make('dl', '', cell);
  const say = (what, value) => { make('dt', what, list); return make('dd', value, list); };
  say('table', component.table);
  say('calls and puts swapped', feature.mirror || 'no rule');
  say('version', String(feature.version));
  const steered = component.steering.filter(one => one.names.some(name => feature.parameters.includes(name)));
  if (!steered.length) say('steered by', 'nothing: its definition has no constant to tune');
  for (const one of steered) {
    const entry = say(one === steered[0] ? 'steered by' : '', '');
    make('code', one.id, entry);
    entry.append(` = ${one.default}${one.unit ? ' ' + one.unit : ''}: ${one.description}`);
  }
  row.after(line);
}
function draw() {
  const wanted = words();
  let shown = 0;
  main.replaceChildren();
  for (const component of known.components) {
    if (chosen && component.key !== chosen) continue;
    const groups = component.groups.map(group => [group, group.features.filter(
      feature => wanted.every(word => text(feature, group, component).includes(word)))]).filter(([, f]) => f.length);
    if (!groups.length) continue;
    make('h2', `${component.key.toUpperCase()} ${component.title}`, main);
    make('p', component.looks_at, main);
    make('p', `Score. ${component.score}`, main);
    for (const [group, features] of groups) {
      make('h3', `${group.title} (${features.length})`, main);
      make('p', group.purpose, main);
      const whole = make('table', '', main), head = make('tr', '', make('thead', '', whole));
      for (const title of ['feature', 'what it says', 'unit', 'range', 'from']) make('th', title, head);
      const table = make('tbody', '', whole);
      for (const feature of features) {
        shown += 1;
        const row = make('tr', '', table);
        row.id = feature.name;
        make('code', feature.name, make('td', '', row));
        for (const key of ['formula', 'unit', 'range', 'from']) make('td', feature[key], row);
        row.onclick = () => more(row, feature, component);
      }
    }
  }
  if (!shown) make('p', 'No feature has all of these words.', main);
  count.textContent = `${shown} of ${known.total}`;
}
function choose(key) {
  chosen = chosen === key ? '' : key;
  for (const button of nav.children) button.setAttribute('aria-pressed', String(button.dataset.key === chosen));
  draw();
}
for (const component of known.components) {
  const button = make('button', `${component.key.toUpperCase()} ${component.title}`, nav);
  button.dataset.key = component.key;
  button.setAttribute('aria-pressed', 'false');
  button.onclick = () => choose(component.key);
}
function visit() {
  if (!location.hash) return;
  search.value = '';
  choose('');
  const row = document.getElementById(location.hash.slice(1));
  if (row) { row.scrollIntoView({ block: 'center' }); row.click(); }
}
search.oninput = draw;
window.onhashchange = visit;
draw();
visit();
"""


def html_page() -> str:
    """The whole catalogue as one document: search by words, choice of a component, details of a row by a click."""
    document = {"total": len(catalogue()), "components": [_component(entry) for entry in components()]}
    # nothing in the data may end the script element that carries it
    data = json.dumps(document, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    title = "Feature catalogue"
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{html.escape(title)}</title>\n<style>{_STYLE}</style>\n"
        f'<header><h1>{html.escape(title)} <small id="count"></small></h1>'
        '<input id="search" type="search" autofocus placeholder="Words: pin risk, gamma, c7 breakout, 15 minutes">'
        "<nav></nav></header>\n<main></main>\n"
        f'<script type="application/json" id="catalogue">{data}</script>\n<script>{_SCRIPT}</script>\n</html>\n'
    )


def _component(entry: ComponentEntry) -> dict[str, Any]:
    guide = GUIDES[entry.key]
    return {
        "key": entry.key,
        "title": guide.title,
        "table": entry.table,
        "looks_at": guide.looks_at,
        "score": guide.score,
        "steering": [
            {"names": one.names, "id": one.id, "default": one.default, "unit": one.unit, "description": one.description}
            for one in steering(entry)
        ],
        "groups": [
            {
                "title": guide.groups[name].title,
                "purpose": guide.groups[name].purpose,
                "features": [
                    {
                        "name": spec.name,
                        "formula": spec.description,
                        "unit": spec.unit,
                        "range": span(spec),
                        "from": first_minute(spec),
                        "mirror": mirrored(spec),
                        "version": spec.version,
                        "parameters": spec.parameters,
                    }
                    for spec in features
                ],
            }
            for name, features in by_group(entry).items()
        ],
    }
