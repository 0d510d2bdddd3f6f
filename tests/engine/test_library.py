"""Records: small, private, whole or absent; what they say together makes models; damage stays where it is."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from flux2engine.errors import LibraryError
from flux2engine.library import (
    Component,
    FileFacts,
    Kind,
    Library,
    assembled,
    plain_shape,
    published_models,
    shape_of,
    unsound,
)
from flux2engine.variants import AUTOENCODERS, TEXT_ENCODERS, VARIANTS

ROOT = Path(__file__).parents[2]


def facts(folder: Path, name: str, digit: str = "a") -> FileFacts:
    """Write a small file and give its facts; the digest is made of one digit."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    if not path.exists():
        path.write_bytes(name.encode())
    found = path.stat()
    return FileFacts(
        path=str(path), size=found.st_size, mtime_ns=found.st_mtime_ns, inode=found.st_ino, sha256=digit * 64
    )


def part(folder: Path, kind: Kind, name: str, *, digit: str = "a", **changes: Any) -> Component:
    """Make a record of a published shape."""
    tables = {
        "transformer": VARIANTS["klein-4b"].transformer,
        "autoencoder": AUTOENCODERS["flux2"].config,
        "text_encoder": TEXT_ENCODERS["qwen3-4b"].config,
    }
    file = facts(folder, f"{name}.safetensors", digit)
    values: dict[str, Any] = {
        "kind": kind,
        "name": name,
        "layout": "official",
        "prefix": "",
        "published": (),
        "shape": plain_shape(changes.pop("config", tables[kind])),
        "source": file.path,
        "files": (file,),
        "dtype": "bfloat16",
        "parameters": 1,
    }
    if kind == "transformer":
        values |= {"variant": "klein-4b", "variant_source": "a test"}
    if kind == "text_encoder":
        values |= {"tokenizer": facts(folder, f"{name}.json", digit), "layout": "transformers"}
    return Component(**{**values, **changes})


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "deep" / "models")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    return tmp_path / "files"


def complete(library: Library, files: Path) -> None:
    for component in (
        part(files, "transformer", "klein-4b"),
        part(files, "autoencoder", "flux2"),
        part(files, "text_encoder", "qwen3-4b"),
    ):
        library.add(component)


def test_what_is_written_is_read_again_and_only_the_user_may(library: Library, files: Path) -> None:
    complete(library, files)
    assert [(component.kind, component.name) for component in library.components()] == [
        ("transformer", "klein-4b"),
        ("autoencoder", "flux2"),
        ("text_encoder", "qwen3-4b"),
    ]
    assert library.component("flux2") == part(files, "autoencoder", "flux2")
    folders = [library.root, *(path for path in library.root.iterdir())]
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in folders} == {0o700}
    records = list(library.root.rglob("*.json"))
    assert {stat.S_IMODE(record.stat().st_mode) for record in records} == {0o600}
    assert len(records) == 3
    assert len([path for path in library.root.rglob("*") if path.is_file()]) == 3  # nothing temporary is left


def test_an_absent_library_is_empty_and_reading_makes_none(library: Library) -> None:
    assert library.components() == ()
    assert library.models() == ()
    assert not library.root.exists()
    with pytest.raises(LibraryError, match="installed: none"):
        library.model("klein-4b")


def test_a_model_is_a_transformer_with_what_fits(library: Library, files: Path) -> None:
    complete(library, files)
    model = library.model("klein-4b")
    assert model.missing == ()
    assert [component.name for component in model.parts] == ["klein-4b", "flux2", "qwen3-4b"]
    assert model.variant == VARIANTS["klein-4b"]
    assert len(model.digest) == 64


def test_the_shapes_of_the_files_stand_in_place_of_the_tables(library: Library, files: Path) -> None:
    complete(library, files)
    slim = replace(VARIANTS["klein-4b"].transformer, single_blocks=12)
    library.add(part(files, "transformer", "slim", config=slim))
    variant = library.model("slim").variant
    assert variant.transformer == slim
    assert (variant.name, variant.default_steps) == ("klein-4b", 4)


def test_what_is_missing_is_named_with_where_it_is(library: Library, files: Path) -> None:
    library.add(part(files, "transformer", "klein-4b"))
    model = library.model("klein-4b")
    assert model.missing == (
        "autoencoder missing: import ae.safetensors of black-forest-labs/FLUX.2-dev",
        "text encoder missing: import the folder Qwen/Qwen3-4B",
    )
    with pytest.raises(LibraryError, match="not complete: autoencoder missing"):
        _ = model.digest


