"""Check the key of the running numbers: made once, readable by its owner alone, refused where it is none."""

import os
import stat
import sys

import pytest

import reldyn as rd
from reldyn.errors import DataError
from reldyn.study._key import key_path, keyed_digest, study_key


@pytest.fixture
def study(tmp_path):
    return tmp_path / "study.toml"


def test_a_key_is_made_once(study):
    first = study_key(study)
    assert len(first) == 32
    assert study_key(study) == first
    assert [item.name for item in study.parent.iterdir()] == ["study.key"]


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_nobody_else_can_read_it(study):
    study_key(study)
    path = key_path(study)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.warns(rd.DataWarning, match=r"others on this machine can read .*: chmod 600 study\.key\."):
        study_key(study)


def test_checking_a_study_makes_no_key(study):
    assert study_key(study, make=False) != study_key(study, make=False)
    assert list(study.parent.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"5" * 63, b"x" * 64, b"5" * 65, b"\xff" * 64, b"5" * 1_000_000])
def test_what_is_no_key_is_refused(study, content):
    key_path(study).write_bytes(content)
    with pytest.raises(DataError, match=r"is no key of running numbers\. Restore it"):
        study_key(study)
    assert key_path(study).read_bytes() == content


@pytest.mark.skipif(sys.platform == "win32", reason="there are no named pipes in folders")
def test_a_pipe_is_not_waited_for(study):
    os.mkfifo(key_path(study))
    with pytest.raises(DataError, match="is no file"):
        study_key(study)


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    with pytest.raises(DataError, match=r"study\.key: the key of the running numbers cannot be written"):
        study_key(tmp_path / "absent" / "study.toml")


def test_a_key_that_another_run_made_first_stays(study, monkeypatch):
    link = os.link

    def late(source, path):
        key_path(study).write_text("7" * 64 + "\n", encoding="ascii")
        key_path(study).chmod(0o600)
        link(source, path)

    monkeypatch.setattr(os, "link", late)
    assert study_key(study) == bytes.fromhex("7" * 64)
    assert [item.name for item in study.parent.iterdir()] == ["study.key"]


def test_file_systems_without_links(study, monkeypatch):
    def refused(source, path):
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    assert study_key(study) == study_key(study)


def test_digests_are_those_of_the_standard():
    # RFC 4231, test case 2, with the label after the kind.
    import hashlib
    import hmac

    wanted = hmac.digest(b"Jefe", b"dyad\x00what do ya want", hashlib.sha256)
    assert keyed_digest(b"Jefe", "dyad", "what do ya want") == wanted
    assert keyed_digest(b"Jefe", "person", "1", "2") != keyed_digest(b"Jefe", "person", "12", "")
