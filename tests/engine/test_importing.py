"""Importing: what a file is comes from its header, which variant it is from what people said; nothing is copied."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from flux2engine.errors import EngineError, LibraryError, ManifestError, WeightsError
from flux2engine.importing import Import, import_path, show, verify
from flux2engine.importing.hashing import Hasher
from flux2engine.library import FileFacts, Library
from flux2engine.variants import AUTOENCODERS, VARIANTS
from flux2engine.weights.identify import official_shapes
from tests.engine import checkpoints

CORPUS = Path(__file__).parents[3] / "shared" / "corpus" / "safetensors-malformed"


@pytest.fixture(scope="session")
def delivered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write small weights in the layouts that real ones come in; tests read them only."""
    folder = tmp_path_factory.mktemp("delivered")
    checkpoints.write_official(folder, "klein-4b", prefix="model.diffusion_model.", dtype=torch.bfloat16)
    checkpoints.write_official(folder, "klein-base-4b")
    checkpoints.write_official_autoencoder(folder)
    checkpoints.write_official_autoencoder(folder, small_decoder=True)
    checkpoints.write_text_encoder(folder, "klein-4b")
    shutil.copytree(folder / "text_encoder", folder / "Qwen3-4B")
    shutil.copytree(folder / "tokenizer", folder / "Qwen3-4B", dirs_exist_ok=True)
    shutil.rmtree(folder / "text_encoder")
    for name in ("klein-9b", "klein-base-9b", "klein-9b-kv"):
        checkpoints.write_diffusers(folder / f"FLUX.2-{name}", name, shard_size="200KB")
    checkpoints.write_tokenizer(folder / "mistral", "mistral3")
    shutil.copytree(folder / "FLUX.2-klein-9b", folder / "two-parts", ignore=shutil.ignore_patterns("transformer"))
    return folder


@pytest.fixture
def library(tmp_path: Path) -> Library:
    return Library(tmp_path / "models")


@pytest.fixture
def taken(library: Library, delivered: Path) -> Callable[..., Import]:
    """Import from `delivered`, by name."""

    def take(name: str, /, **wishes: Any) -> Import:
        return import_path(library, delivered / name, **wishes)

    return take


@pytest.fixture
def unread(monkeypatch: pytest.MonkeyPatch) -> None:
    """Digest names in place of bytes: holes of gigabytes would take seconds each."""

    def facts(_hasher: Hasher, path: Path) -> FileFacts:
        stat = path.stat()
        digest = hashlib.sha256(str(path).encode()).hexdigest()
        return FileFacts(path=str(path), size=stat.st_size, mtime_ns=stat.st_mtime_ns, inode=stat.st_ino, sha256=digest)

    monkeypatch.setattr(Hasher, "facts", facts)


def outcomes(done: Import) -> list[tuple[str, str]]:
    return [(part.component.name, part.outcome) for part in done.parts]


# --- what a file is ----------------------------------------------------------------------------------------------


def test_a_true_size_file_shows_what_it_could_be(tmp_path: Path) -> None:
    """Equal shapes are said to be equal; the name then says which would be taken, and a name that says nothing asks."""
    shapes = official_shapes(VARIANTS["klein-4b"].transformer)
    (named,) = show(checkpoints.write_sparse(tmp_path / "flux-2-klein-base-4b.safetensors", shapes))
    assert named.found is not None
    assert named.found.published == ("klein-4b", "klein-base-4b")
    assert named.found.parameters == 3_875_544_576
    assert named.assumed is not None
    assert named.assumed.variant.name == "klein-base-4b"
    assert named.assumed.source == "the file's name flux-2-klein-base-4b.safetensors"
    (nameless,) = show(checkpoints.write_sparse(tmp_path / "downloaded.safetensors", shapes))
    assert nameless.assumed is None
    assert "klein-4b or klein-base-4b: their shapes are equal" in nameless.doubt
    assert "--variant" in nameless.doubt


def test_a_diffusers_folder_shows_every_part(delivered: Path) -> None:
    shown = show(delivered / "FLUX.2-klein-9b")
    kinds = [(one.found.kind, one.found.layout) for one in shown if one.found]
    assert kinds == [
        ("transformer", "diffusers"),
        ("autoencoder", "diffusers"),
        ("text_encoder", "transformers"),
    ]
    assert [len(one.files) > 1 for one in shown] == [True, False, True]
    assert shown[2].tokenizer == delivered / "FLUX.2-klein-9b" / "tokenizer" / "tokenizer.json"


