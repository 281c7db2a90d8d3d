"""Tables of the studies, each made by the study that measured it."""

from __future__ import annotations

from benchmarks.records.latency import LatencyRecord
from benchmarks.records.result_file import ResultFile
from benchmarks.studies import basis_rank, file_sizes, lowering_ablation
from benchmarks.studies.exports import second
from benchmarks.studies.gpu import rtx_kernels
from benchmarks.studies.int8 import layer_scan, nncf_settings, on_text, page_limits
from benchmarks.studies.peers import plane, video_speed
from benchmarks.studies.planted_faults import cost as probe_cost
from benchmarks.studies.planted_faults import study as planted_faults
from benchmarks.studies.tiles import frames as tile_frames
from benchmarks.studies.tiles import overlap as tile_overlap
from benchmarks.studies.tiles import sizes as tile_sizes
from benchmarks.studies.training import schedule, speed
from benchmarks.studies.upscale import fleet as upscale_fleet
from benchmarks.studies.upscale import image_sizes
from benchmarks.studies.upscale import opening as upscale_opening
from benchmarks.studies.upscale import pipeline as upscale_pipeline
from benchmarks.studies.upscale import served as upscale_served
from benchmarks.studies.upscale import start as upscale_start
from benchmarks.studies.zoo import study as zoo_study
from docs.tables.results import results, studies, study
from tests.fuzz import counts, kill_counts


def lowerings() -> str:
    """Forms of the dynamic convolution."""
    return lowering_ablation.table(study(lowering_ablation.Ablation, "ablation-lowerings-tiny-x4.json"))


def passes() -> str:
    """Every rewriting pass left out."""
    return lowering_ablation.table(study(lowering_ablation.Ablation, "ablation-passes-tiny-x4.json"))


def int8_layers() -> str:
    """What each kind of layer loses and gains in INT8."""
    return layer_scan.roles_table(studies(layer_scan.LayerScan, "int8-layers-*.json"))


def int8_choices() -> str:
    """The sets of layers that the searches ended with."""
    return layer_scan.candidates_table(studies(layer_scan.LayerScan, "int8-layers-*.json"))


def int8_trials() -> str:
    """Other settings of NNCF."""
    return nncf_settings.table(studies(nncf_settings.NncfSettings, "nncf-*.json"))


def int8_text() -> str:
    """INT8 on text, by the share of drawn pages among the calibration tiles."""
    return on_text.table(studies(on_text.Int8OnText, "int8-text-*.json"))


def int8_page_limits() -> str:
    """Layers that a limit on drawn pages leaves, and what it gives on other pages."""
    return page_limits.table(studies(page_limits.PageLimits, "page-limits-*.json"))


def fuzzing() -> str:
    """What the last whole run of `make fuzz` found."""
    return counts.fuzz_table(study(counts.FuzzCounts, "fuzz.json").rows)


def killing() -> str:
    """What the last whole run of `make kill` found."""
    return kill_counts.kill_table(study(kill_counts.KillCounts, "kills.json").rows)


def killing_going_on() -> str:
    """What 200 kills of folders and videos found, whose next run goes on."""
    return kill_counts.kill_table(study(kill_counts.KillCounts, "kills-going-on.json").rows)


def videos() -> str:
    """Frames a second of the whole way, the engine alone, and vs-mlrt."""
    return video_speed.table(studies(video_speed.VideoSpeed, "video-speed-*.json"))


def overlap() -> str:
    """What tiling costs, by tile and overlap."""
    return tile_overlap.table(studies(tile_overlap.TileOverlap, "overlap-*.json"))


def frames() -> str:
    """What whole frames cost in the tiles chosen for them."""
    return tile_frames.table(studies(tile_frames.FrameCosts, "frames-*.json"))


def pipeline() -> str:
    """What upscaling pictures costs beside the engine, machine after machine."""
    found = studies(upscale_pipeline.PipelineCost, "upscale-pipeline-*.json")
    return "\n\n".join(upscale_pipeline.table(cost) for cost in found)


