"""In what a metric is measured, which GetMetricData does not say; and whether its absence means none.

Source: the list of metrics of each service in AWS's documentation.
"""

from __future__ import annotations

from monitoring.dashboards.definition import Line

_PERCENT = (
    "CPUUtilization",
    "EngineCPUUtilization",
    "MemoryUtilization",
    "DatabaseMemoryUsagePercentage",
    "RootFilesystemUtil",
    "5xxErrorRate",
)
_SECONDS = ("TargetResponseTime", "Latency", "ReadLatency", "WriteLatency", "ApplicationLatencyP90", "ReplicaLag", "ReplicationLag")
_BYTES = (
    "ProcessedBytes",
    "FreeableMemory",
    "FreeStorageSpace",
    "BytesUsedForCache",
    "TunnelDataIn",
    "TunnelDataOut",
    "NetworkIn",
    "NetworkOut",
)
_SPARSE = ("HTTPCode_", "RequestCount", "ProcessedBytes", "NewConnectionCount", "RejectedConnectionCount", "TargetConnectionErrorCount")


def unit(line: Line) -> str:
    """Empty for counts and where it is not known."""
    if line.statistic == "SampleCount":
        return ""
    if line.metric in _PERCENT:
        return "%"
    if line.metric in _SECONDS:
        return "s"
    return "B" if line.metric in _BYTES else ""


def is_zero_when_absent(line: Line) -> bool:
    """A balancer reports these only when there is something to count; anything else that is missing is a gap."""
    return line.namespace == "AWS/ApplicationELB" and line.statistic in ("Sum", "SampleCount") and line.metric.startswith(_SPARSE)
