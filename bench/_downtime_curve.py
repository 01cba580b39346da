"""What the table of durations says about both strategies: the curve of docs/strategies.md. `python -m bench._downtime_curve` prints it.

Pure arithmetic in the order of the plans, for one back office and `hosts` front ends; the console's own seconds are not in it.
"""

from __future__ import annotations

from dataclasses import replace

from sandbox.durations import DURATIONS, Durations

LONG = 10  # of a thousand requests


def as_written(table: Durations, hosts: int = 4) -> float:
    """From maintenance on to maintenance off. Both environments have a leader that migrates, and each host compiles and builds statics."""
    begins = table.update_begins + table.batch_begins
    front = _host(table, leader=True) + (hosts - 1) * (_host(table, leader=False) + table.between_batches)
    statics = table.static_frontend + table.static_admin + 2 * table.magento_start
    return begins + _host(table, leader=True) + begins + front + statics + table.cache_flush + 3 * table.magento_start


def window(table: Durations) -> float:
    """From the curtain to its opening: all hosts at once, one migration."""
    at_once = table.update_begins + table.batch_begins + table.unzip + table.magento_start + 1.5 * table.flip
    return 2 * at_once + table.setup_upgrade + table.cache_flush + 4 * table.magento_start


def roll(table: Durations, hosts: int = 4) -> float:
    """From the change of how long hosts drain to the end of the last environment's update, the shop being open.

    `table.drain` is the front end's: one back office alone is left at what it is.
    """
    host = 1 + table.drain + table.unzip + table.magento_start + 1.5 * table.flip + table.target_healthy + table.healthy_checks
    begins = table.configuration_update + 2 * (table.update_begins + table.batch_begins)
    return begins + (1 + hosts) * host - table.drain + DURATIONS.drain + (hosts - 1) * table.between_batches


def cut(table: Durations, hosts: int = 4) -> float:
    """Of a thousand requests that come evenly during `roll`, LONG of them for the page that takes long: each front end leaves once, and
    what came to it so late that it runs on when it has drained is cut. Nothing is, where it drains as long as the page takes.
    """
    return LONG * max(0.0, table.long_page - table.drain) / roll(table, hosts)


def _host(table: Durations, *, leader: bool) -> float:
    migration = table.setup_upgrade + table.magento_start if leader else 0.0
    commands = migration + table.di_compile + table.static_frontend + table.static_admin + 4 * table.magento_start
    return 1 + table.drain + table.unzip + commands + 1.5 * table.flip + table.target_healthy + table.healthy_checks


def rows() -> list[tuple[str, float, float]]:
    found = [(f"`setup:upgrade` {seconds} s", replace(DURATIONS, setup_upgrade=seconds), 4) for seconds in (15, 60, 180, 300, 600)]
    found += [
        (f"statics {seconds} + {round(seconds * 0.8)} s", replace(DURATIONS, static_frontend=seconds, static_admin=seconds * 0.8), 4)
        for seconds in (10, 300)
    ]
    found += [(f"{hosts} front ends", DURATIONS, hosts) for hosts in (1, 2, 8)]
    return [(said, as_written(table, hosts), window(table)) for said, table, hosts in found]


def cuts() -> list[tuple[str, float, float]]:
    """What is said, the seconds of a roll, and how many of a thousand requests fail."""
    found = [(f"draining {seconds} s", replace(DURATIONS, drain=seconds), 4) for seconds in (0, 10, 20, 30, 45, 60)]
    found += [(f"draining 60 s, {hosts} front ends", replace(DURATIONS, drain=60), hosts) for hosts in (2, 8)]
    return [(said, roll(table, hosts), cut(table, hosts)) for said, table, hosts in found]


if __name__ == "__main__":
    print("| With | as written | window | share |\n|---|---|---|---|")
    for said, written, closed in rows():
        print(f"| {said} | {written:,.0f} | {closed:.0f} | {closed / written:.2f} |")
    print("\n| With | a roll takes | of 1,000 requests fail |\n|---|---|---|")
    for said, seconds, failing in cuts():
        print(f"| {said} | {seconds:,.0f} s | {failing:.2f} |")
