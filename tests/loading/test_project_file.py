"""flux2flow.yaml: an empty one marks the root; it can accept licences, nothing else; a refusal says what to write."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from flux2flow.domain.plate import WeightsLicence
from flux2flow.domain.project_file import ProjectFile
from flux2flow.errors import SpecError
from flux2flow.loading import accepted_licences, format_diagnostic, load, require_licence
from flux2flow.project import Project
from tests.loading.conftest import BACKENDS, LICENCES, project_of

TERMS = WeightsLicence("FLUX-Non-Commercial-2.0", "https://example.org/licence", "no production", True)
FREE = WeightsLicence("Apache-2.0", "https://example.org/apache", "any use", False)
READ = "remedy: read https://example.org/licence; in short: no production. If you accept it,"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project.of(tmp_path / "campaign.yaml")


def refusal(project: Project) -> str:
    with pytest.raises(SpecError) as raised:
        require_licence(project, "klein-9b", TERMS, LICENCES)
    assert raised.value.exit_code == 2
    return format_diagnostic(raised.value.diagnostics[0])


@pytest.mark.parametrize("text", ["", "\n\n", "# only marks the root\n", "flux2flow: 1\n"])
def test_a_file_that_says_nothing_accepts_nothing(campaign: Path, text: str) -> None:
    (campaign.parent / "flux2flow.yaml").write_text(text)
    project = project_of(campaign)
    assert load(campaign, project, backends=BACKENDS, licences=LICENCES).campaign.campaign == "spring"
    assert accepted_licences(project, LICENCES) == ()
    (campaign.parent / "flux2flow.yaml").write_text("flux2flow: 1\naccept_licences: [Apache-2.0]\n")
    assert accepted_licences(project, LICENCES) == ("Apache-2.0",)  # control


def test_it_can_set_nothing_about_the_machine() -> None:
    """T13: a cloned project names no endpoint, variable, plugin or folder. A new key is a decision, not an accident."""
    assert set(ProjectFile.model_fields) == {"flux2flow", "accept_licences"}


def test_without_a_file_the_refusal_says_which_two_lines_to_write(project: Project) -> None:
    assert refusal(project) == (
        "flux2flow.yaml: nothing is painted: klein-9b is under FLUX-Non-Commercial-2.0, which this project does not"
        f" accept\n  {READ} write flux2flow.yaml, in the project's folder, two lines: flux2flow: 1 and"
        " accept_licences: [FLUX-Non-Commercial-2.0]"
    )


def test_a_marker_gets_both_lines_and_a_file_without_the_key_gets_one(project: Project) -> None:
    (project.root / "flux2flow.yaml").write_text("")
    assert "add to flux2flow.yaml, in the project's folder, two lines: flux2flow: 1 and accept_" in refusal(project)
    (project.root / "flux2flow.yaml").write_text("flux2flow: 1\n")
    assert refusal(project).endswith("the line: accept_licences: [FLUX-Non-Commercial-2.0]")


def test_a_list_is_shown_where_it_stands_and_keeps_what_it_accepts(project: Project) -> None:
    (project.root / "flux2flow.yaml").write_text("flux2flow: 1\naccept_licences: [Apache-2.0]\n")
    assert refusal(project) == (
        "flux2flow.yaml:2:1: nothing is painted: klein-9b is under FLUX-Non-Commercial-2.0, which this project does"
        " not accept [accept_licences]\n"
        "  2 | accept_licences: [Apache-2.0]\n"
        "    | ^^^^^^^^^^^^^^^\n"
        f"  {READ} write here: accept_licences: [Apache-2.0, FLUX-Non-Commercial-2.0]"
    )


def test_what_the_refusal_says_to_write_is_what_accepts(project: Project) -> None:
    line = refusal(project).rpartition(" and ")[2]
    (project.root / "flux2flow.yaml").write_text(f"flux2flow: 1\n{line}\n")
    require_licence(project, "klein-9b", TERMS, LICENCES)


def test_licences_that_need_no_word_need_no_file(project: Project) -> None:
    require_licence(project, "klein-4b", FREE, LICENCES)
    require_licence(project, "procedural", None, LICENCES)


def test_a_licence_of_a_plugins_model_is_accepted_by_its_own_name(project: Project) -> None:
    own = replace(TERMS, name="Acme-1")
    (project.root / "flux2flow.yaml").write_text("flux2flow: 1\naccept_licences: [Acme-1]\n")
    require_licence(project, "acme", own, LICENCES)
    with pytest.raises(SpecError, match="no model here has a licence called 'Acme-1'"):
        require_licence(project, "klein-9b", TERMS, LICENCES)


def test_a_file_reached_through_a_link_that_leads_out_is_not_read(project: Project, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    (tmp_path / "outside.yaml").write_text("flux2flow: 1\naccept_licences: [FLUX-Non-Commercial-2.0]\n")
    (inner / "flux2flow.yaml").symlink_to(tmp_path / "outside.yaml")
    with pytest.raises(SpecError) as raised:
        require_licence(Project.of(inner / "campaign.yaml"), "klein-9b", TERMS, LICENCES)
    assert [found.code for found in raised.value.diagnostics] == ["outside-project"]