def test_an_unknown_layout_shows_the_nearest_and_ten_keys(tmp_path: Path) -> None:
    state = checkpoints.official_state("klein-4b")
    renamed = {name.replace("single_blocks", "lonely_blocks"): tensor for name, tensor in state.items()}
    save_file(renamed, tmp_path / "strange.safetensors")
    (shown,) = show(tmp_path / "strange.safetensors")
    assert shown.found is None
    assert "the official layout of a transformer" in shown.refusal
    assert "lonely_blocks.0.linear1.weight" in shown.refusal
    assert shown.tensors == len(state)
    with pytest.raises(WeightsError, match="nearest"):
        import_path(Library(tmp_path / "models"), tmp_path / "strange.safetensors")
    assert not (tmp_path / "models").exists()


def test_values_are_looked_at_only_when_asked(tmp_path: Path, delivered: Path) -> None:
    state = load_file(delivered / "ae.safetensors")
    state["decoder.conv_in.bias"][3] = float("nan")
    state["encoder.conv_in.weight"][0, 0, 0, 0] = float("inf")
    save_file(state, tmp_path / "ae.safetensors")
    assert show(tmp_path / "ae.safetensors")[0].not_finite is None
    assert show(delivered / "ae.safetensors", check=True)[0].not_finite == ()
    (shown,) = show(tmp_path / "ae.safetensors", check=True)
    assert set(shown.not_finite or ()) == {"decoder.conv_in.bias", "encoder.conv_in.weight"}


# --- which variant it is -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "variant", "source"),
    [
        ("flux-2-klein-4b.safetensors", "klein-4b", "the file's name flux-2-klein-4b.safetensors"),
        ("FLUX.2-klein-base-4B/model.safetensors", "klein-base-4b", "the folder's name FLUX.2-klein-base-4B"),
        (
            "FLUX.2-klein-4B/transformer/diffusion_pytorch_model.safetensors",
            "klein-4b",
            "the folder's name FLUX.2-klein-4B",
        ),
        (
            "models--black-forest-labs--FLUX.2-klein-4B/snapshots/0a1b2c/whatever.safetensors",
            "klein-4b",
            "the repository's name black-forest-labs/FLUX.2-klein-4B",
        ),
    ],
)
def test_names_say_which_variant(
    library: Library, tmp_path: Path, unread: None, path: str, variant: str, source: str
) -> None:
    """Files of true size, whose shapes two variants share."""
    file = checkpoints.write_sparse(tmp_path / path, official_shapes(VARIANTS["klein-4b"].transformer))
    (part,) = import_path(library, file).parts
    assert (part.component.variant, part.component.name) == (variant, variant)
    assert part.component.variant_source == source
    assert part.notes == (f"taken for {variant}: {source}",)
    assert part.component.published == ("klein-4b", "klein-base-4b")


def test_links_are_followed_to_a_name_that_says_something(library: Library, tmp_path: Path, unread: None) -> None:
    """A Hugging Face cache holds blobs named by digest, and snapshots of links to them."""
    cache = tmp_path / "hub" / "models--black-forest-labs--FLUX.2-klein-4B"
    blob = checkpoints.write_sparse(cache / "blobs" / "c0ffee", official_shapes(VARIANTS["klein-4b"].transformer))
    snapshot = cache / "snapshots" / "0a1b2c"
    snapshot.mkdir(parents=True)
    (snapshot / "anything.safetensors").symlink_to(os.path.relpath(blob, snapshot))
    mine = tmp_path / "my-model.safetensors"
    mine.symlink_to(snapshot / "anything.safetensors")
    (part,) = import_path(library, mine).parts
    assert part.component.variant_source == "the repository's name black-forest-labs/FLUX.2-klein-4B"
    assert part.component.source == str(mine)  # what the user named is what is opened
    assert library.model("klein-4b").transformer.files[0].state() == "same"


def test_the_one_variant_with_a_shape_needs_no_name(library: Library, tmp_path: Path, unread: None) -> None:
    file = checkpoints.write_sparse(tmp_path / "big.safetensors", official_shapes(VARIANTS["dev"].transformer))
    (part,) = import_path(library, file).parts
    assert (part.component.variant, part.component.variant_source) == ("dev", "its shape, which no other model has")
    assert part.component.parameters == 32_223_281_152


