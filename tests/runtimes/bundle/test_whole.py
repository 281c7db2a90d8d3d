"""One digest of a whole bundle, the same as with the tools that everybody has; nothing changed and nothing besides."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from dlgsanet.__main__ import main
from dlgsanet.errors import InputError
from runtimes import open_runner
from runtimes.bundle.manifest import read_manifest
from runtimes.bundle.whole import require_digest, verify_whole

posix = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs POSIX")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs sha256sum")
def test_the_digest_is_that_of_the_usual_tools(bundle: Path) -> None:
    (bundle / "README.md").write_text("card")
    line = "find * -type f | LC_ALL=C sort | xargs sha256sum | sha256sum"
    said = subprocess.run(["bash", "-c", line], cwd=bundle, capture_output=True, text=True, check=True).stdout
    whole = verify_whole(bundle)
    assert said.split()[0] == whole.digest
    assert whole.files == len([path for path in bundle.rglob("*") if path.is_file()])


def test_it_is_the_same_wherever_it_lies_and_another_for_any_change(bundle: Path, tmp_path: Path) -> None:
    before = verify_whole(bundle)
    copy = Path(shutil.copytree(bundle, tmp_path / "copy"))
    assert verify_whole(copy) == before
    (copy / "README.md").write_text("card")
    assert verify_whole(copy).digest != before.digest
    manifest = bundle / "manifest.json"
    manifest.write_text(manifest.read_text() + "\n")
    assert verify_whole(bundle).digest != before.digest


def test_pages_of_backends_are_part_of_it(bundle: Path) -> None:
    before = verify_whole(bundle)
    (bundle / "onnx" / "README.md").write_text("how to build an engine")
    assert verify_whole(bundle).files == before.files + 1 and verify_whole(bundle).digest != before.digest
    (bundle / "onnx" / "README.md").unlink()
    (bundle / "onnx" / "README.md").symlink_to(bundle / "manifest.json")
    with pytest.raises(InputError, match=r"'onnx/README\.md' is not in the manifest"):
        verify_whole(bundle)


@pytest.mark.parametrize("name", ["more.bin", "onnx/more.onnx", "openvino/.hidden", "reference/deep/er"])
def test_what_is_not_in_the_manifest_is_refused(bundle: Path, name: str) -> None:
    (bundle / name).parent.mkdir(exist_ok=True)
    (bundle / name).write_text("x")
    with pytest.raises(InputError, match=rf"'{name}' is not in the manifest: remove it"):
        verify_whole(bundle)


@posix
def test_links_and_pipes_are_refused(bundle: Path) -> None:
    (bundle / "link").symlink_to(bundle / "onnx", target_is_directory=True)
    with pytest.raises(InputError, match="'link' is not in the manifest"):
        verify_whole(bundle)
    (bundle / "link").unlink()
    listed = bundle / "reference" / "model.safetensors"
    listed.unlink()
    os.mkfifo(listed)
    with pytest.raises(InputError, match="it is a pipe, not a file"):
        verify_whole(bundle)


def test_a_changed_and_a_missing_file_are_refused(bundle: Path) -> None:
    listed = bundle / "reference" / "model.safetensors"
    listed.write_bytes(b"Weights")
    with pytest.raises(InputError, match="was changed after it was written"):
        verify_whole(bundle)
    listed.unlink()
    with pytest.raises(InputError, match="cannot read"):
        verify_whole(bundle)


def test_engines_built_here_are_allowed_by_name_and_no_part_of_the_digest(bundle: Path) -> None:
    before = verify_whole(bundle).digest
    engine = bundle / "onnx" / "fp32-16x16.sm87.engine"
    engine.write_bytes(b"native code")
    with pytest.raises(InputError, match=r"sm87\.engine' is not in the manifest"):
        verify_whole(bundle)
    whole = verify_whole(bundle, engines=True)
    assert whole.digest == before and whole.engines == ("onnx/fp32-16x16.sm87.engine",)


def test_another_digest_is_refused(bundle: Path) -> None:
    whole = verify_whole(bundle)
    require_digest(whole, f" {whole.digest.upper()}\n", bundle)
    with pytest.raises(InputError, match="it is another one"):
        require_digest(whole, "0" * 64, bundle)
    with pytest.raises(InputError, match="64 hexadecimal digits"):
        require_digest(whole, whole.digest[:12], bundle)


def test_the_verb(bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digest = verify_whole(bundle).digest
    assert main(["verify", str(bundle), "--digest", digest]) == 0
    out, err = capsys.readouterr()
    assert out == f"{digest}  {bundle}\n" and "the digest is the one that was expected" in err
    assert main(["verify", str(bundle), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["digest"] == digest and facts["compared"] is False and facts["engines"] == []
    assert main(["verify", str(bundle), "--digest", "f" * 64]) == 2
    out, err = capsys.readouterr()
    assert not out and err.startswith("dlgsanet: expected a bundle of digest fff")


def test_a_package_with_a_file_more_is_not_opened(packages: Path) -> None:
    from runtimes.backends.coreml.reference import read_package

    artifact = read_manifest(packages).artifacts[0]
    read_package(packages, artifact)
    (packages / artifact.path / "Data" / "more").write_text("x")
    with pytest.raises(InputError, match="is not in the manifest"):
        read_package(packages, artifact)


def test_an_ir_with_a_file_more_is_not_opened(bundle: Path) -> None:
    pytest.importorskip("openvino")
    (bundle / "openvino" / "fp32-16x16.mapping").write_text("x")
    with pytest.raises(InputError, match="is not in the manifest"), open_runner(bundle, "openvino-fp32-16x16"):
        pytest.fail("it must not open")
