"""Words that are compiled into templates: translated once, values in their places and escaped."""

from pathlib import Path

import pytest
from markupsafe import Markup

from app.i18n.catalogues import Catalogues
from app.i18n.languages import LANGUAGES
from app.web.pages.rendering import Pages
from tests.faces.page_samples import ROOT


def said(folder: Path, source: str, code: str, **values: object) -> str:
    (folder / "words.html").write_text(source, encoding="utf-8")
    pages = Pages.load(Catalogues.load(ROOT / "locales"), folder)
    return pages.environments[code].get_template("words.html").render(values)


@pytest.mark.req("SEC-08")
def test_a_value_is_inserted_in_each_language(tmp_path: Path) -> None:
    source = '{{ _("Receipt %(number)s", number=receipt) }}'
    sentences = {spoken.code: said(tmp_path, source, spoken.code, receipt="a<b") for spoken in LANGUAGES}
    assert sentences["en"] == "Receipt a&lt;b"
    assert sentences["zh_CN"] != sentences["en"]
    assert all("a&lt;b" in words for words in sentences.values())


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ('{{ _("50 %%") }}', "50 %"),
        ('{{ _("%(share)s %%", share=value) }}', "&lt;i&gt; %"),
        ('{{ _("A %(link)s.", link=safe) }}', "A <b>."),
        ("{% trans value=value %}A {{ value }}.{% endtrans %}", "A &lt;i&gt;."),
    ],
)
def test_percent_signs_markup_and_blocks_read_as_without_folding(
    tmp_path: Path, source: str, words: str
) -> None:
    assert said(tmp_path, source, "en", value="<i>", safe=Markup("<b>")) == words


def test_no_blank_follows_a_full_width_sign(tmp_path: Path) -> None:
    """Whatever decides what is shown, and whatever follows; English keeps its blanks."""
    one, other = '{{ _("Nothing to fill in today.") }}', '{{ _("We will remind you.") }}'
    for source in (
        f"{one} {other} {{{{ x }}}}",
        f"{{% if x %}}{one}{{% else %}}1。{{% endif %}}{{% set y = 1 %}}{{% if x %}} {other}{{% endif %}}",
        f"{{% set y %}}{one} {other}{{% endset %}}{{{{ y }}}}",
        f"{one}{{% if x %}}{{% elif y %}}{other}{{% endif %}} {other}",
        f"{{% for each in [1, 2] %}}{one} {other}{{% endfor %}} <i>2</i>",
    ):
        chinese, english = (said(tmp_path, source, code, x=True, y=False) for code in ("zh_CN", "en"))
        assert "。" in chinese
        assert "。 " not in chinese.removesuffix(" <i>2</i>")
        assert ". " in english
    assert said(tmp_path, f"{one}{{% if x %}}1{{% endif %}} 2", "zh_CN", x=True).endswith("1 2")
    assert said(tmp_path, "{{ x }} " + one, "zh_CN", x="。").startswith("。 ")  # what was typed stays
