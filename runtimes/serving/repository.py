"""`repository`: a bundle in, a folder that a model server is pointed at out, or nothing."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from dlgsanet.errors import InputError, unknown
from dlgsanet.storage import json_text
from dlgsanet.storage.atomic import new_directory
from runtimes.bundle.integrity import files_inside, verify
from runtimes.bundle.manifest import Artifact, Manifest, choose, read_manifest
from runtimes.bundle.replaceable import require_nothing_besides
from runtimes.runner.ports import ARRAY
from runtimes.runner.tile_pictures import tile_pictures
from runtimes.serving import ovms, triton
from runtimes.serving.deployed import Deployed, Passed, Repository, require_some
from runtimes.serving.guide import guide
from runtimes.serving.options import RepositoryOptions

VERSION = "1"
MARKER = "repository.md"
"""What tells a repository of ours, for --force; its last line names all other files."""

_FILES = re.compile(r"^<!-- files: (.*) -->$", re.MULTILINE)

_MODELS: Mapping[str, Callable[[Manifest, Path, Artifact], Iterator[Deployed | Passed]]] = {
    triton.SERVER: triton.triton_models,
    ovms.SERVER: ovms.ovms_models,
}
_WRITE: Mapping[str, Callable[[Repository, Path], None]] = {
    triton.SERVER: triton.write_triton,
    ovms.SERVER: ovms.write_ovms,
}


def plan_repository(options: RepositoryOptions) -> Repository:
    """Read what is to be served. Raises InputError for a server, bundle or artifact that there is not, for files that
    were changed, and where nothing of the bundle can be served there."""
    if options.server not in _MODELS:
        raise unknown("server", options.server, _MODELS)
    manifest = read_manifest(options.bundle)
    artifacts = choose(manifest, options.artifacts)
    found = [one for it in artifacts for one in _models(options, manifest, it)]
    models = tuple(one for one in found if isinstance(one, Deployed))
    passed = tuple(one for one in found if isinstance(one, Passed))
    require_some(models, passed, options.server)
    for model in models:
        verify(options.bundle, model.artifact.files)
    tiles = {model.artifact.tile for model in models}
    warm = tile_pictures(options.bundle, manifest, tiles)
    return Repository(manifest, options.bundle, options.server, models, passed, options.instances, warm)


def _models(options: RepositoryOptions, manifest: Manifest, artifact: Artifact) -> Iterator[Deployed | Passed]:
    """Of one artifact, as its server has them."""
    if artifact.input.layout != ARRAY or artifact.output.layout != ARRAY:
        yield Passed(artifact, "it takes pictures of 8 bits, which no server of the protocol is told of")
    else:
        yield from _MODELS[options.server](manifest, options.bundle, artifact)


def write_repository(repository: Repository, output: Path, force: bool = False) -> None:
    """Write it whole, or nothing. Raises InputError (place) and UnavailableError (a server's schema is missing)."""
    with new_directory(output, force, require_repository_alone) as folder:
        for model in repository.models:
            version = folder / model.name / VERSION
            version.mkdir(parents=True)
            for name, source in model.files.items():
                shutil.copyfile(source, version / name)
        _WRITE[repository.server](repository, folder)
        names = sorted(path.relative_to(folder).as_posix() for path in files_inside(folder))
        (folder / MARKER).write_text(f"{guide(repository)}<!-- files: {json.dumps(names)} -->\n", encoding="utf-8")


def require_repository_alone(folder: Path) -> None:
    """Raise InputError unless a folder is a repository of this command and holds no file besides."""
    place = folder / MARKER
    found = _FILES.search(place.read_text(encoding="utf-8", errors="replace")) if place.is_file() else None
    if found is None:
        said = f"{folder} holds no {MARKER} that lists its files, so --force will not replace it"
        raise InputError(f"{said}; choose another name")
    names = json_text.parse(found[1], MARKER, "choose another name")
    listed = {name for name in names if isinstance(name, str)} if isinstance(names, list) else set()
    require_nothing_besides(folder, {MARKER, *listed})
