"""Tests keep their files in memory only where there is room for them."""

from pathlib import Path

from tests.memory import find_roomy_folder


def test_a_folder_must_be_there_and_have_room(tmp_path: Path) -> None:
    assert find_roomy_folder(tmp_path, room=1) == tmp_path
    assert find_roomy_folder(tmp_path, room=10**18) is None
    assert find_roomy_folder(tmp_path / "nowhere", room=1) is None
