"""Cross-build llama-cpp-python for 64-bit ARM boards: one wheel that picks its kernels when it is loaded.

Knows nothing of bundles or boards. The package is on PyPI as source only, and a board has neither the compiler nor the
hour. Needs Debian's g++-aarch64-linux-gnu; the source comes from pip, everything else is here.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from boardwright.build.ids import JSON, file_id
from boardwright.build.store import Artifact, Store
from boardwright.schemas.errors import KitError
from boardwright.schemas.steps import current_step

PACKAGE = "llama-cpp-python"
TOOLCHAIN = Path(__file__).with_name("llama-aarch64.cmake")
COMPILER = "aarch64-linux-gnu-g++"
PLATFORM = "manylinux_2_34_aarch64"
GLIBC = "2.34"
# Kernel variants: what each takes for granted, in ggml's words. ggml's own list has four more that need SVE, which no
# board of ours has and GCC 12 cannot compile; and none with 8-bit matrix products but without SVE, which is what newer
# small cores are. At run time ggml loads the best of those that the CPU can run.
VARIANTS = {
    "armv8.0": "",
    "dotprod": "DOTPROD FP16_VECTOR_ARITHMETIC",
    "i8mm": "DOTPROD FP16_VECTOR_ARITHMETIC MATMUL_INT8",
}
# For those who compile against it; the last two hold paths of this machine.
UNWANTED = ("llama_cpp/include/**", "llama_cpp/lib/cmake/**", "llama_cpp/lib/pkgconfig/**")
# 1980-01-01, the first day that a zip knows.
EPOCH = "315532800"
VERSION = 1


def llama_wheel(store: Store, redo: bool = False) -> Artifact:
    """The folder with the one wheel, looked up or built (some 5 CPU minutes). Raises KitError."""
    source = _source(store)
    options: dict[str, JSON] = {"compiler": check_compiler(), "variants": dict(VARIANTS), "platform": PLATFORM}

    def make(folder: Path) -> None:
        cross_build(next(source.path.glob("*.tar.gz")), folder)

    recipe = [file_id(TOOLCHAIN), file_id(TOOLCHAIN.with_name("llama-lean.cmake"))]
    return store.produce(
        "cross",
        VERSION,
        options,
        [source.id, *recipe],
        make,
        title=f"Cross-build {PACKAGE} for aarch64",
        redo=redo,
    )


def _source(store: Store) -> Artifact:
    wanted = f"{PACKAGE}=={version(PACKAGE)}"

    def make(folder: Path) -> None:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-build-isolation"]
        _run([*command, "--no-binary", PACKAGE, "--dest", str(folder), wanted], "The source could not be fetched.")
        if not list(folder.glob("*.tar.gz")):
            raise KitError("The package index has no source of this package.", value=wanted)

    return store.produce("source", VERSION, {"package": wanted}, [], make, title=f"Fetch the source of {wanted}")


def cross_build(source: Path, folder: Path) -> Path:
    """Build the wheel from a source archive into `folder`; return its path. Raises KitError.

    The archive is pip's, checked against the index. The same archive and compiler give the same bytes."""
    work = folder / "scratch"
    work.mkdir()
    with tarfile.open(source) as archive:
        archive.extractall(work, filter="data")
    tree = next(path for path in work.iterdir() if path.is_dir())
    _choose_variants(tree / "vendor/llama.cpp/ggml/src/CMakeLists.txt")
    environment = os.environ | {
        "_PYTHON_HOST_PLATFORM": "linux-aarch64",
        "SOURCE_DATE_EPOCH": EPOCH,
        "CMAKE_ARGS": f"-DCMAKE_TOOLCHAIN_FILE={TOOLCHAIN}",
        "CMAKE_GENERATOR": "Ninja",
        # The tools of this environment, not whatever else is on the path.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    }
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-cache-dir"]
    command += ["--config-settings", f"wheel.exclude={';'.join(UNWANTED)}"]
    command += ["--wheel-dir", str(work / "wheel"), str(tree)]
    _run(command, f"{PACKAGE} could not be cross-built.", environment)
    built = next((work / "wheel").glob("*.whl"))
    needs = needed_glibc(built, work)
    current_step().note(f"needs glibc {needs}")
    if _number(needs) > _number(GLIBC):
        raise KitError(
            "The cross-built wheel needs a newer glibc than it may.", where=built.name, value=needs, allowed=GLIBC
        )
    wheel = _retag(built, folder)
    shutil.rmtree(work)
    return wheel


def needed_glibc(wheel: Path, work: Path) -> str:
    """The newest glibc symbol version, as "2.34", that any library in the wheel asks for."""
    found: set[str] = {
        match
        for library in unpack_libraries(wheel, work / "libraries")
        for match in re.findall(r"GLIBC_(\d+\.\d+)", _run(["aarch64-linux-gnu-objdump", "-T", str(library)], "objdump"))
    }
    return max(found, key=_number)


def unpack_libraries(wheel: Path, folder: Path) -> list[Path]:
    """The shared libraries of a wheel, written side by side into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    libraries = []
    with zipfile.ZipFile(wheel) as archive:
        for name in sorted(archive.namelist()):
            if name.endswith(".so"):
                libraries.append(folder / Path(name).name)
                libraries[-1].write_bytes(archive.read(name))
    return libraries


def _choose_variants(lists: Path) -> None:
    """Put our variants in place of ggml's for Linux on ARM."""
    text = lists.read_text(encoding="utf-8")
    own = "\n".join(f"            ggml_add_cpu_backend_variant({name} {wants})" for name, wants in VARIANTS.items())
    pattern = r"(?:^ +ggml_add_cpu_backend_variant\(armv[^\n]*\)\n)+"
    changed, count = re.subn(pattern, f"{own}\n", text, count=1, flags=re.MULTILINE)
    if not count:
        raise KitError("This llama.cpp lists its ARM kernels in a way that is not known here.", where=lists)
    lists.write_text(changed, encoding="utf-8")


def _retag(built: Path, folder: Path) -> Path:
    """The wheel under the platform tag that its symbols allow; pip on a board goes by that."""
    command = [sys.executable, "-m", "wheel", "tags", "--remove", "--platform-tag", PLATFORM, str(built)]
    name = _run(command, "The wheel's platform tag could not be set.", os.environ | {"SOURCE_DATE_EPOCH": EPOCH})
    return Path(shutil.copy(built.with_name(name.split()[-1]), folder))


def check_compiler() -> str:
    """Name and version of the cross compiler. Raises KitError where there is none."""
    if not shutil.which(COMPILER):
        raise KitError(
            "The cross compiler for ARM boards is not installed.",
            value=COMPILER,
            next="sudo apt-get install g++-aarch64-linux-gnu",
        )
    return _run([COMPILER, "--version"], "The cross compiler does not run.").splitlines()[0]


def _run(command: Sequence[str], failed: str, environment: dict[str, str] | None = None) -> str:
    ran = subprocess.run(list(command), capture_output=True, text=True, check=False, env=environment)
    if ran.returncode:
        raise KitError(failed, where=" ".join(command[:4]), value=(ran.stderr or ran.stdout).strip()[-600:])
    return str(ran.stdout)


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))
