"""`flux2flow models convert`: what it says, what it refuses with which exit code, and that Ctrl-C leaves nothing."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from flux2engine.variants import VARIANTS
from flux2engine.weights.convert import TARGETS
from flux2engine.weights.identify import official_shapes
from flux2flow.cli import converting, main
from tests.cli.interruption import interrupt
from tests.engine import checkpoints

ROOT = Path(__file__).parents[2]
FILE = "flux-2-klein-4b.safetensors"


@pytest.fixture(autouse=True)
def models(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Keep the library of each test in its own folder."""
    monkeypatch.setenv("FLUX2FLOW_MODELS", str(tmp_path / "models"))
    return tmp_path / "models"


@pytest.fixture
def delivered(tmp_path: Path) -> Path:
    """Write a small transformer and its text encoder."""
    checkpoints.write_official(tmp_path / "in", "klein-4b", dtype=torch.bfloat16)
    checkpoints.write_text_encoder(tmp_path / "in", "klein-4b", dtype=torch.bfloat16)
    return tmp_path / "in"


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Run the command; return its code and what it showed, all of it harmless to a terminal."""
    code = main(["models", *(str(argument) for argument in arguments)])
    captured = capsys.readouterr()
    for line in (*captured.out.splitlines(), *captured.err.splitlines()):
        assert not [sign for sign in line if unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co")], ascii(line)
    return code, captured.out, " ".join(captured.err.split())


@pytest.mark.parametrize("target", TARGETS)
def test_sizes_and_errors_are_told_and_the_file_imports(
    target: str, capsys: pytest.CaptureFixture[str], delivered: Path, tmp_path: Path
) -> None:
    """A converted file is imported, shown and listed as what it is, by the line that is printed."""
    out = tmp_path / f"{target}.safetensors"
    assert run(capsys, "import", delivered / FILE, "--variant", "klein-4b")[0] == 0
    code, shown, error = run(capsys, "convert", "klein-4b", "--to", target, "--output", out)
    assert (code, error) == (0, "")
    assert f"transformer {FILE} to {target}: " in shown
    assert " kB → " in shown
    lines = [line.split() for line in shown.splitlines() if line.startswith(("double_blocks", "single_blocks"))]
    parts = ("attn.proj", "attn.qkv", "mlp.0", "mlp.2")
    assert [line[0] for line in lines] == [
        *(f"double_blocks.{stream}_{part}" for stream in ("img", "txt") for part in parts),
        "single_blocks.linear1",
        "single_blocks.linear2",
    ]
    assert all(0 < float(line[2]) < 15 for line in lines)
    assert f"Wrote {out}\n" in shown
    assert f"flux2flow models import {out} --variant klein-4b --name NAME" in shown
    assert run(capsys, "import", out, "--variant", "klein-4b", "--name", "smaller")[0] == 0
    assert f"{target}" in run(capsys, "show", out)[1]
    assert "smaller" in run(capsys, "list")[1]


def test_a_folder_and_json(capsys: pytest.CaptureFixture[str], delivered: Path, tmp_path: Path) -> None:
    """A text encoder's folder is converted with the config.json beside it; JSON holds the same figures."""
    out = tmp_path / "text.safetensors"
    code, shown, _ = run(capsys, "convert", delivered / "text_encoder", "--to", "int8", "--output", out, "--json")
    assert code == 0
    told = json.loads(shown)
    assert (told["kind"], told["target"], told["output"]) == ("text encoder", "int8", str(out))
    assert told["bytes_after"] == out.stat().st_size < told["bytes_before"]
    assert len(told["layers"]) == 7
    assert {layer["layers"] for layer in told["layers"]} == {36}


