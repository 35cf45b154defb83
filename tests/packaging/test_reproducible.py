"""The same sources give the same bytes, whoever builds them, where and when."""

from __future__ import annotations

import hashlib
import os
import tarfile
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from building import ROOT, build
from interpreters import PYPROJECT

pytestmark = pytest.mark.full


def digests(built):
    return {kind: hashlib.sha256(path.read_bytes()).hexdigest() for kind, path in built.items()}


def unpacked(sdist: Path, folder: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    (tree,) = folder.iterdir()
    return tree


@pytest.fixture(scope="module")
def elsewhere(sdist, tmp_path_factory):
    """The sources as somebody else has them: another folder, other times and rights, no git, and caches among them."""
    tree = unpacked(sdist, tmp_path_factory.mktemp("somewhere") / "else")
    (tree / "PKG-INFO").unlink()
    for path in sorted(tree.rglob("*")):
        path.chmod(path.stat().st_mode & 0o700)
        os.utime(path, (1_000_000_000, 1_000_000_000))
    cache = tree / "shared" / "portkey_mistral" / "__pycache__"
    cache.mkdir()
    (cache / "client.cpython-311.pyc").write_bytes(b"old")
    return tree


def test_a_second_build_in_the_same_folder_has_the_same_bytes(built, tmp_path):
    assert digests(build(ROOT, tmp_path)) == digests(built)


def test_a_build_elsewhere_has_the_same_bytes(built, elsewhere, tmp_path):
    again = build(elsewhere, tmp_path, TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7")
    assert digests(again) == digests(built)


def test_a_build_from_the_source_distribution_as_it_is_has_the_same_bytes(built, sdist, tmp_path):
    tree = unpacked(sdist, tmp_path / "tree")
    assert digests(build(tree, tmp_path / "out")) == digests(built)


def test_source_date_epoch_is_the_time_of_every_file(elsewhere, tmp_path):
    moment = 1_700_000_000
    env = {"SOURCE_DATE_EPOCH": str(moment)}
    one, two = (
        build(folder, tmp_path / str(i), **env) for i, folder in enumerate((ROOT, elsewhere))
    )
    assert digests(one) == digests(two)
    with zipfile.ZipFile(one["whl"]) as archive:
        times = {datetime(*info.date_time, tzinfo=UTC) for info in archive.infolist()}
    assert times == {datetime.fromtimestamp(moment, UTC)}
    with tarfile.open(one["tar.gz"]) as archive:
        assert {member.mtime for member in archive.getmembers()} == {moment}


def test_releases_are_built_by_one_version_of_hatchling(wheel):
    """Another version may write other bytes, and its name is in the wheel."""
    (constraint,) = PYPROJECT["tool"]["uv"]["build-constraint-dependencies"]
    assert constraint.startswith("hatchling==")
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/WHEEL"))
        assert b"Generator: hatchling " in archive.read(name)
