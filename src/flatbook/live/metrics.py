"""What Prometheus may ask of a live desk. Names begin with `flatbook_`, units end them.

Counters and the histogram are touched as things happen, a few microseconds each; everything else is set once a publication.
Source: prometheus.io/docs/practices/naming.
"""

from collections.abc import Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from flatbook.live.snapshot import DeskStanding, Snapshot

_LATENCY_S = (
    50e-6, 100e-6, 200e-6, 300e-6, 500e-6, 750e-6, 1e-3, 1.5e-3, 2e-3, 3e-3, 5e-3, 7.5e-3, 10e-3, 20e-3, 50e-3, 0.1, 0.25, 1.0,
)  # fmt: skip
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Metrics:
    """One desk's, in a registry of its own."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.registry = registry
        self.tick_to_decision = Histogram(
            "flatbook_tick_to_decision_seconds",
            "From the arrival of the oldest news of a cycle until its commands left",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.commit = Histogram(
            "flatbook_journal_commit_seconds",
            "From the end of a batch until it was durable",
            buckets=_LATENCY_S,
            registry=registry,
        )
        self.cycles = Counter("flatbook_cycles", "Cycles decided", ["kind"], registry=registry)
        self.facts = Counter("flatbook_facts", "Facts folded", registry=registry)
        self.commands = Counter("flatbook_commands", "Commands that left", ["kind"], registry=registry)
        self.fills = Counter("flatbook_fills", "Fills of ours", registry=registry)
        self.rejects = Counter("flatbook_rejects", "Orders that a venue rejected", registry=registry)
        self.held_back = Counter(
            "flatbook_held_back", "Commands that the gate or a lost session held back", registry=registry
        )
        self.line_losses = Counter("flatbook_line_losses", "Lines that broke", ["line"], registry=registry)
        self.queue_depth = Gauge("flatbook_queue_depth", "Messages that wait", ["queue"], registry=registry)
        self.joined = Gauge(
            "flatbook_market_data_joined", "Feed messages joined into newer ones, so far", registry=registry
        )
        self.staleness = Gauge(
            "flatbook_price_age_seconds", "Age of an underlying's price", ["underlying"], registry=registry
        )
        self.utilisation = Gauge(
            "flatbook_limit_utilisation_ratio",
            "Of the limit in force; NaN: unknown",
            ["limit"],
            registry=registry,
        )
        self.journal_sequence = Gauge(
            "flatbook_journal_sequence", "Number of the last durable record", registry=registry
        )
        self.journal_lag = Gauge(
            "flatbook_journal_lag_records", "Records that are not durable yet", registry=registry
        )
        self.clock_jumps = Gauge(
            "flatbook_clock_jumps", "Jumps of the machine's clock, so far", registry=registry
        )
        self.clock_offset = Gauge(
            "flatbook_clock_offset_seconds", "Wall clock less the desk's", registry=registry
        )
        self.log_dropped = Gauge(
            "flatbook_log_lines_dropped", "Lines that a full queue refused", registry=registry
        )
        self.standing = Gauge(
            "flatbook_standing", "1 for the standing of the desk", ["standing"], registry=registry
        )

    def see(self, snapshot: Snapshot) -> None:
        """Take over what a publication tells."""
        cycle = snapshot.cycle
        for name, depth in snapshot.queues.items():
            self.queue_depth.labels(name).set(depth)
        for one in cycle.standing.limits:
            self.utilisation.labels(one.limit.name).set(one.utilisation)
        market = cycle.market
        for name, seen_ns in zip(market.table.underlyings, market.spot_ns.tolist(), strict=False):
            age_s = (snapshot.at_ns - seen_ns) / 1e9 if seen_ns else float("nan")
            self.staleness.labels(name).set(age_s)
        for standing in DeskStanding:
            self.standing.labels(standing.value).set(1.0 if standing == snapshot.standing else 0.0)
        self.journal_sequence.set(snapshot.journal_sequence)

    def text(self, extra: Mapping[str, str] | None = None) -> bytes:
        """Everything, in Prometheus' text format; `extra` are comments."""
        comments = "".join(f"# {key} {value}\n" for key, value in (extra or {}).items())
        return comments.encode() + generate_latest(self.registry)