def test_a_text_encoder_of_another_width_is_no_part_of_a_model(library: Library, files: Path) -> None:
    library.add(part(files, "transformer", "klein-4b"))
    library.add(part(files, "autoencoder", "flux2"))
    wide = TEXT_ENCODERS["qwen3-8b"].config
    library.add(part(files, "text_encoder", "qwen3-4b", config=wide))  # even under the right name
    assert library.model("klein-4b").missing == ("text encoder missing: import the folder Qwen/Qwen3-4B",)
    library.add(part(files, "transformer", "klein-4b", text_encoder="qwen3-4b"))
    (reason,) = library.model("klein-4b").missing
    assert "gives 12288 values a token" in reason
    assert "takes 7680" in reason


def test_of_several_that_fit_the_usual_one_is_taken_else_the_user_chooses(library: Library, files: Path) -> None:
    complete(library, files)
    library.add(part(files, "autoencoder", "small-decoder", digit="b", config=AUTOENCODERS["small-decoder"].config))
    assert library.model("klein-4b").autoencoder == library.component("flux2")
    library.remove("autoencoder", "flux2")
    assert library.model("klein-4b").autoencoder == library.component("small-decoder")  # the only one
    library.add(part(files, "autoencoder", "third", digit="c"))
    (reason,) = library.model("klein-4b").missing
    assert reason.startswith("autoencoder not chosen")
    assert "one of small-decoder, third" in reason
    library.add(part(files, "transformer", "klein-4b", autoencoder="third"))
    assert library.model("klein-4b").autoencoder == library.component("third")
    library.remove("autoencoder", "third")
    assert "'third' missing" in library.model("klein-4b").missing[0]  # bound: no other takes its place in silence


def test_a_file_that_went_or_changed_is_noticed_without_reading_it(library: Library, files: Path) -> None:
    complete(library, files)
    os.utime(files / "flux2.safetensors", ns=(1, 1))
    (files / "qwen3-4b.json").unlink()
    model = library.model("klein-4b")
    changed, gone = model.unsound()
    assert str(files / "flux2.safetensors") in changed
    assert "changed since the import" in changed
    assert f"{files / 'qwen3-4b.json'} is gone" in gone
    assert model.missing == ()  # still a model: plans name it, and a run that paints nothing needs no files
    assert len(model.digest) == 64


def test_a_digest_names_bytes_and_not_places(files: Path) -> None:
    one = part(files, "text_encoder", "one")
    assert one.digest == part(files / "elsewhere", "text_encoder", "two", prefix="model.", dtype="float32").digest
    others = [
        part(files, "text_encoder", "one", digit="b"),
        one.model_copy(update={"tokenizer": one.tokenizer.model_copy(update={"sha256": "c" * 64})}),  # type: ignore[union-attr]
        part(files, "text_encoder", "one", config=replace(TEXT_ENCODERS["qwen3-4b"].config, rope_theta=1.0)),
    ]
    assert len({one.digest, *(other.digest for other in others)}) == 4
    models = assembled(
        [
            part(files, "autoencoder", "flux2"),
            one,
            part(files, "transformer", "a"),
            part(files, "transformer", "b"),
            part(files, "transformer", "c", variant="klein-base-4b"),
        ]
    )
    digests = [model.digest for model in models]
    assert digests[0] == digests[1] != digests[2]  # the variant decides pixels too


DAMAGE = {
    "empty": (b"", "Invalid JSON"),
    "cut": (b'{"kind": "transformer"', "Invalid JSON"),
    "foreign": (b'{"hello": 1}', "Field required"),
    "list": (b"[1, 2]", "document"),
    "not-text": (b"\xff\xfe\x00", "Invalid JSON"),
    "deep": (b'{"config": ' + b"[" * 5000 + b"]" * 5000 + b"}", "Invalid JSON"),
    "huge": (b" " * (2**20 + 1), "larger than"),
}
WRONG = {
    "newer": ({"format_version": 2}, "format_version"),
    "relative": ({"files": [{"path": "a/b", "size": 1, "mtime_ns": 1, "inode": 1, "sha256": "a" * 64}]}, "absolute"),
    "bad-digest": ({"files": [{"path": "/b", "size": 1, "mtime_ns": 1, "inode": 1, "sha256": "a"}]}, "pattern"),
    "no-files": ({"files": []}, "files"),
    "unknown-variant": ({"variant": "klein-70b"}, "unknown here"),
    "no-variant": ({"variant": None}, "has a variant"),
    "unknown-shape": ({"shape": {"hidden_size": 3072, "wings": 2}}, "unknown wings"),
    "wrong-shape": ({"shape": {"hidden_size": 3072}}, "heads"),
    "impossible-shape": ({"shape": plain_shape(VARIANTS["klein-4b"].transformer) | {"heads": 5}}, "hidden_size"),
    "extra": ({"run": "rm -rf"}, "run"),
    "renamed": ({"name": "other"}, "renamed or moved"),
    "bad-name": ({"name": "../up"}, "name"),
}


