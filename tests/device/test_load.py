"""A model file goes to its runtime; a runtime that is not there is told."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import llama_cpp
import pytest

from boardwright.device.engines.load import load_engine
from boardwright.schemas.errors import BadBundle


@pytest.mark.parametrize("missing", ["onnxruntime", "tokenizers"])
def test_a_board_without_onnx_runtime_is_told_what_to_install(
    missing: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    for module in ("onnx", "ort"):
        monkeypatch.delitem(sys.modules, f"boardwright.device.engines.{module}", raising=False)
    with pytest.raises(BadBundle, match="needs ONNX Runtime") as raised:
        load_engine(tmp_path / "model.onnx", n_ctx=64)
    assert raised.value.exit_code == 2
    assert "boardwright[device,onnx]" in str(raised.value.next)


def test_anything_else_is_for_llama_cpp(tmp_path: Path) -> None:
    (tmp_path / "model.gguf").write_bytes(b"GGUF, or so it says")
    with pytest.raises(BadBundle, match=r"llama\.cpp cannot load"):
        load_engine(tmp_path / "model.gguf", n_ctx=64)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="AMX is x86's")
def test_llama_cpp_is_built_without_amx() -> None:
    """Whose tile configuration compilers leave out: on a CPU that has AMX, the first product would end the process."""
    library = Path(llama_cpp.__file__).parent / "lib" / "libggml-cpu.so"
    code = subprocess.run(["objdump", "-d", library], capture_output=True, text=True, check=True).stdout
    assert "vmovups" in code or "movups" in code
    assert "ldtilecfg" not in code
