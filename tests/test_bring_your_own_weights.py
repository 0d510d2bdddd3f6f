"""engine/MODELS.md and the README's own lines, executed in order, with small files of the real layouts for weights.

Three things differ from a reader's machine, and nothing else: `hf download` writes a small sibling instead; imports of
transformers say `--variant`, because a small shape is no published one; base models take one step instead of 28.
"""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file, save_file

from flux2engine.variants import AUTOENCODERS, TEXT_ENCODERS, VARIANTS
from flux2flow.cli import main
from tests.engine import checkpoints

ROOT = Path(__file__).parents[1]
DOCUMENT = ROOT / "engine" / "MODELS.md"


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand at a reader's empty desk."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("FLUX2FLOW_MODELS", str(tmp_path / "models"))
    monkeypatch.setenv("FLUX2FLOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FLUX2FLOW_DEVICE", "cpu")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def blocks() -> list[tuple[str, str]]:
    """Return the fenced blocks with what their fences say."""
    return re.findall(r"^```(\S[^\n]*)\n(.*?)^```", DOCUMENT.read_text(encoding="utf-8"), flags=re.M | re.S)


def variant_of(repository: str) -> str | None:
    return next((row.name for row in VARIANTS.values() if repository in row.repositories), None)


def download(repository: str, file: str | None, folder: Path) -> None:
    """Stand in for `hf download`: write the small sibling of what would come."""
    rows = [*VARIANTS.values(), *AUTOENCODERS.values(), *TEXT_ENCODERS.values()]
    row = next((row for row in rows if repository in row.repositories and file in (None, *row.file_names)), None)
    assert row is not None, f"{repository} {file} is in no table"
    if repository.startswith("Qwen/"):
        checkpoints.write_text_encoder(folder, "klein-4b")
        shutil.copytree(folder / "text_encoder", folder, dirs_exist_ok=True)
        shutil.copytree(folder / "tokenizer", folder, dirs_exist_ok=True)
        shutil.rmtree(folder / "text_encoder")
        shutil.rmtree(folder / "tokenizer")
    elif file == "ae.safetensors":
        lighten(checkpoints.write_official_autoencoder(folder))
    elif file:
        checkpoints.write_official(folder, row.name)
    else:
        checkpoints.write_diffusers(folder, row.name, shard_size="400KB")
        lighten(folder / "vae" / "diffusion_pytorch_model.safetensors")


def lighten(autoencoder: Path) -> None:
    """Let random weights decode to calm light pictures, on which the words of the template pass the contrast check."""
    state = load_file(autoencoder)
    state["decoder.conv_out.weight"] *= 0.1
    state["decoder.conv_out.bias"] = state["decoder.conv_out.bias"] * 0 + 0.9
    save_file(state, autoencoder)


def run(line: str) -> int:
    """Run one command of the document."""
    words = [str(Path(word).expanduser()) if word.startswith("~") else word for word in shlex.split(line)]
    if words[:2] == ["hf", "download"]:
        options = words.index("--local-dir")
        repository, *files = words[2:options]
        download(repository, files[0] if files else None, Path(words[options + 1]))
        return 0
    assert words[0] == "flux2flow"
    if words[1:3] == ["models", "import"]:
        name = Path(words[3]).stem if words[3].endswith(".safetensors") else Path(words[3]).name
        normal = name.lower().replace("flux.2-", "").replace("flux-2-", "")
        words += ["--variant", normal] if normal in VARIANTS else []
    return main(words[1:])


