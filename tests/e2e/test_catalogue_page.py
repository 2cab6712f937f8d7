"""The page to search the catalogue in, in a real browser."""

import shutil

import pytest
from browser import browser

from mr_platform.features.catalogue_html import html_page


@pytest.mark.slow
def test_a_person_searches_chooses_and_opens_a_feature(tmp_path):
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("chromium is absent: the page is not looked at")
    page = tmp_path / "catalogue.html"
    page.write_text(html_page())
    with browser(chromium, tmp_path / "browser") as tab:
        tab.open(page.as_uri(), "774 of 774")
        search = "document.getElementById('search')"
        tab.evaluate(f"{search}.value = 'Pin gamma'; {search}.oninput()")
        tab.wait("2 of 774", 30)
        shown = "[...document.querySelectorAll('tbody tr')].map(row => row.id).join(' ')"
        assert tab.evaluate(shown) == "c2_dte_pin_risk c2_dte_pin_gamma_share"
        tab.evaluate("document.getElementById('c2_dte_pin_risk').click()")
        tab.wait("GreekSentimentConfig.pin_multipliers = 3,1,0.3 factor", 30)
        tab.evaluate("document.getElementById('c2_dte_pin_risk').click()")
        assert "GreekSentimentConfig.pin_multipliers" not in tab.text()
        tab.evaluate(f"{search}.value = 'no such word'; {search}.oninput()")
        tab.wait("No feature has all of these words.", 30)
        tab.evaluate(f"{search}.value = ''; document.querySelector('nav button[data-key=c8]').click()")
        tab.wait("48 of 774", 30)
        tab.open(f"{page.as_uri()}#c6_graph_density", "calls and puts swapped")
        assert tab.evaluate("document.querySelector('tr.more').previousSibling.id") == "c6_graph_density"
