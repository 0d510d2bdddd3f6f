"""What a campaign and its kit say about checking: read, planned, kept in plan files, refused where it is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from flux2flow import planning
from flux2flow.domain.campaign import CampaignBundle
from flux2flow.domain.plate import BackendLimits
from flux2flow.errors import Diagnostic, SpecError
from flux2flow.loading import load
from tests.loading.conftest import BACKENDS, project_of

CHECKS = {"contrast": "contrast", "T07": "contrast", "widow": "widow"}
WAIVER = "{check: T07, asset: 'card/*', reason: art, by: Mia, until: 2027-03-31}"
LIMITS = BackendLimits("procedural", 4, 786_432)


def add(campaign: Path, text: str, *, kit: bool = False) -> Path:
    file = campaign.parent / "brand_kits" / "tiny" / "brand_kit.yaml" if kit else campaign
    known = file.read_text(encoding="utf-8")
    if kit and text.startswith("words:"):
        known = "\n".join(line for line in known.splitlines() if not line.startswith("words:")) + "\n"
    file.write_text(known + text + "\n", encoding="utf-8")
    return campaign


def loaded(campaign: Path) -> CampaignBundle:
    return load(campaign, project_of(campaign), backends=BACKENDS, checks=CHECKS)


def refused(campaign: Path) -> Diagnostic:
    with pytest.raises(SpecError) as raised:
        loaded(campaign)
    (diagnostic,) = raised.value.diagnostics
    assert diagnostic.position.line > 0
    return diagnostic


def dictionary(campaign: Path) -> None:
    folder = campaign.parent / "brand_kits" / "tiny" / "dictionaries"
    folder.mkdir()
    (folder / "en.aff").write_text("SET UTF-8\n")
    (folder / "en.dic").write_text("1\ncalm\n")


def test_profile_waivers_words_and_disclaimers_reach_the_plan_and_its_file(campaign: Path) -> None:
    dictionary(campaign)
    add(campaign, f"checks: {{profile: print, waivers: [{WAIVER}]}}\nlegal: [{{text: {{en: Terms apply.}}}}]")
    words = "words: {names: [Aurora], products: [Dew Serum], allowed: [glowy], marks: {Dew Serum: ®}, "
    words += "dictionaries: {en: dictionaries/en}}"
    add(campaign, words, kit=True)
    add(campaign, "legal: [{text: {en: 18+}, formats: 'iab/*', min_size: 9}]", kit=True)
    plan = planning.plan(loaded(campaign), LIMITS)
    held = plan.standards
    assert held.profile == "print"
    assert [(w.check, w.by, w.until) for w in held.waivers] == [("T07", "Mia", "2027-03-31")]
    assert {"Aurora", "Dew Serum"} <= set(held.names)
    assert (held.allowed, held.marks) == (("glowy",), (("Dew Serum", "®"),))
    assert [(d.text["en"], d.formats) for d in held.disclaimers] == [("18+", "iab/*"), ("Terms apply.", "*")]
    (found,) = held.dictionaries
    assert (found.locale, found.words.path.rpartition("/")[2]) == ("en", "en.dic")
    assert dict(held.colors)
    assert planning.plan_from_json(planning.plan_to_json(plan)) == plan


def test_nothing_said_is_the_web_profile_and_no_waiver(campaign: Path) -> None:
    held = planning.plan(loaded(campaign), LIMITS).standards
    assert (held.profile, held.waivers, held.disclaimers, held.dictionaries) == ("web", (), (), ())


@pytest.mark.parametrize(
    ("text", "kit", "code"),
    [
        ("checks: {profile: sozial}", False, "wrong-value"),
        (f"checks: {{waivers: [{WAIVER.replace('T07', 'T99')}]}}", False, "unknown-check"),
        (f"checks: {{waivers: [{WAIVER.replace('2027-03-31', 'soon')}]}}", False, "wrong-value"),
        (f"checks: {{waivers: [{WAIVER.replace(', by: Mia', '')}]}}", False, "missing-key"),
        ("legal: [{text: {'12': Terms apply.}}]", False, "bad-locale"),
        ("words: {dictionaries: {en: dictionaries/absent}}", True, "missing-file"),
        ("words: {dictionaries: {en: ../../absent}}", True, "outside-project"),
    ],
)
def test_what_is_wrong_is_told_at_its_line(campaign: Path, text: str, kit: bool, code: str) -> None:
    assert refused(add(campaign, text, kit=kit)).code == code
