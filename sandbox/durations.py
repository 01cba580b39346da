"""How long simulated things take, in simulated seconds: the one reviewed table, the same for every strategy.

`--speed N` divides these and nothing else; timestamps are always the wall clock's.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Durations:
    """Simulated seconds. The comment behind each says where the figure is from."""

    update_begins: float = 5  # "Environment update is starting." -> "Deploying new version": 4-6 s seen in public logs
    batch_begins: float = 2  # -> "Batch 1: Starting application deployment": 2 s seen
    drain: float = 20  # DeregistrationDelay's default; 13-36 s seen. An environment's own option is what counts
    between_batches: float = 1  # seen
    unzip: float = 8  # a 420 MB tree on a small instance; believed
    flip: float = 3  # 01_flip.sh and the restart of the web server; believed
    setup_upgrade: float = 180  # believed; 15 s to 5 min reported
    di_compile: float = 60  # believed
    composer_install: float = 40  # from a warm cache; believed
    publish_statics: float = 15  # five thousand small files onto the share; believed
    static_frontend: float = 93  # "Execution time: 93.41" of a real run
    static_admin: float = 75  # believed
    schema_update: float = 6  # doctrine:schema:update of a small application; believed
    cache_flush: float = 2  # believed
    snapshot: float = 120  # of a database with a day of changes since the last; believed
    magento_start: float = 1.2  # bootstrapping the CLI: `bin/magento maintenance:*`; believed
    target_healthy: float = 45  # HealthyThresholdCount 3 x HealthCheckInterval 15 s
    healthy_checks: float = 120  # 12 consecutive checks, one in 10 s
    command_timeout: float = 600 + 240  # Timeout's default, and what Beanstalk adds
    health_settles: float = 79  # Info -> Ok after an update: 1-2 min
    configuration_update: float = 30  # health options without new instances: "seconds to minutes"; believed
    restart: float = 7  # "Application restart completed … and took 7 seconds", seen
    log_request: float = 8  # believed
    vpn_status_file: float = 60  # the second word of `status`
    vpn_reconnect: float = 30  # a client that was put out tries again; --connect-retry and its back-off, believed
    # A page that takes long, an export for one; believed. A leaving host gets no new requests; what is under way there when its draining
    # ends is cut (ELB's user guide, "Deregistration delay")
    long_page: float = 45
    idle_timeout: float = 60  # the load balancer waits no longer for an answer: the attribute's default


DURATIONS = Durations()
