"""Which artifact of a bundle upscales, where none was named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from dlgsanet.errors import UnavailableError
from runtimes import open_runner
from runtimes.bundle.manifest import read_manifest
from runtimes.runner.contract import Runner, RunOptions

Say = Callable[[str], None]


@contextmanager
def chosen_runner(bundle: Path, prefix: str | None, options: RunOptions, say: Say) -> Iterator[Runner]:
    """Open the artifact that `prefix` means, or the first of the bundle that this machine can run as it is
    meant.

    `say` gets one line with the choice. Without a prefix an artifact is passed over, with its reason said,
    when its backend or device is missing here or the engine changes its precision. Raises as `open_runner`,
    and UnavailableError when none can run.
    """
    if prefix is not None:
        with open_runner(bundle, prefix, device=options.device, threads=options.threads) as run:
            if run.info.precision_mismatch:
                say(f"note: {run.info.precision_mismatch}")
            yield run
        return
    families = dict.fromkeys(artifact.family for artifact in read_manifest(bundle).artifacts)
    reasons = []
    for family in families:
        with ExitStack() as stack:
            try:
                runner = open_runner(bundle, family, device=options.device, threads=options.threads)
                run = stack.enter_context(runner)
                reason = run.info.precision_mismatch
            except UnavailableError as error:
                reason = str(error)
            if reason is None:
                say(f"using {run.info.artifact} on {run.info.device} ({run.info.reported_precision})")
                yield run
                return
        reasons.append(reason)
        say(f"passed over {family}: {reason}")
    raise UnavailableError(f"no artifact of '{bundle}' can run here: {'; '.join(reasons) or 'it has none'}")