@pytest.mark.parametrize("name", [*DAMAGE, *WRONG])
def test_a_damaged_record_is_told_and_hides_nothing(library: Library, files: Path, name: str) -> None:
    complete(library, files)
    if name in DAMAGE:
        data, words = DAMAGE[name]
    else:
        changes, words = WRONG[name]
        data = json.dumps(json.loads(part(files, "transformer", name).model_dump_json()) | changes).encode()
    path = library.root / "transformers" / f"{name}.json"
    path.write_bytes(data)
    components, damaged = library.read()
    assert [record.path for record in damaged] == [path]
    assert words in damaged[0].reason
    assert len(damaged[0].reason) < 600
    assert len(components) == 3
    assert library.model("klein-4b").missing == ()
    library.remove("transformer", name)
    assert library.damaged() == ()


def test_folders_and_other_files_are_told_too(library: Library, files: Path) -> None:
    """The control of the test above: the same record, undamaged, is no damage."""
    complete(library, files)
    library.add(part(files, "transformer", "sound"))
    assert library.damaged() == ()
    (library.root / "transformers" / "folder.json").mkdir()
    (library.root / "transformers" / "weights.safetensors").write_bytes(b"weights")
    assert [record.path.name for record in library.damaged()] == ["folder.json", "weights.safetensors"]
    assert [model.name for model in library.models()] == ["klein-4b", "sound"]


def test_a_write_that_fails_leaves_the_old_record(
    library: Library, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete(library, files)
    before = library.component("klein-4b")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LibraryError, match="No space left"):
        library.add(part(files, "transformer", "klein-4b", digit="b"))
    assert library.component("klein-4b") == before
    assert [path.name for path in (library.root / "transformers").iterdir()] == ["klein-4b.json"]


def test_removing_what_is_not_there_says_so(library: Library, files: Path) -> None:
    complete(library, files)
    with pytest.raises(LibraryError, match="cannot be removed"):
        library.remove("transformer", "no-such")
    library.remove("transformer", "klein-4b")
    assert library.models() == ()
    assert (files / "klein-4b.safetensors").exists()  # weights are never touched


def test_fifty_models_are_fifty_small_reads(library: Library, files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each record is read once, and no weights are."""
    complete(library, files)
    for number in range(50):
        library.add(part(files, "transformer", f"model-{number}"))
    reads: Counter[str] = Counter()
    original = Path.read_bytes

    def counted(path: Path) -> bytes:
        reads[path.suffix] += 1
        return original(path)

    monkeypatch.setattr(Path, "read_bytes", counted)
    assert len(library.models()) == 51
    assert reads == {".json": 53}


def test_listing_loads_no_torch(library: Library, files: Path) -> None:
    """Asserted in a fresh interpreter; the control is `importing`, which does load it."""
    complete(library, files)
    listing = f"from flux2engine.library import Library; assert Library(Path({str(library.root)!r})).models()"
    for code, expected in ((listing, "False"), ("import flux2engine.importing", "True")):
        program = f"import sys; from pathlib import Path; {code}; print('torch' in sys.modules)"
        result = subprocess.run(
            [sys.executable, "-c", program],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONPATH": str(ROOT / "engine")},
        )
        assert result.stdout.strip() == expected


def test_published_models_are_those_without_nano() -> None:
    assert {row.name for row in published_models()} == set(VARIANTS) - {"nano"}


@pytest.mark.parametrize("row", published_models(), ids=lambda row: row.name)
def test_shapes_survive_a_record(row: Any) -> None:
    """What is written as JSON is the same configuration again."""
    for kind, config in (
        ("transformer", row.transformer),
        ("autoencoder", row.autoencoder),
        ("text_encoder", row.text_encoder),
    ):
        assert shape_of(kind, json.loads(json.dumps(plain_shape(config)))) == config


def test_many_files_gone_are_one_sentence(library: Library, files: Path) -> None:
    """A folder of shards that moved is named once, with how many there were."""
    complete(library, files)
    component = library.component("klein-4b")
    assert component is not None
    (first,) = component.files
    others = tuple(first.model_copy(update={"path": f"{first.path}.{number}"}) for number in range(3))
    (sentence,) = unsound(component.model_copy(update={"files": others}))
    assert sentence.startswith(f"{first.path}.0 and 2 more files are gone")
    assert not list(unsound(component))