def second_exports() -> str:
    """What the second export of a network takes, against the first."""
    return second.table(studies(second.SecondExport, "export-second-*.json"))


def upscale_starts() -> str:
    """How soon upscaling has its first tile."""
    return upscale_start.table(studies(upscale_start.StartTimes, "upscale-start-*.json"))


def upscale_openings() -> str:
    """What opening takes, anew and from what was kept."""
    return upscale_opening.table(studies(upscale_opening.OpeningTimes, "opening-*.json"))


def fleet_nodes() -> str:
    """Nodes of a cluster against one, and the simulation."""
    return upscale_fleet.nodes_table(study(upscale_fleet.FleetNodes, "fleet-nodes.json"))


def fleet_actors() -> str:
    """Two actors of one thread against a process of two."""
    return upscale_fleet.actors_line(study(upscale_fleet.FleetActors, "fleet-actors.json"))


def fleet_start() -> str:
    """How soon a large job has its first result."""
    return upscale_fleet.start_line(study(upscale_fleet.FleetStart, "fleet-start.json"))


def images() -> str:
    """What a container's image holds."""
    return image_sizes.table(study(image_sizes.ImageSizes, "image-sizes.json"))


def served() -> str:
    """What a model server on the same machine costs."""
    return upscale_served.line(study(upscale_served.ServedTile, "served-nano-x4.json"))


def training() -> str:
    """Images a second of a training step, in the plain and the fused form."""
    return speed.table(study(speed.TrainingSpeed, "training-speed.json").rows)


def rtx() -> str:
    """What TensorRT-RTX makes of each lowering."""
    return rtx_kernels.table(study(rtx_kernels.RtxKernels, "rtx-kernels-tiny-x4.json").rows)


def tiles() -> str:
    """Time and memory of every tile that was benched, and how they grow."""
    (file,) = results("tiny-x4-tiles.json")
    records = file.of(LatencyRecord)
    return tile_sizes.table(records) + "\n\n" + tile_sizes.growth_table(records)


def sizes() -> str:
    """Artifacts on disk."""
    return file_sizes.table(study(file_sizes.FileSizes, "file-sizes.json").rows)


def inside() -> ResultFile:
    """What `check --ladder --blocks` said of nano x4."""
    return results("nano-x4-inside.json")[0]


def peers_plane() -> str:
    """Accuracy against time, ours and others', and who is better where."""
    found = study(plane.Plane, "plane-x4.json")
    return plane.table(found) + "\n\n" + " ".join(plane.sentences(found.points))


def ranks() -> str:
    """Bases with fewer filters."""
    return basis_rank.table(study(basis_rank.BasisRank, "basis-rank-nano-x4.json"))


def curves() -> str:
    """How the shipped networks learnt."""
    return schedule.table(study(schedule.Curves, "training-curves.json").curves)


def arms(name: str) -> str:
    """What one change of a schedule, or of the target, gains or loses."""
    return schedule.table(study(schedule.Curves, f"training-{name}.json").curves)


def probe_costs() -> str:
    """What the probes and figures cost `check`."""
    return probe_cost.table(studies(probe_cost.CheckCost, "probe-cost-*.json"))


def faults() -> str:
    """Planted faults by artifact."""
    return planted_faults.summary_table(study(planted_faults.PlantedFaults, "planted-faults.json"))


def each_fault() -> str:
    """Planted faults by fault."""
    return planted_faults.faults_table(study(planted_faults.PlantedFaults, "planted-faults.json"))


def zoo() -> str:
    """Architectures of others through every target."""
    return zoo_study.table(study(zoo_study.Zoo, "zoo.json"))


def zoo_reasons() -> str:
    """Why a cell of it does not pass."""
    return zoo_study.reasons_table(study(zoo_study.Zoo, "zoo.json"))
