"""A plan as a person reads it."""

from mdlcode.engines import Place
from mdlcode.experiments.plan import Plan, scheduled
from mdlcode.experiments.tables import Table

_NEAR_ENOUGH = 1.02  # to the longest training: more workers bring nothing
_MIB = 2**20


def plan_table(name: str, plan: Plan, place: Place, stated: bool) -> Table:
    """The wall time by number of workers; below it steps, operations, memory, bytes moved and the critical path."""
    alone = sum(plan.seconds) + plan.mixing_seconds
    rows = []
    for workers in _counts(plan, place):
        wall = plan.wall_seconds(workers, place.engine)
        gain = alone / wall if wall else 1.0
        rows.append((f"{workers:,}", duration(wall), f"{gain:,.2f} x", f"{100 * gain / workers:.0f} %"))
    return Table(_caption(name, plan, stated), ("workers", "wall time", "faster", "of each used"), tuple(rows))


def _counts(plan: Plan, place: Place) -> list[int]:
    """1, 2, 4, ... workers until more bring nothing, and those of the place."""
    longest, counts = max(plan.seconds), [1]
    while counts[-1] < len(plan.trainings) and scheduled(plan.seconds, counts[-1]) > _NEAR_ENOUGH * longest:
        counts.append(2 * counts[-1])
    return sorted({*counts, place.workers or 1})


def _caption(name: str, plan: Plan, stated: bool) -> str:
    steps, seconds = sum(each.steps for each in plan.trainings), plan.seconds
    last = max(range(len(seconds)), key=seconds.__getitem__)
    longest = plan.trainings[last]
    share = seconds[last] / (sum(seconds) or 1.0)
    many = "s" * (len(plan.trainings) > 1)
    lines = [
        f"{name}: {len(plan.trainings):,} training{many}, {steps:,} steps, {plan.flops:.3g} FLOPs",
        *_steps(plan, stated),
        f"memory of a worker: {plan.worker_bytes / _MIB:,.1f} MiB of tensors, {plan.data_bytes / _MIB:,.1f} of them the"
        f" inputs, which go to it once; {plan.piece_bytes / _MIB:,.1f} MiB go to and fro with all trainings",
        f"critical path: the training on {longest.num_labels:,} labels, {longest.steps:,} steps,"
        f" {duration(seconds[last])}, {100 * share:.0f} % of all work: no number of workers is faster",
    ]
    if plan.mixing_seconds:
        lines.append(f"calibration and mixture, by the command itself: {duration(plan.mixing_seconds)}")
    return "\n".join(lines)


def _steps(plan: Plan, stated: bool) -> list[str]:
    lines = []
    for learner, cost in plan.costs.items():
        kind = type(learner).__name__
        if cost is None:
            lines.append(f"{kind}: it has no steps that could be timed, and its time is not in the plan")
        else:
            how = "as you state" if stated else "measured here"
            lines.append(f"{kind}: {1e3 * cost.step_seconds:,.3g} ms a step {how}, {cost.step_flops:.3g} FLOPs")
    return lines


def duration(seconds: float) -> str:
    """Seconds as a person says them.

    >>> duration(0.25), duration(75.0), duration(7260.0), duration(200_000.0)
    ('0.2 s', '1 min 15 s', '2 h 1 min', '2 d 7 h')
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"
