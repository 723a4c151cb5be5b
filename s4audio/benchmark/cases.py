"""What is measured, as plain data, and what came out of it."""

from dataclasses import dataclass, field
from statistics import median
from typing import Any, Literal

Precision = Literal["float32", "bfloat16", "float64"]


@dataclass(frozen=True)
class Case:
    """One measurement, all of it plain JSON, so that another process can make it.

    Attributes:
        name: row of the table; rows of one name in a group are one line of the plot.
        subject: module of `s4audio.benchmark.subjects` that builds what is measured.
        parameters: what the subject is built from, such as batch, channels and length.
        threads: threads of torch, OpenMP and MKL.
        dtype: ``float32``, ``float64``, or ``bfloat16`` for a forward under autocast.
        keeps_memory: whether freed memory stays with the process (`s4audio.allocator`), as in the
            commands.
        judge: its outputs and gradients are what the other cases of the group are compared with.
        timed: False for a judge that is run forward once and does not show in the table.
        gigabytes: memory it is known to need above an idle process; where less is free, it is not
            started.
    """

    name: str
    subject: str
    parameters: dict[str, Any]
    threads: int = 1
    dtype: Precision = "float32"
    keeps_memory: bool = True
    judge: bool = False
    timed: bool = True
    gigabytes: float = 0.0

    @property
    def length(self) -> int:
        """Time steps of the input or of the kernel."""
        return int(self.parameters["length"])

    @property
    def samples(self) -> int:
        """Time steps of the whole batch; where tokens are generated, only those."""
        steps = int(self.parameters.get("tokens", self.length))
        return steps * int(self.parameters.get("batch", 1))


@dataclass(frozen=True)
class Group:
    """Cases that are compared with each other: one table.

    Attributes:
        suite: suite it belongs to.
        title: title of the table.
        cases: the first is what ratios refer to; in a group with a picture, the first of the same
            name, and in one of tokens, the first of the same length.
        per_sample: ratios are those of a sample, because the cases differ in length or batch.
        plot: name of a picture of time and memory against length, or empty for none.
        tokens: the cases generate tokens, and their length is the context before them; the picture
            shows tokens a second.
    """

    suite: str
    title: str
    cases: tuple[Case, ...]
    per_sample: bool = False
    plot: str = ""
    tokens: bool = False


@dataclass(frozen=True)
class Measurement:
    """What one process measured.

    Attributes:
        forward: seconds of each forward.
        total: seconds of each step: forward, backward and what else belongs to it.
        peak_rss: largest resident memory of the process in bytes; None where the system does not
            tell.
        above_baseline: the same above what was resident before the first step, when libraries were
            loaded and parameters and inputs made.
        memory_source: ``VmHWM`` (reset before the first step) or ``ru_maxrss`` (since the start).
    """

    forward: list[float]
    total: list[float]
    peak_rss: int | None
    above_baseline: int | None
    memory_source: str


@dataclass(frozen=True)
class Row:
    """A case with what all its processes measured.

    Attributes:
        case: the case.
        rounds: one measurement for each process.
        error: largest difference of the output from the judge's over the judge's largest value.
        gradient_errors: the same for the gradient of each parameter.
        failure: why there is no measurement, or empty.
    """

    case: Case
    rounds: tuple[Measurement, ...] = ()
    error: float | None = None
    gradient_errors: dict[str, float] = field(default_factory=dict)
    failure: str = ""

    @property
    def seconds(self) -> list[float]:
        """Times of all steps of all processes."""
        return [seconds for measured in self.rounds for seconds in measured.total]

    @property
    def median(self) -> float:
        """Median time of a step in seconds."""
        return median(self.seconds)

    @property
    def gradient_error(self) -> float | None:
        """Gradient error of the parameter where it is largest."""
        return max(self.gradient_errors.values(), default=None)

    @property
    def peak_rss(self) -> int | None:
        """Largest resident memory over the processes, in bytes."""
        return _largest([measured.peak_rss for measured in self.rounds])

    @property
    def above_baseline(self) -> int | None:
        """Largest memory above the baseline over the processes, in bytes."""
        return _largest([measured.above_baseline for measured in self.rounds])

    @property
    def drift(self) -> float:
        """Slowest over fastest round, by their medians; 1 for a quiet machine."""
        medians = [median(measured.total) for measured in self.rounds]
        return max(medians) / min(medians)


@dataclass(frozen=True)
class GroupResult:
    """A group with its rows, in the order of its cases."""

    group: Group
    rows: tuple[Row, ...]

    @property
    def shown(self) -> tuple[Row, ...]:
        """The rows of the table: all but judges that are not timed."""
        return tuple(row for row in self.rows if row.case.timed)

    def reference(self, row: Row) -> Row | None:
        """The row that ratios of `row` refer to, or None if it failed."""
        if self.group.tokens:
            length = row.case.length
            first = next(other for other in self.shown if other.case.length == length)
        else:
            name = row.case.name if self.group.plot else self.shown[0].case.name
            first = next(other for other in self.shown if other.case.name == name)
        return None if first.failure else first

    def ratio(self, row: Row) -> float | None:
        """Time over the time of the reference; of a sample if the group says so."""
        reference = self.reference(row)
        if reference is None or row.failure:
            return None
        scale = reference.case.samples / row.case.samples if self.group.per_sample else 1.0
        return row.median / reference.median * scale


def _largest(values: list[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return max(known) if known else None