def test_a_name_that_the_shape_contradicts_is_refused(library: Library, tmp_path: Path) -> None:
    file = checkpoints.write_sparse(
        tmp_path / "flux-2-klein-4b.safetensors", official_shapes(VARIANTS["klein-9b"].transformer)
    )
    with pytest.raises(LibraryError, match=r"says that .* is klein-4b, and its shape is that of klein-9b and"):
        import_path(library, file)
    with pytest.raises(LibraryError, match="cannot be klein-4b"):
        import_path(library, file, variant="klein-4b")
    assert library.components() == ()


def test_what_cannot_be_known_is_asked_for(library: Library, tmp_path: Path, unread: None) -> None:
    file = checkpoints.write_sparse(tmp_path / "a.safetensors", official_shapes(VARIANTS["klein-9b"].transformer))
    with pytest.raises(LibraryError, match="--variant: klein-9b, klein-base-9b, klein-9b-kv"):
        import_path(library, file)
    for wrong, words in (("klein-70b", "there is no variant"), ("nano", "ships with the program")):
        with pytest.raises(LibraryError, match=words):
            import_path(library, file, variant=wrong)
    assert import_path(library, file, variant="klein-9b-kv").parts[0].component.variant == "klein-9b-kv"


@pytest.mark.parametrize(
    ("index", "variant"),
    [
        ({"_class_name": "Flux2KleinPipeline", "is_distilled": True}, "klein-9b"),
        ({"_class_name": "Flux2KleinPipeline", "is_distilled": False}, "klein-base-9b"),
        ({"_class_name": "Flux2KleinKVPipeline"}, "klein-9b-kv"),
        ({"_class_name": "Flux2KleinPipeline"}, None),
        ({"is_distilled": True}, None),  # the 9B-KV is distilled too
        ({"is_distilled": False}, "klein-base-9b"),
        ({"_class_name": "os.system", "is_distilled": "yes"}, None),
        ({}, None),
    ],
)
def test_model_index_is_evidence_where_names_say_nothing(
    library: Library, tmp_path: Path, unread: None, index: dict[str, Any], variant: str | None
) -> None:
    folder = tmp_path / "download"
    checkpoints.write_sparse(
        folder / "transformer" / "weights.safetensors", official_shapes(VARIANTS["klein-9b"].transformer)
    )
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    if variant is None:
        with pytest.raises(LibraryError, match="--variant"):
            import_path(library, folder)
    else:
        done = import_path(library, folder)
        assert done.parts[0].component.variant == variant
        assert done.parts[0].component.variant_source.startswith("model_index.json (")
        assert done.absent == ("vae", "text_encoder")


def test_a_name_that_model_index_contradicts_is_asked_about(library: Library, tmp_path: Path) -> None:
    folder = tmp_path / "FLUX.2-klein-9B"
    checkpoints.write_sparse(
        folder / "transformer" / "weights.safetensors", official_shapes(VARIANTS["klein-9b"].transformer)
    )
    index = {"_class_name": "Flux2KleinPipeline", "is_distilled": False}
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    with pytest.raises(LibraryError, match=r"model_index\.json says otherwise .*is_distilled: false"):
        import_path(library, folder)


def test_a_custom_shape_is_named_by_the_user_and_told(taken: Callable[..., Import]) -> None:
    with pytest.raises(LibraryError, match=r"no published shape .*name flux-2-klein-4b\.safetensors suggests klein-4b"):
        taken("flux-2-klein-4b.safetensors")
    with pytest.raises(LibraryError, match="cannot be made from dev: dev takes guidance"):
        taken("flux-2-klein-4b.safetensors", variant="dev")
    (part,) = taken("flux-2-klein-4b.safetensors", variant="klein-4b").parts
    assert part.component.published == ()
    assert part.component.prefix == "model.diffusion_model."
    assert "double_blocks 1 instead of 5" in part.notes[1]


# --- what is recorded --------------------------------------------------------------------------------------------


