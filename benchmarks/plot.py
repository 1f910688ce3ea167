"""The delivery figures as one picture: latency and CPU over the number of sockets."""

from pathlib import Path

from benchmarks.sample import Sample

PANELS = (
    ("p50_ms", "p50 latency, ms"),
    ("p99_ms", "p99 latency, ms"),
    ("cpu_us", "server CPU a delivery, µs"),
)


def plot(samples: list[Sample], path: Path) -> None:
    """Draw to ``path``, a PNG. Says what to install where matplotlib is missing."""
    try:
        import matplotlib
    except ImportError:
        print("No plot: matplotlib is missing. pip install -r requirements-bench.txt")
        return
    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, panels = pyplot.subplots(1, len(PANELS), figsize=(15, 4.5), layout="constrained")
    for axes, (value, label) in zip(panels, PANELS, strict=True):
        for server in dict.fromkeys(sample.case for sample in samples):
            own = [sample.values for sample in samples if sample.case == server]
            axes.plot(
                [values["sockets"] for values in own],
                [values[value] for values in own],
                marker="o",
                label=server,
                linewidth=3 if server.startswith("ours") else 1.5,
            )
        axes.set(xscale="log", yscale="log", xlabel="sockets, 20 events/s each", ylabel=label)
        sockets = sorted({sample.values["sockets"] for sample in samples})
        axes.set_xticks(sockets, [f"{number:,.0f}" for number in sockets])
        axes.minorticks_off()
        axes.grid(alpha=0.3)
    panels[0].legend()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
