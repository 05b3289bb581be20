"""The bundle: a signed manifest and the files it names, in one `.bwb` file.

A plain zip (stored, nothing compressed) so that anybody can look inside, but only one form of it is a bundle:

    manifest.json   manifest.json.minisig   then the manifest's files in its order   central directory

Every header follows from the manifest, the signature and the files' contents, so a reader trusts no header: it works
out each one and compares. What is left to read before the signature holds are two lengths. Whatever else a zip can
do (links, folders, duplicates, gaps, comments, two directories that disagree) fails the comparison.

Knows nothing of slots, boards or tasks.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import struct
import tempfile
import zlib
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, BinaryIO

from boardwright.schemas import minisign
from boardwright.schemas.durable import alone, create, disk, make_folder, need_space, open_regular, sync, sync_folder
from boardwright.schemas.errors import BadBundle, KitError
from boardwright.schemas.keys import trusted_folder, trusted_keys
from boardwright.schemas.manifest import (
    MANIFEST_NAME,
    MAX_MANIFEST,
    SIGNATURE_NAME,
    FileEntry,
    Manifest,
    make_entry,
    parse_manifest,
)
from boardwright.schemas.minisign import PublicKey, SecretKey

CHUNK = 1024 * 1024
DAMAGED = "copy or download the bundle again; if it stays like this, build it again"

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_ZIP_2, _UNIX = 20, 3 << 8  # as Python's zipfile writes them; Unix gives the mode its meaning
_MODE = stat.S_IFREG | 0o644
_DATE = (1 << 5) | 1  # 1980-01-01, the first day a zip knows


@dataclass(frozen=True)
class _Member:
    """What a zip header says about a file; everything else in it is constant here."""

    name: str
    size: int
    crc: int
    offset: int  # of the local header

    def local(self) -> bytes:
        name = self.name.encode("ascii")
        fields = (_ZIP_2, 0, 0, 0, _DATE, self.crc, self.size, self.size, len(name), 0)
        return _LOCAL.pack(b"PK\3\4", *fields) + name

    def central(self) -> bytes:
        name = self.name.encode("ascii")
        fields = (_UNIX | _ZIP_2, _ZIP_2, 0, 0, 0, _DATE, self.crc, self.size, self.size, len(name), 0, 0, 0, 0)
        return _CENTRAL.pack(b"PK\1\2", *fields, _MODE << 16, self.offset) + name


def _directory(members: Sequence[_Member], offset: int) -> bytes:
    body = b"".join(member.central() for member in members)
    return body + _END.pack(b"PK\5\6", 0, 0, len(members), len(members), len(body), offset, 0)


def _container_size(sizes: Mapping[str, int]) -> int:
    return _END.size + sum(_LOCAL.size + _CENTRAL.size + 2 * len(name) + size for name, size in sizes.items())


def describe(files: Mapping[str, Path]) -> tuple[FileEntry, ...]:
    """Hash files for a manifest, in the order given.

    Raises BadBundle for a name that cannot be in a bundle, KitError for a file that cannot be read."""
    entries = []
    for name, path in files.items():
        with disk(path, "read a file of the bundle"), open_regular(path) as source:
            digest, size = hashlib.sha256(), 0
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += len(chunk)
        entries.append(make_entry(name, digest.hexdigest(), size, path))
    return tuple(entries)


def write_bundle(path: Path, manifest: Manifest, files: Mapping[str, Path], secret_key: SecretKey) -> None:
    """Sign and write a bundle; it is on the disk when this returns. The same inputs give the same bytes.

    files: name in the manifest -> where its content lies.  What lay at `path` before stays until the new bundle is
    complete. Raises BadBundle when a file is not what the manifest says, NoSpace, KitError."""
    if manifest.key_id != secret_key.id:
        raise KitError("The manifest names another key.", where=path, value=manifest.key_id, allowed=secret_key.id)
    if odd := set(files) ^ {entry.name for entry in manifest.files}:
        raise BadBundle("The manifest and the files at hand do not agree.", where=path, value=sorted(odd))
    raw = manifest.encode()
    if len(raw) > MAX_MANIFEST:
        raise BadBundle("The manifest is too long.", where=path, value=len(raw), allowed=f"{MAX_MANIFEST} bytes")
    signature = _sign(manifest, raw, secret_key)
    total = _container_size(_sizes(manifest, len(raw), len(signature)))
    folder = path.parent
    with disk(path, "write the bundle"):
        need_space(folder, total, "write the bundle")
        # The temporary name is of this process alone: two builds at once each finish, and the last rename stays.
        fd, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".part", dir=folder)
        temp = Path(name)
        try:
            with open(fd, "w+b") as out:
                os.fchmod(fd, 0o644)
                members = [_put(out, MANIFEST_NAME, raw), _put(out, SIGNATURE_NAME, signature)]
                members += [_put_file(out, entry, files[entry.name]) for entry in manifest.files]
                out.write(_directory(members, out.tell()))
                sync(out)
            temp.replace(path)
        except BaseException:
            with suppress(OSError):
                temp.unlink()
            raise
        sync_folder(folder)


@dataclass(frozen=True)
class Bundle:
    """A bundle that has been verified from the first byte to the last: a `.bwb` file, or a folder that is staged.

    Both may change afterwards, so nothing here rests on that: every later read checks the hash again."""

    path: Path
    manifest: Manifest
    manifest_bytes: bytes = field(repr=False)
    signature_bytes: bytes = field(repr=False)
    key: PublicKey
    _places: Mapping[str, tuple[Path, int]] = field(repr=False)  # name -> file, and where in it the content starts

    @property
    def id(self) -> str:
        """sha256 of the manifest, which names every other byte by hash."""
        return hashlib.sha256(self.manifest_bytes).hexdigest()

    @property
    def size(self) -> int:
        """Bytes of the bundle as one file."""
        return _container_size(_sizes(self.manifest, len(self.manifest_bytes), len(self.signature_bytes)))

    def has(self, name: str) -> bool:
        return name in self._places

    def read(self, name: str, limit: int) -> bytes:
        """The content of one file of at most `limit` bytes. Raises BadBundle."""
        entry = next((entry for entry in self.manifest.files if entry.name == name), None)
        if entry is None:
            raise BadBundle("The bundle has no such file.", where=self.path, value=name)
        if entry.size > limit:
            raise BadBundle(
                "A file in the bundle is too long.", where=f"{self.path}: {name}", value=entry.size, allowed=limit
            )
        content = bytearray()
        place, offset = self._places[name]
        with disk(self.path, "read the bundle"), open_regular(place) as source:
            source.seek(offset)
            _copy(source, entry, content.extend, f"{self.path}: {name}")
        return bytes(content)

    def stage(self, folder: Path, name: str | None = None) -> Path:
        """Unpack into `folder/<name>` and return that; it is on the disk, complete and verified.

        name: the first 16 digits of the id unless told.

        A staged folder holds the manifest, its signature and its files, and nothing else: it belongs to the bundle.
        One that is there already is used again if every byte in it hashes right; anything else there (a foreign file
        too) is damage, and the folder is made anew. Raises BadBundle, NoSpace, KitError."""
        target = folder / (name or self.id[:16])
        with disk(folder, "stage the bundle"):
            make_folder(folder)
            with alone(folder):
                # Holding the lock, whatever is still called this was left behind by a process that was killed.
                for left in folder.glob(".staging-*"):
                    shutil.rmtree(left)
                # All hashes, not sizes and a marker: the bundle was hashed a moment ago to open it, so this costs as
                # much again at most, and a rotten SD card or an edit in place keeps sizes and markers as they are.
                if self.is_staged(target):
                    return target
                need_space(folder, sum(entry.size for entry in self.manifest.files), "stage the bundle")
                temp = Path(tempfile.mkdtemp(prefix=".staging-", dir=folder))
                try:
                    self._unpack(temp)
                    if os.path.lexists(target):
                        # Python cannot exchange two names: for a moment there is none. It was damaged anyway.
                        target.rename(Path(tempfile.mkdtemp(prefix=".staging-", dir=folder), "damaged"))
                    temp.rename(target)
                finally:
                    for left in folder.glob(".staging-*"):
                        shutil.rmtree(left, ignore_errors=True)
                sync_folder(folder)
        return target

    def _unpack(self, temp: Path) -> None:
        folders = {temp}
        for name, data in ((MANIFEST_NAME, self.manifest_bytes), (SIGNATURE_NAME, self.signature_bytes)):
            with create(temp / name) as out:
                out.write(data)
                sync(out)
        for entry in self.manifest.files:
            place = temp / entry.name
            for parent in reversed(place.relative_to(temp).parents[:-1]):
                (temp / parent).mkdir(exist_ok=True)
                folders.add(temp / parent)
            origin, offset = self._places[entry.name]
            with open_regular(origin) as source:
                source.seek(offset)
                with create(place) as out:
                    # Hashed on the way out: the file may not be the one that was verified any more.
                    _copy(source, entry, out.write, f"{self.path}: {entry.name}")
                    sync(out)
        for made in folders:
            made.chmod(0o755)
            sync_folder(made)

    def is_staged(self, target: Path) -> bool:
        """Whether a folder holds this bundle, every byte of it, and nothing else."""
        wanted = {entry.name: (entry.size, entry.sha256) for entry in self.manifest.files}
        for name, data in ((MANIFEST_NAME, self.manifest_bytes), (SIGNATURE_NAME, self.signature_bytes)):
            wanted[name] = (len(data), hashlib.sha256(data).hexdigest())
        there = set()
        try:
            if not stat.S_ISDIR(os.lstat(target).st_mode):
                return False
            for place, folders, names in os.walk(target):
                # walk() lists a link to a folder as a folder, and does not enter it.
                links = [name for name in folders if Path(place, name).is_symlink()]
                there |= {str(Path(place, name).relative_to(target)) for name in names + links}
            return there == set(wanted) and all(_holds(target / name, *wanted[name]) for name in wanted)
        except (OSError, KitError):
            return False


def open_bundle(path: Path, trusted: Sequence[PublicKey] | None = None) -> Bundle:
    """Verify a whole bundle, reading it once in bounded memory. trusted: None for the keys of this machine.

    Raises BadBundle for anything but the one valid form, signed by a trusted key."""
    if trusted is None:
        trusted = trusted_keys()
    with disk(path, "read the bundle"), open_regular(path) as source:
        raw, at = _front_member(source, path, MANIFEST_NAME, 0, MAX_MANIFEST)
        signature_bytes, end = _front_member(source, path, SIGNATURE_NAME, at, minisign.MAX_FILE)
        key, manifest = _vouched(path, raw, signature_bytes, trusted)
        sizes = _sizes(manifest, len(raw), len(signature_bytes))
        there, expected = os.fstat(source.fileno()).st_size, _container_size(sizes)
        if there != expected:
            raise BadBundle(
                "The bundle is cut short." if there < expected else "The bundle has bytes that belong to nothing.",
                where=path,
                value=f"{there} bytes",
                allowed=f"{expected} bytes",
                next=DAMAGED,
            )
        members = [
            _Member(MANIFEST_NAME, len(raw), zlib.crc32(raw), 0),
            _Member(SIGNATURE_NAME, len(signature_bytes), zlib.crc32(signature_bytes), at),
        ]
        places = {}
        for entry in manifest.files:
            where = f"{path}: {entry.name}"
            # The header holds the checksum of what follows, so it is kept and compared after that.
            header = source.read(_LOCAL.size + len(entry.name))
            places[entry.name] = path, source.tell()
            crc = _copy(source, entry, lambda chunk: None, where)
            members.append(_Member(entry.name, entry.size, crc, end))
            _same(header, members[-1].local(), where)
            end += len(header) + entry.size
        _same(source.read(expected - end + 1), _directory(members, end), f"{path}: central directory")
    return Bundle(path, manifest, raw, signature_bytes, key, places)


def open_staged(folder: Path, trusted: Sequence[PublicKey] | None = None) -> Bundle:
    """Verify a bundle that `stage` has unpacked, every byte of it. trusted: None for the keys of this machine.

    Raises BadBundle for anything but the one valid form, signed by a trusted key."""
    if trusted is None:
        trusted = trusted_keys()
    found = []
    for name, limit in ((MANIFEST_NAME, MAX_MANIFEST), (SIGNATURE_NAME, minisign.MAX_FILE)):
        with disk(folder, "read the installed bundle"), open_regular(folder / name, follow=False) as source:
            found.append(source.read(limit + 1))
    raw, signature_bytes = found
    key, manifest = _vouched(folder, raw, signature_bytes, trusted)
    places = {entry.name: (folder / entry.name, 0) for entry in manifest.files}
    bundle = Bundle(folder, manifest, raw, signature_bytes, key, places)
    if not bundle.is_staged(folder):
        raise BadBundle(
            "A file of the installed bundle is damaged, missing or does not belong to it.",
            where=folder,
            next="install the bundle again",
        )
    return bundle


def _vouched(
    path: Path, raw: bytes, signature_bytes: bytes, trusted: Sequence[PublicKey]
) -> tuple[PublicKey, Manifest]:
    """The manifest, and the trusted key that signed it. Raises BadBundle; before the signature holds, nothing of the
    manifest is looked at."""
    key = _check_signature(path, raw, signature_bytes, trusted)
    manifest = parse_manifest(raw, f"{path}: {MANIFEST_NAME}")
    if manifest.key_id != key.id or not _is_our_form(manifest, signature_bytes):
        raise BadBundle(
            "The signature file is not the one that belongs to this manifest.",
            where=f"{path}: {SIGNATURE_NAME}",
            next=DAMAGED,
        )
    return key, manifest


def _front_member(source: BinaryIO, path: Path, name: str, offset: int, limit: int) -> tuple[bytes, int]:
    """Read a member whose length only its own header tells. Returns its content and where the next one starts."""
    header = source.read(_LOCAL.size + len(name))
    if not offset and header[:4] != b"PK\3\4":
        raise BadBundle(
            "This is not a bundle.",
            where=path,
            value=header[:4],
            allowed="a .bwb file as boardwright pack writes it",
            next=DAMAGED,
        )
    size = _LOCAL.unpack_from(header)[7] if len(header) >= _LOCAL.size else 0
    if size > limit:
        raise BadBundle("A length is out of bounds.", where=f"{path}: {name}", value=size, allowed=limit, next=DAMAGED)
    data = source.read(size)
    _same(header, _Member(name, size, zlib.crc32(data), offset).local(), f"{path}: {name}")
    if len(data) != size:
        raise BadBundle("The bundle is cut short.", where=f"{path}: {name}", next=DAMAGED)
    return data, offset + len(header) + size


def _same(found: bytes, expected: bytes, where: str) -> None:
    if found != expected:
        raise BadBundle("The bundle is damaged, or is a zip of another form.", where=where, next=DAMAGED)


def _sizes(manifest: Manifest, manifest_size: int, signature_size: int) -> dict[str, int]:
    own = {MANIFEST_NAME: manifest_size, SIGNATURE_NAME: signature_size}
    return own | {entry.name: entry.size for entry in manifest.files}


def _comments(manifest: Manifest) -> tuple[str, str]:
    """Trusted and untrusted comment. Both follow from the manifest: no time, which a board could not check."""
    return f"{manifest.bundle_name} counter:{manifest.counter}", "signature of a boardwright bundle"


def _sign(manifest: Manifest, raw: bytes, key: SecretKey) -> bytes:
    trusted, untrusted = _comments(manifest)
    return minisign.sign(raw, key, trusted_comment=trusted, untrusted_comment=untrusted).encode()


def _is_our_form(manifest: Manifest, signature_bytes: bytes) -> bool:
    """Nobody signs the untrusted comment, line ends or spare base64 bits: they must be as we write them."""
    signature = minisign.parse_signature(signature_bytes)
    comments = (signature.trusted_comment, signature.untrusted_comment)
    return signature.prehashed and comments == _comments(manifest) and signature.encode() == signature_bytes


def _check_signature(path: Path, raw: bytes, signature_bytes: bytes, trusted: Sequence[PublicKey]) -> PublicKey:
    where = f"{path}: {SIGNATURE_NAME}"
    signature = minisign.parse_signature(signature_bytes, where)
    # Anybody can make a key with an id of their choice, so several may share one.
    keys = [key for key in trusted if key.key_id == signature.key_id]
    if not keys:
        raise BadBundle(
            "The bundle is signed by a key that is not trusted here.",
            where=path,
            value=signature.id,
            allowed=", ".join(key.id for key in trusted) or "nothing: no key is trusted yet",
            next=f"if you know the signer, put their .pub file into {trusted_folder()} or pass it with --key",
        )
    for key in keys[:-1]:
        with suppress(BadBundle):
            minisign.verify(raw, signature, key, where=where)
            return key
    minisign.verify(raw, signature, keys[-1], where=where)
    return keys[-1]


def _copy(source: BinaryIO, entry: FileEntry, sink: Callable[[bytes], object], where: str) -> int:
    """Pass on exactly `entry.size` bytes and return their CRC. Raises BadBundle unless they hash to `entry.sha256`."""
    digest, crc, left = hashlib.sha256(), 0, entry.size
    while left and (chunk := source.read(min(CHUNK, left))):
        digest.update(chunk)
        crc = zlib.crc32(chunk, crc)
        sink(chunk)
        left -= len(chunk)
    if left or digest.hexdigest() != entry.sha256:
        raise BadBundle(
            "A file is not what the manifest says.",
            where=where,
            value=f"{left} bytes are missing" if left else f"sha256 {digest.hexdigest()}",
            allowed=f"{entry.size} bytes, sha256 {entry.sha256}",
            next=DAMAGED,
        )
    return crc


def _put(out: IO[bytes], name: str, data: bytes) -> _Member:
    member = _Member(name, len(data), zlib.crc32(data), out.tell())
    out.write(member.local() + data)
    return member


def _put_file(out: IO[bytes], entry: FileEntry, path: Path) -> _Member:
    offset, where = out.tell(), f"{path} (as {entry.name})"
    out.write(_Member(entry.name, entry.size, 0, offset).local())
    with open_regular(path) as source:
        crc = _copy(source, entry, out.write, where)
        if source.read(1):
            raise BadBundle("A file is longer than the manifest says.", where=where, allowed=f"{entry.size} bytes")
    end, member = out.tell(), _Member(entry.name, entry.size, crc, offset)
    out.seek(offset)
    out.write(member.local())
    out.seek(end)
    return member


def _holds(path: Path, size: int, sha256: str) -> bool:
    with open_regular(path, follow=False) as file:
        return os.fstat(file.fileno()).st_size == size and hashlib.file_digest(file, "sha256").hexdigest() == sha256