def test_three_official_parts_make_a_model_in_any_order(
    library: Library, taken: Callable[..., Import], delivered: Path
) -> None:
    done = taken("Qwen3-4B")
    assert outcomes(done) == [("qwen3-4b", "added")]
    assert done.models == ()
    assert taken("flux-2-klein-4b.safetensors", variant="klein-4b").models[0].missing == (
        "autoencoder missing: import ae.safetensors of black-forest-labs/FLUX.2-dev",
    )
    done = taken("ae.safetensors")
    assert outcomes(done) == [("flux2", "added")]
    (model,) = done.models
    assert model.missing == ()
    assert model.transformer.dtype == "bfloat16"
    assert model.variant.transformer == checkpoints.sibling("klein-4b").transformer
    assert model.variant.text_encoder == checkpoints.sibling("klein-4b").text_encoder
    assert library.model("klein-4b") == model
    for part in model.parts:
        for file in part.all_files:
            assert hashlib.sha256(Path(file.path).read_bytes()).hexdigest() == file.sha256
            assert Path(file.path).is_relative_to(delivered)


def test_nothing_is_copied(library: Library, taken: Callable[..., Import], delivered: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in delivered.rglob("*")}
    taken("FLUX.2-klein-9b", variant="klein-9b")
    assert {path: path.stat().st_mtime_ns for path in delivered.rglob("*")} == before
    assert sum(path.stat().st_size for path in library.root.rglob("*") if path.is_file()) < 100_000


def test_a_diffusers_folder_gives_all_three_at_once(library: Library, taken: Callable[..., Import]) -> None:
    done = taken("FLUX.2-klein-9b-kv", variant="klein-9b-kv")
    assert outcomes(done) == [
        ("klein-9b-kv-autoencoder", "added"),
        ("klein-9b-kv-text-encoder", "added"),
        ("klein-9b-kv", "added"),
    ]
    assert done.absent == ()
    model = library.model("klein-9b-kv")
    assert model.missing == ()
    assert model.variant.cached_references
    assert (model.transformer.autoencoder, model.transformer.text_encoder) == (
        "klein-9b-kv-autoencoder",
        "klein-9b-kv-text-encoder",
    )
    assert len(model.transformer.files) > 1
    assert model.text_encoder is not None
    assert model.text_encoder.config["model_type"] == "qwen3"


def test_equal_bytes_are_one_component(library: Library, taken: Callable[..., Import]) -> None:
    """The three 9B models share one text encoder and one autoencoder."""
    taken("FLUX.2-klein-9b", variant="klein-9b")
    done = taken("FLUX.2-klein-base-9b", variant="klein-base-9b")
    assert [outcome for _, outcome in outcomes(done)] == ["shared", "shared", "added"]
    taken("FLUX.2-klein-9b-kv", variant="klein-9b-kv")
    assert [(part.kind, part.name) for part in library.components() if part.kind != "transformer"] == [
        ("autoencoder", "klein-9b-autoencoder"),
        ("text_encoder", "klein-9b-text-encoder"),
    ]
    assert [model.missing for model in library.models()] == [(), (), ()]
    assert len({model.digest for model in library.models()}) == 3


def test_another_autoencoder_under_the_usual_name_gets_its_own(library: Library, tmp_path: Path, unread: None) -> None:
    """Published shapes have usual names; the second bytes of one are bound to the model they came with."""
    for name in ("FLUX.2-klein-9B", "FLUX.2-klein-base-9B"):
        checkpoints.write_sparse(
            tmp_path / name / "transformer" / "weights.safetensors", official_shapes(VARIANTS["klein-9b"].transformer)
        )
        checkpoints.write_sparse(
            tmp_path / name / "vae" / "weights.safetensors", official_shapes(AUTOENCODERS["flux2"].config)
        )
    assert outcomes(import_path(library, tmp_path / "FLUX.2-klein-9B"))[0] == ("flux2", "added")
    done = import_path(library, tmp_path / "FLUX.2-klein-base-9B")
    assert outcomes(done)[0] == ("klein-base-9b-autoencoder", "added")
    assert "'flux2' is another autoencoder" in done.parts[0].notes[0]
    bound = {model.name: model.autoencoder.name for model in library.models() if model.autoencoder}
    assert bound == {"klein-9b": "flux2", "klein-base-9b": "klein-base-9b-autoencoder"}


