"""ONNX Runtime does not call home from here."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from boardwright.device.engines import onnx as onnx_engine

ROOT = Path(__file__).parents[2]
SESSION = "session = onnxruntime.InferenceSession({model!r}, providers=['CPUExecutionProvider'])"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Abs", ["x"], ["y"])], "g", value[:1], value[1:])
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def left_behind(model: Path, start: str) -> list[Path]:
    """Files in an empty home folder after a session was made. CI would keep ONNX Runtime quiet by itself."""
    home = model.parent / "home"
    home.mkdir()
    quiet = ("CI", "GITHUB_ACTIONS", "TF_BUILD", "ORT_DISABLE_TELEMETRY", "PYTEST_CURRENT_TEST", "XDG_CACHE_HOME")
    environment = {name: value for name, value in os.environ.items() if name not in quiet}
    command = [sys.executable, "-c", f"{start}; {SESSION.format(model=str(model))}"]
    subprocess.run(command, env=environment | {"HOME": str(home)}, check=True, capture_output=True)
    return [path for path in home.rglob("*") if path.is_file()]


def test_a_session_leaves_nothing_in_the_home_folder(model: Path) -> None:
    assert left_behind(model, "from boardwright.device.engines.ort import onnxruntime") == []


def test_left_to_itself_it_would(model: Path) -> None:
    """What the test above looks for is there to be seen. When this fails, ONNX Runtime has changed its ways."""
    assert any(path.name.startswith("onnxruntime.db") for path in left_behind(model, "import onnxruntime"))


def test_nobody_imports_it_past_the_guard() -> None:
    for path in [*ROOT.glob("device/**/*.py"), *ROOT.glob("build/*.py"), *ROOT.glob("scripts/*.py")]:
        lines = path.read_text(encoding="utf-8").splitlines()
        direct = [line for line in lines if line.startswith(("import onnxruntime", "from onnxruntime"))]
        assert not direct or path.name == "ort.py", path


@pytest.mark.parametrize(
    ("features", "told"), [({"avx2", "avx512f"}, True), ({"avx512_vnni"}, False), ({"avx_vnni"}, False)]
)
def test_sums_are_widened_only_where_they_overflow(
    features: set[str], told: bool, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(onnx_engine, "cpu_features", lambda: frozenset(features))
    options = onnx_engine._session(model, 1).get_session_options()
    with nullcontext() if told else pytest.raises(RuntimeError, match="does not have"):
        assert options.get_session_config_entry("session.x64quantprecision") == "1"
