"""`flux2flow models`: what it says, with which exit code, and that nothing of a file reaches the terminal raw."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import unicodedata
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from flux2engine.chat_templates import TEMPLATES
from flux2engine.variants import VARIANTS
from flux2engine.weights.identify import official_shapes
from flux2flow.cli import main
from flux2flow.cli.reading import reading, size_text
from flux2flow.errors import GenerationError
from flux2flow.generation.flux2 import library as door
from tests.cli.interruption import interrupt
from tests.engine import checkpoints

ROOT = Path(__file__).parents[2]
COLUMNS = 100
BLNS = ROOT / ".." / "shared" / "corpus" / "blns.json"


@pytest.fixture(scope="module")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write small weights; tests read them only."""
    folder = tmp_path_factory.mktemp("delivered")
    checkpoints.write_official(folder, "klein-4b", dtype=torch.bfloat16)
    checkpoints.write_official(folder, "klein-9b-kv")
    checkpoints.write_official_autoencoder(folder)
    checkpoints.write_text_encoder(folder, "klein-4b")
    shutil.copytree(folder / "text_encoder", folder / "Qwen3-4B")
    shutil.copytree(folder / "tokenizer", folder / "Qwen3-4B", dirs_exist_ok=True)
    return folder


@pytest.fixture(autouse=True)
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give every test an empty library."""
    monkeypatch.setenv("FLUX2FLOW_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("FLUX2FLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "models"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run the command; return its code and what it showed, and keep its promises about the terminal."""
    code = main(["models", *(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    for line in captured.out.splitlines():
        assert not [sign for sign in line if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co")], ascii(line)
        if "--json" not in arguments and "/" not in line:  # paths are as long as they are
            assert len(line) <= COLUMNS, line
    return code, captured.out, captured.err


def words(text: str) -> str:
    """Undo the breaking of lines."""
    return " ".join(text.split())


def import_all(capsys: pytest.CaptureFixture[str], delivered: Path) -> None:
    for arguments in (("flux-2-klein-4b.safetensors", "--variant", "klein-4b"), ("ae.safetensors",), ("Qwen3-4B",)):
        code, _, error = run(capsys, "import", delivered / arguments[0], *arguments[1:])
        assert code == 0, error


def test_an_empty_library_says_what_could_be_there(capsys: pytest.CaptureFixture[str], models: Path) -> None:
    code, shown, _ = run(capsys, "list")
    assert code == 0
    assert "flux2flow models import PATH" in shown
    for name in set(VARIANTS) - {"nano"}:
        assert f"\n{name} " in shown
    assert "klein-base-9b  FLUX-Non-Commercial-2.0*  flux-2-klein-base-9b.safetensors  qwen3-8b" in shown
    assert "qwen3-4b           the folder Qwen/Qwen3-4B" in shown
    assert not models.exists()  # looking makes nothing


def test_the_list_grows_with_every_import(capsys: pytest.CaptureFixture[str], delivered: Path) -> None:
    code, shown, _ = run(capsys, "import", delivered / "ae.safetensors")
    assert code == 0
    assert "added      autoencoder   flux2" in shown
    assert "No model uses it yet" in shown
    assert "used by no model" in run(capsys, "list")[1]
    code, shown, _ = run(capsys, "import", delivered / "flux-2-klein-4b.safetensors", "--variant", "klein-4b")
    assert "taken for klein-4b: given with --variant" in shown
    assert "custom shape: hidden_size 64 instead of 3072" in shown
    assert "klein-4b is not complete yet:" in shown
    assert "→ text encoder missing" in shown
    _, shown, _ = run(capsys, "list")
    assert "INCOMPLETE" in shown
    assert "→ text encoder missing" in shown
    assert "used by no model" not in shown
    _, shown, _ = run(capsys, "import", delivered / "Qwen3-4B")
    assert "klein-4b is complete. In a campaign: model: klein-4b" in shown
    assert "licence Apache-2.0: any use" in shown
    _, shown, _ = run(capsys, "list")
    row = next(line for line in shown.splitlines() if line.startswith("klein-4b "))
    assert " ".join(row.split()) == "klein-4b klein-4b, custom shape Apache-2.0 24 MB bfloat16 complete"
    assert "accept_licences" not in shown  # control: nothing here has to be accepted


def test_a_licence_to_accept_is_said(capsys: pytest.CaptureFixture[str], delivered: Path) -> None:
    run(capsys, "import", delivered / "flux-2-klein-9b-kv.safetensors", "--variant", "klein-9b-kv")
    _, shown, _ = run(capsys, "list")
    assert "FLUX-Non-Commercial-2.0*" in shown
    assert "flux2flow: 1\n      accept_licences: [FLUX-Non-Commercial-2.0]\n" in shown


def test_json_holds_everything(capsys: pytest.CaptureFixture[str], delivered: Path) -> None:
    import_all(capsys, delivered)
    _, shown, _ = run(capsys, "list", "--json")
    found = json.loads(shown)
    (model,) = found["models"]
    assert [part["name"] for part in model["parts"]] == ["klein-4b", "flux2", "qwen3-4b"]
    assert (model["missing"], len(model["digest"])) == ([], 64)
    assert model["limits"]["licence"]["needs_acknowledgement"] is False
    assert {known["name"] for known in found["not_installed"]} == set(VARIANTS) - {"nano", "klein-4b"}
    code, shown, _ = run(capsys, "show", delivered / "Qwen3-4B", "--json")
    assert (code, json.loads(shown)[0]["kind"]) == (0, "text encoder")
    code, shown, _ = run(capsys, "verify", "--json")
    assert (code, {verdict["state"] for verdict in json.loads(shown)}) == (0, {"same"})


def test_show_describes_and_imports_nothing(
    capsys: pytest.CaptureFixture[str], delivered: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(delivered)
    code, shown, _ = run(capsys, "show", "flux-2-klein-4b.safetensors")
    assert code == 0
    for line in (
        "flux-2-klein-4b.safetensors",
        "  is          transformer, official layout",
        "  shape of    no published model: a custom shape",
        "  size        652 kB in 1 file",
        "  dtype       bfloat16",
        "  parameters  325,888",
    ):
        assert f"{line}\n" in shown
    assert "say with --variant which model it was made from" in words(shown)
    assert "all values are finite" not in shown
    assert not models.exists()


def test_show_check_warns_of_values_by_name(
    capsys: pytest.CaptureFixture[str], delivered: Path, tmp_path: Path
) -> None:
    assert "all values are finite" in run(capsys, "show", "--check", delivered / "ae.safetensors")[1]
    state = load_file(delivered / "ae.safetensors")
    state["decoder.conv_in.bias"][0] = float("nan")
    save_file(state, tmp_path / "ae.safetensors")
    code, shown, _ = run(capsys, "show", "--check", tmp_path / "ae.safetensors")
    assert code == 0  # a warning
    assert "1 tensor holds values that are not finite:\n      decoder.conv_in.bias\n" in shown


def test_an_unknown_layout_is_described_with_its_neighbour(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    state = checkpoints.official_state("klein-4b")
    renamed = {name.replace("img_in", "image_in"): tensor for name, tensor in state.items()}
    save_file(renamed, tmp_path / "strange.safetensors", metadata={"author": "somebody"})
    code, shown, _ = run(capsys, "show", tmp_path / "strange.safetensors")
    assert code == 3
    assert "the nearest is the official layout of a transformer" in words(shown)
    assert "image_in.weight" in shown
    assert "author: somebody" in shown
    assert run(capsys, "import", tmp_path / "strange.safetensors")[0] == 3


def test_exit_codes_tell_a_wrong_question_from_a_wrong_file(
    capsys: pytest.CaptureFixture[str], delivered: Path, tmp_path: Path
) -> None:
    """2 where the command line has to change, 3 where the file has to (decision 18)."""
    (tmp_path / "broken.safetensors").write_bytes(b"PK\x03\x04")
    for code, arguments, said in (
        (2, ("import", tmp_path / "absent.safetensors"), "does not exist"),
        (2, ("import", delivered / "flux-2-klein-4b.safetensors"), "--variant"),
        (2, ("import", delivered / "ae.safetensors", "--name", "nano"), "the name of a model that ships"),
        (2, ("import", delivered / "ae.safetensors", "--name", "No Name"), "is not a name"),
        (2, ("verify", "absent"), "nothing is installed under the name 'absent'; installed: none"),
        (2, ("remove", "absent"), "nothing is installed"),
        (3, ("import", tmp_path / "broken.safetensors"), "not a usable safetensors file"),
        (3, ("show", tmp_path / "broken.safetensors"), "not a usable safetensors file"),
    ):
        found, _, error = run(capsys, *arguments)
        assert (found, said in words(error)) == (code, True), f"{arguments}: {found} {error}"
        assert "Traceback" not in error


def test_verify_fails_on_what_changed(capsys: pytest.CaptureFixture[str], delivered: Path, tmp_path: Path) -> None:
    file = tmp_path / "ae.safetensors"
    shutil.copy(delivered / "ae.safetensors", file)
    run(capsys, "import", file)
    code, shown, _ = run(capsys, "verify")
    assert (code, shown) == (0, "1 file as imported\n")
    with file.open("r+b") as opened:
        opened.seek(-1, os.SEEK_END)
        opened.write(b"\x7f")
    code, shown, _ = run(capsys, "verify", "flux2")
    assert code == 1
    assert f"changed    flux2: {file}\n" in shown
    assert "0 of 1 file as imported" in shown
    file.unlink()
    code, shown, _ = run(capsys, "verify")
    assert code == 1
    assert f"missing    flux2: {file}\n" in shown


def test_moved_files_are_said_by_list_and_doctor(
    capsys: pytest.CaptureFixture[str], delivered: Path, tmp_path: Path
) -> None:
    """The model stays one, so that plans can name it; doctor and list say that it cannot paint."""
    moved = tmp_path / "moved"
    shutil.copytree(delivered, moved)
    import_all(capsys, moved)
    main(["doctor"])
    assert "moved/ae.safetensors" not in capsys.readouterr().out  # control
    (moved / "ae.safetensors").rename(tmp_path / "elsewhere.safetensors")
    code, shown, _ = run(capsys, "list")
    assert code == 0
    assert "FILES GONE OR CHANGED" in shown
    assert "klein-4b cannot paint:" in shown
    main(["doctor"])
    assert "ae.safetensors is gone: put it back" in capsys.readouterr().out


def test_remove_forgets_and_deletes_nothing(capsys: pytest.CaptureFixture[str], delivered: Path) -> None:
    import_all(capsys, delivered)
    code, shown, _ = run(capsys, "remove", "qwen3-4b")
    assert code == 0
    assert "Forgot the text encoder qwen3-4b. Its files stay where they are:" in shown
    assert str(delivered / "Qwen3-4B" / "tokenizer.json") in shown
    assert "klein-4b is no longer complete without it." in shown
    assert (delivered / "Qwen3-4B" / "model.safetensors").exists()
    assert "INCOMPLETE" in run(capsys, "list")[1]


def test_a_damaged_record_is_shown_and_can_be_forgotten(
    capsys: pytest.CaptureFixture[str], delivered: Path, models: Path
) -> None:
    import_all(capsys, delivered)
    (models / "transformers" / "torn.json").write_bytes(b'{"kind": "tra')
    code, shown, _ = run(capsys, "list")
    assert code == 0
    assert "complete" in shown
    assert "This file of the library is no record" in shown
    assert "torn.json" in shown
    code, shown, _ = run(capsys, "remove", "torn")
    assert (code, shown) == (0, "Forgot the damaged record torn.\n")
    assert "no record" not in run(capsys, "list")[1]


def test_what_files_say_of_themselves_is_made_visible(
    capsys: pytest.CaptureFixture[str], delivered: Path, tmp_path: Path
) -> None:
    """T23: escape sequences and bidi controls in names and metadata never reach the terminal."""
    hostile = ["\x1b[2J\x1b]0;owned\x07", "\u202eevil\u202c", "\x9b31m", "\u200bzero", "\u2066iso", "a\rb\nc\td\x00e"]
    if BLNS.exists():
        strings = [text for text in json.loads(BLNS.read_text(encoding="utf-8")) if not text.isprintable()]
        assert len(strings) >= 18
        hostile += strings
    state = load_file(delivered / "ae.safetensors")
    folder = tmp_path / "\x1b[31mred\u202e"
    folder.mkdir()
    file = folder / "ae.safetensors"
    encodable = [text for text in hostile if text.isascii() or text.encode("utf-8", "replace").decode() == text]
    save_file(state, file, metadata={f"key {number} {text}": text for number, text in enumerate(encodable)})
    code, shown, _ = run(capsys, "show", file)  # `run` looks at every character
    assert code == 0
    assert "\\u001b[2J" in shown
    assert "\\u202e" in shown
    run(capsys, "import", file)
    file.write_bytes(b"changed")
    assert run(capsys, "verify")[0] == 1
    run(capsys, "remove", "flux2")
    assert main(["models", "import", str(folder / "absent.safetensors")]) == 2
    assert main(["models", "import", str(folder)]) == 3
    error = capsys.readouterr().err
    assert "\x1b" not in error
    assert "\u202e" not in error


def test_listing_imports_no_torch(tmp_path: Path, capsys: pytest.CaptureFixture[str], delivered: Path) -> None:
    """Asserted in a fresh interpreter; the control is `show`, which reads a header with it."""
    import_all(capsys, delivered)
    code = (
        "import sys; from flux2flow.cli import main; code = main(sys.argv[1:]);"
        "sys.stderr.write('MODULES ' + ' '.join(sys.modules)); sys.exit(code)"
    )
    loaded = {}
    for verb in (["list"], ["remove", "flux2"], ["show", str(delivered / "ae.safetensors")]):
        result = subprocess.run(
            [sys.executable, "-c", code, "models", *verb], capture_output=True, text=True, cwd=ROOT, timeout=120
        )
        assert result.returncode == 0, result.stderr
        loaded[verb[0]] = set(result.stderr.rpartition("MODULES ")[2].split())
    assert "flux2engine.library" in loaded["list"]
    assert not {"torch", "numpy", "PIL", "skia", "transformers"} & (loaded["list"] | loaded["remove"])
    assert "torch" in loaded["show"]


def test_an_interruption_in_the_middle_of_gigabytes_leaves_nothing(tmp_path: Path, models: Path) -> None:
    """Ctrl-C while a file of true size is read; its data is a hole on disk."""
    file = checkpoints.write_sparse(
        tmp_path / "flux-2-klein-4b.safetensors", official_shapes(VARIANTS["klein-4b"].transformer)
    )
    ended = interrupt("models", "import", file)
    assert ended.told == "read 10 % of 7.75 GB: flux-2-klein-4b.safetensors\n"
    assert ended.code == 130
    assert "Traceback" not in ended.error
    assert "added" not in ended.shown
    assert not models.exists()


def test_progress_is_a_bar_on_a_terminal_and_lines_elsewhere(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both name the file without its control characters, and neither speaks of what is read within a second."""
    file, size = Path("\u202ebig.safetensors"), 10**9
    with reading() as progress:
        for done in range(0, size + 1, size // 100):
            progress(file, done, size)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "read 10 % of 1 GB: \\u202ebig.safetensors"
    assert len(lines) == 10
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich looks for itself whether it stands before a terminal
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    with reading() as progress:
        progress(file, size // 2, size)
    shown = capsys.readouterr().err
    assert "0.5/1.0 GB" in shown
    assert "\\u202ebig.safetensors" in shown
    assert "\u202e" not in shown
    with reading() as progress:
        progress(file, 500, 1000)
    assert capsys.readouterr().err == ""


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    _, shown, _ = run(capsys, "--help")
    for verb in ("list", "show", "import", "verify", "remove"):
        assert f"\n  {verb} " in shown
    assert "never copied" in shown


# --- the door ----------------------------------------------------------------------------------------------------


def test_the_folder_is_the_users_unless_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert door.models_folder() == tmp_path / "models"
    monkeypatch.delenv("FLUX2FLOW_MODELS")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert door.models_folder().is_relative_to(tmp_path)
    assert door.models_folder().name == "models"


def test_installed_models_are_plain_data(capsys: pytest.CaptureFixture[str], delivered: Path) -> None:
    import_all(capsys, delivered)
    (model,) = door.installed()
    assert model.complete
    assert model.limits.name == "klein-4b"
    assert (model.limits.max_references, model.limits.max_pixels) == (4, 4 * 1024 * 1024)
    assert (model.limits.multiple, model.limits.min_side, model.limits.max_ratio) == (16, 64, 8.0)
    assert model.limits.prompt_forms == ("prose", "json")
    assert not model.limits.negative_prompts
    assert model.size == sum(
        Path(file).stat().st_size
        for file in (
            delivered / "flux-2-klein-4b.safetensors",
            delivered / "ae.safetensors",
            delivered / "Qwen3-4B" / "model.safetensors",
            delivered / "Qwen3-4B" / "tokenizer.json",
        )
    )


def test_limits_are_those_of_the_variant() -> None:
    rows = {name: door.limits_of(name, row) for name, row in VARIANTS.items() if name != "nano"}
    assert {name for name, limits in rows.items() if limits.negative_prompts} == {"klein-base-4b", "klein-base-9b"}
    accepted = {name for name, limits in rows.items() if limits.licence and not limits.licence.needs_acknowledgement}
    assert accepted == {"klein-4b", "klein-base-4b"}
    assert {name: limits.max_references for name, limits in rows.items()}["dev"] == 10


@pytest.mark.parametrize("name", ["klein-4b", "dev"])
def test_a_prompt_is_given_no_more_room_than_its_template_leaves(name: str) -> None:
    """The templates' words, marks and line breaks are about a token each in the real vocabularies."""
    row = VARIANTS[name]
    room = door.limits_of(name, row).max_prompt_tokens
    assert room is not None
    rendered = TEMPLATES[row.text_encoder.kind]("")
    pieces = re.findall(r"<\W?\w+\W?>|\[/?\w+\]|\w+|\n+|[^\w\s]", rendered)
    assert len(pieces) <= row.text_encoder.tokens - room <= 2 * len(pieces)


def test_known_variants_say_what_to_fetch() -> None:
    known = {variant.name: variant for variant in door.known_variants()}
    assert set(known) == set(VARIANTS) - {"nano"}
    assert "flux2-dev.safetensors of black-forest-labs/FLUX.2-dev" in known["dev"].remedy
    assert known["dev"].licence.needs_acknowledgement


def test_the_engines_errors_become_ours(tmp_path: Path) -> None:
    with pytest.raises(GenerationError) as refused:
        door.verify("absent")
    assert refused.value.exit_code == 2
    (tmp_path / "x.safetensors").write_bytes(b"")
    with pytest.raises(GenerationError) as refused:
        door.show(tmp_path / "x.safetensors")
    assert refused.value.exit_code == 3


def test_without_torch_reading_says_what_to_install(
    capsys: pytest.CaptureFixture[str], delivered: Path, models: Path
) -> None:
    """In a fresh interpreter where torch cannot be imported, listing answers all the same."""
    import_all(capsys, delivered)
    code = "import sys; sys.modules['torch'] = None; from flux2flow.cli import main; sys.exit(main(sys.argv[1:]))"
    for expected, verb in ((0, ["list"]), (3, ["show", str(delivered / "ae.safetensors")])):
        result = subprocess.run(
            [sys.executable, "-c", code, "models", *verb], capture_output=True, text=True, cwd=ROOT, timeout=120
        )
        assert result.returncode == expected, result.stderr
        assert ("pip install 'flux2flow[engine]'" in result.stderr) == (expected == 3)
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize(
    ("size", "text"), [(7_751_089_152, "7.75 GB"), (168_000_000, "168 MB"), (12_000, "12 kB"), (5, "5 bytes")]
)
def test_sizes_are_written_as_people_do(size: int, text: str) -> None:
    assert size_text(size) == text