def test_replacing_a_model_leaves_what_others_share(library: Library, tmp_path: Path, unread: None) -> None:
    """--replace lets a model's name stand for a new folder; the autoencoder that another model uses stays its own."""
    for name in ("FLUX.2-klein-9B", "new/FLUX.2-klein-9B", "FLUX.2-klein-base-9B"):
        checkpoints.write_sparse(
            tmp_path / name / "transformer" / "weights.safetensors", official_shapes(VARIANTS["klein-9b"].transformer)
        )
        checkpoints.write_sparse(
            tmp_path / name / "vae" / "weights.safetensors", official_shapes(AUTOENCODERS["flux2"].config)
        )
    import_path(library, tmp_path / "FLUX.2-klein-9B")
    import_path(library, tmp_path / "FLUX.2-klein-base-9B", autoencoder="flux2")
    with pytest.raises(LibraryError, match="--replace"):
        import_path(library, tmp_path / "new" / "FLUX.2-klein-9B")
    before = library.component("flux2")
    done = import_path(library, tmp_path / "new" / "FLUX.2-klein-9B", replace=True)
    assert outcomes(done) == [("klein-9b-autoencoder", "added"), ("klein-9b", "replaced")]
    assert library.component("flux2") == before
    assert library.model("klein-base-9b").autoencoder == before