def write(text: str) -> None:
    """Do what a YAML block asks for: change the file that its first line names, or make it."""
    path = Path(text.splitlines()[0].removeprefix("# "))
    if not path.exists():
        path.write_text(text, encoding="utf-8")
        return
    lines = path.read_text(encoding="utf-8").splitlines()
    for key, value in yaml.safe_load(text).items():
        stated = json.dumps({**value, "steps": 1} if key == "sampling" else value)
        lines = [line for line in lines if not line.startswith(f"{key}:")] + [f"{key}: {stated}"]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_the_walk(reader: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Every command ends as the document says, and the pictures that it promises are there, painted by that model."""
    painted: list[str] = []
    shown = ""
    for fence, text in blocks():
        if fence == "yaml":
            write(text)
            continue
        assert fence in ("sh", "sh refused"), fence
        for line in text.splitlines():
            code = run(line)
            captured = capsys.readouterr()
            shown += captured.out
            assert code == (2 if fence == "sh refused" else 0), f"{line}\n{captured.out}{captured.err}"
            if fence == "sh refused":
                assert "FLUX-Non-Commercial-2.0, which this project does not accept" in captured.err
            elif line.startswith("flux2flow render"):
                painted.append(released(reader / "my-campaign"))
    assert painted == ["klein-4b", "klein-base-9b"]
    words = " ".join(shown.split())
    assert "klein-4b is complete." in words
    assert "klein-9b-kv is complete." in words
    assert "accept_licences: [FLUX-Non-Commercial-2.0]" in words
    assert "text encoder missing" in words  # the first import says what is still needed
    assert "files as imported" in words


def test_the_readmes_own_lines(reader: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The README's two commands and its `model:` line lead to a released picture too."""
    section = (ROOT / "README.md").read_text(encoding="utf-8").partition("## Bring your own weights\n")[2]
    section = section.partition("\n## ")[0]
    commands = section.split("```")[1].strip().splitlines()
    assert [line.split()[:3] for line in commands] == [
        [".venv/bin/flux2flow", "models", verb] for verb in ("import", "list")
    ]
    download("black-forest-labs/FLUX.2-klein-4B", None, reader / "weights" / "FLUX.2-klein-4B")
    for line in commands:
        assert run(line.partition("#")[0].replace(".venv/bin/", "")) == 0, capsys.readouterr().err
    assert "complete" in capsys.readouterr().out
    assert run("flux2flow init my-campaign") == 0
    assert "`model: klein-4b`" in section
    write("# my-campaign/campaign.yaml\nmodel: klein-4b")
    render = "flux2flow render my-campaign --only format=iab/medium-rectangle,locale=en,row=dew-serum"
    assert run(render) == 0, capsys.readouterr().err
    assert released(reader / "my-campaign") == "klein-4b"


def released(project: Path) -> str:
    """Say which model painted the released picture; it is a real one."""
    manifest = json.loads((project / "build" / "my-campaign" / "manifest.json").read_text(encoding="utf-8"))
    (plate,) = manifest["plates"]
    (picture,) = [path for path in (project / "build" / "my-campaign").rglob("*") if path.suffix in (".png", ".jpg")]
    assert picture.stat().st_size > 1000
    assert (plate["backend"]["name"], plate["reused"]) == ("flux2", False)
    variant: str = plate["backend"]["variant"]
    return variant


def test_the_control_a_damaged_weight_stops_the_walk(reader: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same commands fail where a file is cut short: the walk's exit codes are not decoration."""
    download("black-forest-labs/FLUX.2-dev", "ae.safetensors", reader / "weights")
    file = reader / "weights" / "ae.safetensors"
    file.write_bytes(file.read_bytes()[:-4])
    assert run("flux2flow models import ~/weights/ae.safetensors") == 3
    assert "ae.safetensors is not a usable safetensors file" in capsys.readouterr().err
    assert run("flux2flow models verify klein-4b") == 2


def test_the_document_names_what_the_tables_name() -> None:
    """Repositories, files and licences of the document are those of the tables; every verb of the group is shown."""
    text = DOCUMENT.read_text(encoding="utf-8")
    known = {
        name for rows in (VARIANTS, AUTOENCODERS, TEXT_ENCODERS) for row in rows.values() for name in row.repositories
    }
    named = set(re.findall(r"(?:black-forest-labs|Qwen)/[\w.-]*\w", text))
    assert len(named) >= 5
    assert named <= known
    for verb in ("list", "show", "import", "verify", "remove"):
        assert f"flux2flow models {verb}" in text
