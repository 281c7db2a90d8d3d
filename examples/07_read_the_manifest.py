"""What a bundle says about itself: where it comes from, what was rewritten, and how far that may be from the source."""

from runtimes.bundle.manifest import read_manifest

manifest = read_manifest("bundle")
print(f"x{manifest.scale} from {manifest.source.name}, {manifest.source.sha256[:12]}")
for artifact in manifest.artifacts:
    print(artifact.id, artifact.path, f"{len(artifact.files)} files, lowering {artifact.lowering}")
    print("  rewritten by", ", ".join(artifact.rewrites))