def test_bytes_that_changed_in_their_place_are_replaced_on_request(
    library: Library, delivered: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(delivered / "FLUX.2-klein-9b", folder)
    import_path(library, folder, variant="klein-9b")
    file = folder / "vae" / "diffusion_pytorch_model.safetensors"
    state = load_file(file)
    state["decoder.conv_in.bias"] += 1
    save_file(state, file)
    assert "has changed since the import" in library.model("klein-9b").unsound()[0]
    with pytest.raises(LibraryError, match="--replace"):
        import_path(library, folder, variant="klein-9b")
    done = import_path(library, folder, variant="klein-9b", replace=True)
    assert [outcome for _, outcome in outcomes(done)] == ["replaced", "unchanged", "unchanged"]
    assert library.model("klein-9b").unsound() == ()


def test_a_folders_own_part_can_be_left_out(library: Library, taken: Callable[..., Import]) -> None:
    taken("ae.safetensors")
    done = taken("FLUX.2-klein-9b", variant="klein-9b", autoencoder="flux2")
    assert outcomes(done) == [("klein-9b-text-encoder", "added"), ("klein-9b", "added")]
    assert done.parts[1].notes[-1] == "the autoencoder 'flux2' serves in place of the folder's own"
    assert library.model("klein-9b").autoencoder == library.component("flux2")


def test_a_second_import_reads_nothing_and_says_so(
    library: Library, taken: Callable[..., Import], delivered: Path
) -> None:
    taken("FLUX.2-klein-9b", variant="klein-9b")
    records = {path: path.stat().st_mtime_ns for path in library.root.rglob("*.json")}
    read: list[Path] = []
    done = taken("FLUX.2-klein-9b", variant="klein-9b", progress=lambda file, _done, _of: read.append(file))
    assert {outcome for _, outcome in outcomes(done)} == {"unchanged"}
    assert read == []
    assert {path: path.stat().st_mtime_ns for path in library.root.rglob("*.json")} == records
    taken("ae.safetensors", progress=lambda file, _done, _of: read.append(file))
    assert set(read) == {delivered / "ae.safetensors"}  # control: what is new is read


def test_other_bytes_under_a_name_need_a_word(library: Library, taken: Callable[..., Import]) -> None:
    taken("flux-2-klein-4b.safetensors", variant="klein-4b")
    before = library.component("klein-4b")
    wishes = {"variant": "klein-base-4b", "name": "klein-4b"}
    with pytest.raises(LibraryError, match="holds other bytes: choose another with --name, or give --replace"):
        taken("flux-2-klein-base-4b.safetensors", **wishes)
    assert library.component("klein-4b") == before
    done = taken("flux-2-klein-base-4b.safetensors", **wishes, replace=True)
    assert outcomes(done) == [("klein-4b", "replaced")]
    assert library.model("klein-4b").variant.name == "klein-base-4b"
    with pytest.raises(LibraryError, match="taken by a transformer"):
        taken("ae.safetensors", name="klein-4b")


def test_the_same_bytes_as_another_variant_are_asked_about(library: Library, taken: Callable[..., Import]) -> None:
    taken("flux-2-klein-4b.safetensors", variant="klein-base-4b", name="mine")
    with pytest.raises(LibraryError, match="imported as the variant klein-base-4b: give --replace to make it klein-4b"):
        taken("flux-2-klein-4b.safetensors", variant="klein-4b", name="mine")
    taken("flux-2-klein-4b.safetensors", variant="klein-4b", name="mine", replace=True)
    assert [(model.name, model.variant.name) for model in library.models()] == [("mine", "klein-4b")]


def test_a_model_can_be_bound_anew_and_twice(library: Library, taken: Callable[..., Import]) -> None:
    for name in ("ae.safetensors", "full_encoder_small_decoder.safetensors", "Qwen3-4B"):
        taken(name)
    taken("flux-2-klein-4b.safetensors", variant="klein-4b")
    done = taken("flux-2-klein-4b.safetensors", variant="klein-4b", autoencoder="small-decoder")
    assert outcomes(done) == [("klein-4b", "bound")]
    done = taken("flux-2-klein-4b.safetensors", variant="klein-4b", name="second", autoencoder="flux2")
    assert outcomes(done) == [("second", "added")]
    bound = {model.name: model.autoencoder.name for model in library.models() if model.autoencoder}
    assert bound == {"klein-4b": "small-decoder", "second": "flux2"}
    with pytest.raises(LibraryError, match=r"no autoencoder 'third' .* installed: flux2, small-decoder"):
        taken("flux-2-klein-4b.safetensors", variant="klein-4b", autoencoder="third")


def test_a_text_encoder_of_another_width_is_refused(
    library: Library, taken: Callable[..., Import], delivered: Path, tmp_path: Path
) -> None:
    taken("FLUX.2-klein-9b", variant="klein-9b")
    with pytest.raises(LibraryError, match=r"gives 120 values a token .* takes 96"):
        taken("flux-2-klein-4b.safetensors", variant="klein-4b", text_encoder="klein-9b-text-encoder")
    mixed = tmp_path / "mixed"
    shutil.copytree(delivered / "FLUX.2-klein-9b", mixed)
    shutil.rmtree(mixed / "text_encoder")
    shutil.copytree(delivered / "Qwen3-4B", mixed / "text_encoder")
    with pytest.raises(LibraryError, match="do not belong together"):
        import_path(library, mixed, variant="klein-9b", name="mixed")
    assert library.component("mixed") is None


def test_a_text_encoder_needs_its_own_tokenizer(
    library: Library, taken: Callable[..., Import], delivered: Path, tmp_path: Path
) -> None:
    alone = tmp_path / "Qwen3-4B"
    shutil.copytree(delivered / "Qwen3-4B", alone)
    (alone / "tokenizer.json").unlink()
    with pytest.raises(LibraryError, match="--tokenizer"):
        import_path(library, alone)
    with pytest.raises(ManifestError, match="not of the qwen3 family"):
        import_path(library, alone, tokenizer=delivered / "mistral")
    (tmp_path / "junk.json").write_text("{}", encoding="utf-8")
    with pytest.raises(ManifestError, match="not a usable tokenizer"):
        import_path(library, alone, tokenizer=tmp_path / "junk.json")
    assert library.components() == ()
    done = import_path(library, alone, tokenizer=delivered / "Qwen3-4B" / "tokenizer.json")
    tokenizer = done.parts[0].component.tokenizer
    assert tokenizer is not None
    assert tokenizer.path == str(delivered / "Qwen3-4B" / "tokenizer.json")


def test_a_text_encoder_of_one_file_is_described_by_the_config_beside_it(
    library: Library, delivered: Path, tmp_path: Path
) -> None:
    """A small shape is no published one, so its heads must be told; beside a stranger the same file is not believed."""
    file = checkpoints.write_text_encoder_file(tmp_path, "klein-4b", layers=27)
    tokenizer = delivered / "tokenizer"
    with pytest.raises(WeightsError, match=r"config\.json is needed"):
        import_path(library, file, tokenizer=tokenizer)
    shutil.copy(delivered / "Qwen3-4B" / "config.json", tmp_path)
    (part,) = import_path(library, file, tokenizer=tokenizer).parts
    assert part.component.name == "qwen-3"
    assert part.component.shape["layers"] == 27
    assert part.component.prefix == "model."
    shutil.copy(delivered / "ae.safetensors", tmp_path)
    with pytest.raises(WeightsError, match=r"config\.json is needed"):
        import_path(library, file, tokenizer=tokenizer)


def test_a_repository_of_the_cache_stands_for_its_main_branch(
    library: Library, delivered: Path, tmp_path: Path
) -> None:
    repository = tmp_path / "models--Qwen--Qwen3-4B"
    for commit in ("aaa", "bbb"):
        shutil.copytree(delivered / "Qwen3-4B", repository / "snapshots" / commit)
    with pytest.raises(LibraryError, match="holds 2 snapshots: name one"):
        import_path(library, repository)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("bbb", encoding="utf-8")
    (part,) = import_path(library, repository).parts
    assert part.component.source == str(repository / "snapshots" / "bbb")
    assert part.component.name == "qwen3-4b"
    (repository / "refs" / "main").write_text("../../elsewhere", encoding="utf-8")
    with pytest.raises(LibraryError, match="holds 2 snapshots: name one"):
        import_path(library, repository)


def test_a_folder_of_which_only_the_single_file_was_fetched_says_so(
    library: Library, delivered: Path, tmp_path: Path
) -> None:
    shutil.copy(delivered / "flux-2-klein-4b.safetensors", tmp_path)
    (tmp_path / "model_index.json").write_text("{}", encoding="utf-8")
    with pytest.raises(LibraryError, match=r"name the file that lies there: flux-2-klein-4b\.safetensors"):
        import_path(library, tmp_path)


@pytest.mark.parametrize(
    ("name", "wishes", "words"),
    [
        ("ae.safetensors", {"variant": "klein-4b"}, "--variant is for a transformer, and this is an autoencoder"),
        ("ae.safetensors", {"tokenizer": Path("Qwen3-4B")}, "--tokenizer is for a text encoder"),
        ("Qwen3-4B", {"autoencoder": "flux2"}, "--autoencoder is for a transformer"),
        ("ae.safetensors", {"name": "../up"}, "is not a name"),
        ("ae.safetensors", {"name": "A b"}, "is not a name"),
        ("two-parts", {"name": "mine"}, "--name is for one model or component"),
        ("no-such-file.safetensors", {}, "there is nothing at"),
        ("tokenizer", {}, "there are no weights in"),
    ],
)
def test_what_was_meant_otherwise_is_said(
    library: Library, delivered: Path, name: str, wishes: dict[str, Any], words: str
) -> None:
    if "tokenizer" in wishes:
        wishes = {"tokenizer": delivered / wishes["tokenizer"]}
    with pytest.raises(LibraryError, match=words):
        import_path(library, delivered / name, **wishes)
    assert not library.root.exists()


# --- interruptions, changes and hostile files --------------------------------------------------------------------


def test_an_interruption_writes_nothing(library: Library, taken: Callable[..., Import]) -> None:
    def interrupted(_file: Path, _done: int, _of: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        taken("FLUX.2-klein-9b", variant="klein-9b", progress=interrupted)
    assert not library.root.exists()


def test_a_file_that_grows_while_it_is_read_is_refused(library: Library, delivered: Path, tmp_path: Path) -> None:
    file = tmp_path / "ae.safetensors"
    shutil.copy(delivered / "ae.safetensors", file)

    def touched(_file: Path, done: int, of: int) -> None:
        if done == of:
            with file.open("ab") as more:
                more.write(b"x")

    with pytest.raises(WeightsError, match="changed while it was read"):
        import_path(library, file, progress=touched)
    assert not library.root.exists()


def test_progress_counts_every_byte_once(library: Library, delivered: Path) -> None:
    told: list[tuple[int, int]] = []
    import_path(library, delivered / "ae.safetensors", progress=lambda _file, done, of: told.append((done, of)))
    size = (delivered / "ae.safetensors").stat().st_size
    assert told[-1] == (size, size)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_verify_finds_one_flipped_bit_and_a_missing_shard(delivered: Path, tmp_path: Path) -> None:
    """Size and time are put back after the flip, so that only the bytes can tell."""
    folder, library = tmp_path / "weights", Library(tmp_path / "models")
    shutil.copytree(delivered / "FLUX.2-klein-9b", folder)
    import_path(library, folder, variant="klein-9b")
    assert {verdict.state for verdict in verify(library)} == {"same"}  # control
    shard = sorted((folder / "transformer").glob("*.safetensors"))[1]
    before = shard.stat()
    data = bytearray(shard.read_bytes())
    data[-1] ^= 1
    shard.write_bytes(data)
    os.utime(shard, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert library.model("klein-9b").unsound() == ()  # by its looks it is the same
    gone = sorted((folder / "text_encoder").glob("*.safetensors"))[0]
    gone.unlink()
    bad = {verdict.file.path: verdict.state for verdict in verify(library, "klein-9b") if verdict.state != "same"}
    assert bad == {str(shard): "changed", str(gone): "missing"}
    assert {verdict.state for verdict in verify(library, "klein-9b-autoencoder")} == {"same"}
    with pytest.raises(LibraryError, match="nothing is installed under the name 'klein-4b'"):
        verify(library, "klein-4b")


def test_verify_brings_times_up_to_date_where_bytes_are_the_same(delivered: Path, tmp_path: Path) -> None:
    library, folder = Library(tmp_path / "models"), tmp_path / "Qwen3-4B"
    shutil.copytree(delivered / "Qwen3-4B", folder)
    import_path(library, folder)
    before = library.component("qwen3-4b")
    assert before is not None
    for file in before.all_files:
        os.utime(file.path, ns=(1, 1))
    assert {file.state() for file in before.all_files} == {"changed"}
    assert {verdict.state for verdict in verify(library)} == {"same"}
    after = library.component("qwen3-4b")
    assert after is not None
    assert {file.state() for file in after.all_files} == {"same"}
    assert after.digest == before.digest


def test_files_that_moved_are_imported_from_where_they_are(delivered: Path, tmp_path: Path) -> None:
    library, old, new = Library(tmp_path / "models"), tmp_path / "old", tmp_path / "new"
    old.mkdir()
    shutil.copy(delivered / "ae.safetensors", old)
    import_path(library, old / "ae.safetensors")
    shutil.copytree(old, new)
    assert outcomes(import_path(library, new / "ae.safetensors")) == [("flux2", "shared")]  # the old one is in use
    with (old / "ae.safetensors").open("ab") as other:
        other.write(b"x")
    done = import_path(library, new / "ae.safetensors")
    assert outcomes(done) == [("flux2", "moved")]
    found = library.component("flux2")
    assert found is not None
    assert found.source == str(new / "ae.safetensors")


@pytest.fixture
def trap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Offer a module that a careless loader would import."""
    (tmp_path / "trap").mkdir()
    (tmp_path / "trap" / "flux2_trap.py").write_text("raise SystemExit('imported')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path / "trap")
    yield "flux2_trap"
    assert "flux2_trap" not in sys.modules


def test_no_class_named_by_a_folder_is_looked_up(trap: str, delivered: Path, tmp_path: Path) -> None:
    folder = tmp_path / "weights"
    shutil.copytree(delivered / "FLUX.2-klein-9b", folder)
    index = {"_class_name": f"{trap}.Pipeline", "auto_map": {"": f"{trap}.Model"}, "transformer": [trap, "Model"]}
    (folder / "model_index.json").write_text(json.dumps(index), encoding="utf-8")
    config = folder / "text_encoder" / "config.json"
    stated = json.loads(config.read_text(encoding="utf-8"))
    config.write_text(
        json.dumps({**stated, "architectures": [f"{trap}.Model"], "auto_map": {"AutoModel": f"{trap}.Model"}}),
        encoding="utf-8",
    )
    library = Library(tmp_path / "models")
    import_path(library, folder, variant="klein-9b")
    assert library.model("klein-9b").missing == ()


def test_pickled_weights_are_refused_unread(library: Library, tmp_path: Path) -> None:
    (tmp_path / "pickled").mkdir()
    (tmp_path / "pickled" / "pytorch_model.bin").write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(LibraryError, match=r"pickled weights only .*only safetensors and GGUF are taken"):
        import_path(library, tmp_path / "pickled")
    renamed = tmp_path / "model.safetensors"
    for data in (b"", b"PK\x03\x04" + b"\0" * 100, b"\x80\x04cos\nsystem\n(S'true'\ntR."):
        renamed.write_bytes(data)
        with pytest.raises(WeightsError, match=r"model\.safetensors"):
            import_path(library, renamed)
    assert not library.root.exists()


@pytest.mark.parametrize("config", [b"[1]", b"{", b"\xff", b"[" * 100_000, b" " * 300_000])
def test_bad_json_beside_weights_is_refused(delivered: Path, tmp_path: Path, config: bytes) -> None:
    shutil.copytree(delivered / "Qwen3-4B", tmp_path / "Qwen3-4B")
    (tmp_path / "Qwen3-4B" / "config.json").write_bytes(config)
    with pytest.raises(WeightsError, match=r"config\.json"):
        import_path(Library(tmp_path / "models"), tmp_path / "Qwen3-4B")


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus of malformed files is not here")
def test_malformed_files_are_never_recorded(library: Library) -> None:
    files = sorted(path for path in CORPUS.iterdir() if path.suffix == ".safetensors")
    assert len(files) > 20
    for file in files:
        with pytest.raises(EngineError):
            import_path(library, file)
    assert not library.root.exists()