def test_exit_codes_tell_a_wrong_question_from_a_wrong_file(
    capsys: pytest.CaptureFixture[str], delivered: Path, tmp_path: Path
) -> None:
    """2 where the command line has to change, 3 where the file has to (decision 18); nothing is ever written over."""
    taken, out = tmp_path / "taken.safetensors", tmp_path / "out.safetensors"
    taken.write_bytes(b"mine")
    checkpoints.write_official_autoencoder(delivered)
    assert run(capsys, "convert", delivered / FILE, "--to", "fp8", "--output", tmp_path / "small.safetensors")[0] == 0
    for code, model, arguments, said in (
        (2, delivered / FILE, ("--to", "fp8", "--output", taken), "is there already"),
        (2, delivered / FILE, ("--to", "int3", "--output", out), "'int3' is not one of 'fp8', 'int8', 'nf4'"),
        (2, delivered / FILE, ("--to", "fp8"), "Missing option '--output'"),
        (2, delivered / FILE, ("--to", "fp8", "--output", tmp_path / "out.bin"), "end in .safetensors"),
        (2, "absent", ("--to", "fp8", "--output", out), "nothing of that name is installed: none"),
        (3, delivered / FILE, ("--to", "fp8", "--output", tmp_path / "no" / "x.safetensors"), "there is no folder"),
        (3, delivered / "ae.safetensors", ("--to", "fp8", "--output", out), "is an autoencoder"),
        (3, tmp_path / "small.safetensors", ("--to", "nf4", "--output", out), "is quantised already"),
        (3, taken, ("--to", "nf4", "--output", out), "not a usable safetensors file"),
    ):
        found, _, error = run(capsys, "convert", model, *arguments)
        assert (found, said in error) == (code, True), f"{model} {arguments}: {found} {error}"
        assert "Traceback" not in error
    assert taken.read_bytes() == b"mine"
    assert not out.exists()


def test_a_whole_diffusers_folder_asks_for_one_component(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """Its folders are named; one of them is taken."""
    folder = checkpoints.write_diffusers(tmp_path / "whole", "klein-4b", text=False)
    out = tmp_path / "out.safetensors"
    code, _, error = run(capsys, "convert", folder, "--to", "nf4", "--output", out)
    assert (code, out.exists()) == (2, False)
    assert "name one of its folders, transformer, vae" in error
    assert run(capsys, "convert", folder / "transformer", "--to", "nf4", "--output", out)[0] == 0


def test_files_that_moved_are_not_converted(
    capsys: pytest.CaptureFixture[str], delivered: Path, tmp_path: Path
) -> None:
    """A record whose file is gone says so, with the remedy of every other command."""
    run(capsys, "import", delivered / FILE, "--variant", "klein-4b")
    (delivered / FILE).rename(tmp_path / "elsewhere.safetensors")
    out = tmp_path / "out.safetensors"
    code, _, error = run(capsys, "convert", "klein-4b", "--to", "nf4", "--output", out)
    assert (code, out.exists()) == (2, False)
    assert "is gone: put it back" in error


def test_an_interruption_leaves_nothing(tmp_path: Path) -> None:
    """Ctrl-C while most of a large file is still to be converted; its data is a hole on disk."""
    shape = replace(VARIANTS["klein-4b"].transformer, hidden_size=1024, heads=8, double_blocks=2, single_blocks=14)
    file = checkpoints.write_sparse(tmp_path / FILE, official_shapes(shape))
    (tmp_path / "out").mkdir()
    out = tmp_path / "out" / "out.safetensors"
    unfinished: list[str] = []
    ended = interrupt(
        "models", "convert", file, "--to", "int8", "--output", out,
        first=lambda: unfinished.extend(path.name for path in out.parent.iterdir()),
    )  # fmt: skip
    assert ended.told.startswith("read ")
    assert ended.told.endswith(f"% of 545 MB: {FILE}\n")
    assert len(unfinished) == 1  # control: it was being written
    assert unfinished[0].endswith(".part")
    assert ended.code == 130
    assert "Traceback" not in ended.error
    assert "Wrote" not in ended.shown
    assert not list((tmp_path / "out").iterdir())


def test_the_door_offers_what_the_engine_has(capsys: pytest.CaptureFixture[str]) -> None:
    """Help lists the engine's formats without loading it."""
    assert tuple(TARGETS) == converting.FORMATS
    code, shown, _ = run(capsys, "convert", "--help")
    assert code == 0
    assert "[fp8|int8|nf4]" in shown
    assert "convert " in run(capsys, "--help")[1]
