from __future__ import annotations

import threading

import pytest

from sandbox.hosts import database, magento, releases, shares
from sandbox.repositories.bundle import zipped
from sandbox.repositories.git import files_of
from sandbox.world import Fault
from tests.sandbox.hosts_fixtures import Ground, ground, until

__all__ = ["ground"]


def newer_code(ground: Ground, host: str = "fe-1") -> None:
    """Puts master's tree in place on one host, as a deployment without container commands would."""
    made = ground.repositories
    releases.unpack(zipped(files_of(made.path("magento"), made.head("magento", "master"))), ground.host(host).app)
    for export, point in shares.SHARES.items():
        shares.mount(ground.world, ground.host(host), export, point)


def test_maintenance_is_a_flag_of_one_host(ground: Ground) -> None:
    flag = ground.host().app / "var/.maintenance.flag"
    assert ground.magento("maintenance:enable") == (0, "Enabled maintenance mode\n")
    assert flag.exists()
    assert ground.magento("maintenance:status") == (0, "Status: maintenance mode is active\nList of exempt IP-addresses: none\n")
    assert not (ground.host("fe-2").app / "var/.maintenance.flag").exists()
    assert ground.magento("maintenance:disable") == (0, "Disabled maintenance mode\n")
    assert not flag.exists()
    assert ground.magento("maintenance:disable")[0] == 0
    assert ground.magento("maintenance:status") == (0, "Status: maintenance mode is not active\nList of exempt IP-addresses: none\n")


def test_exempt_addresses(ground: Ground) -> None:
    code, printed = ground.magento("maintenance:enable", "--ip=192.0.2.1", "--ip=192.0.2.2")
    assert (code, printed) == (0, "Enabled maintenance mode\nSet exempt IP-addresses: 192.0.2.1, 192.0.2.2\n")
    assert ground.magento("maintenance:allow-ips", "192.0.2.3", "--add") == (0, "Set exempt IP-addresses: 192.0.2.1 192.0.2.2 192.0.2.3\n")
    assert ground.magento("maintenance:allow-ips", "--none") == (0, "Set exempt IP-addresses: none\n")
    assert ground.magento("maintenance:enable", "--ip=nonsense") == (1, "Invalid IP nonsense\n")


def test_up_to_date(ground: Ground) -> None:
    assert ground.magento("setup:db:status") == (0, "All modules are up to date.\n")
    assert ground.magento("app:config:status") == (0, "Config files are up to date.\n")
    assert ground.magento("app:config:import") == (0, "Nothing to import.\n")


def test_newer_code_needs_an_upgrade_which_any_host_does_for_all(ground: Ground) -> None:
    newer_code(ground, "fe-1")
    code, printed = ground.magento("setup:db:status")
    assert code == 2
    assert printed.startswith("Declarative Schema is not up to date\n")
    assert printed.endswith("Run 'setup:upgrade' to update your DB schema and data.\n")
    code, printed = ground.magento("setup:upgrade", "--keep-generated")
    assert code == 0
    assert "Module 'Client_StoreLocator':" in printed
    assert "Nothing to import." in printed
    assert ground.magento("setup:db:status")[0] == 0
    assert ground.magento("setup:db:status", host="fe-2")[0] == 2  # the old code, with the new database
    assert ground.magento("setup:db:status", host="pp-fe-1")[0] == 0  # another database


def test_upgrade_without_keep_generated_empties_the_share(ground: Ground) -> None:
    share = shares.share(ground.world, "prod", "magento-statics")
    assert ground.magento("setup:upgrade", "--keep-generated")[0] == 0
    assert (share / "deployed_version.txt").exists()
    code, printed = ground.magento("setup:upgrade")
    assert code == 0
    assert "/var/app/current/pub/static/frontend" in printed
    assert [path.name for path in share.iterdir()] == [".htaccess"]


def test_a_database_that_is_away(ground: Ground) -> None:
    ground.world.faults.add(Fault("database-down", times=-1))
    assert ground.magento("setup:db:status")[0] == 1
    assert ground.magento("setup:upgrade", "--keep-generated")[0] == 1


def test_static_content_writes_its_version_first(ground: Ground) -> None:
    share = shares.share(ground.world, "prod", "magento-statics")
    style = share / "frontend/Client/dlm/fr_FR/css/styles-m.css"
    style.unlink()
    ground.world.clock.speed = 20
    argv = ("setup:static-content:deploy", "--force", "--area", "frontend", "--theme", "Client/dlm", "--content-version=4711", "fr_FR")
    answers: list[tuple[int, str]] = []
    deploying = threading.Thread(target=lambda: answers.append(ground.magento(*argv)))
    deploying.start()
    until(lambda: (share / "deployed_version.txt").read_text() == "4711")
    assert not style.exists()
    ground.world.clock.speed = 4000
    deploying.join(20)
    code, printed = answers[0]
    assert code == 0
    assert style.exists()
    assert printed.startswith("\nDeploy using quick strategy\nfrontend/Client/dlm/fr_FR")
    assert "\x1b[1A\x1b[2K" in printed
    assert "52% %" in printed
    assert printed.endswith("Execution time: 93.41\n")


def test_admin_statics_in_two_languages(ground: Ground) -> None:
    code, printed = ground.magento("setup:static-content:deploy", "--force", "--area", "adminhtml", "en_US", "fr_FR")
    assert code == 0
    assert "adminhtml/Magento/backend/en_US" in printed
    assert "adminhtml/Magento/backend/fr_FR" in printed
    assert "frontend" not in printed


@pytest.mark.parametrize("dashed", ["–force", "–area"])
def test_an_en_dash_is_taken_for_a_language(ground: Ground, dashed: str) -> None:
    version = (ground.host().app / "pub/static/deployed_version.txt").read_text()
    code, printed = ground.magento("setup:static-content:deploy", dashed, "fr_FR")
    assert code == 1
    assert dashed in printed
    assert (ground.host().app / "pub/static/deployed_version.txt").read_text() == version


def test_cache_flush_names_each_type(ground: Ground) -> None:
    code, printed = ground.magento("cache:flush")
    assert code == 0
    assert printed.splitlines()[:4] == ["Flushed cache types:", "config", "layout", "block_html"]
    assert ground.magento("cache:clean", "config") == (0, "Cleaned cache types:\nconfig\n")
    assert ground.magento("cache:flush", "nonsense")[0] == 1


def test_looking_commands(ground: Ground) -> None:
    assert ground.magento("--version") == (0, "Magento CLI 2.4.6-p1\n")
    assert ground.magento("deploy:mode:show")[1].startswith("Current application mode: production.")
    assert ground.magento("module:status", "Client_Pim") == (0, "Module is enabled\n")
    assert ground.magento("module:status", "Client_Nope") == (0, "Module does not exist\n")
    assert "List of disabled modules:\nNone" in ground.magento("module:status")[1]
    assert "| Ready " in ground.magento("indexer:status")[1]
    assert ground.magento("cron:run")[0] == 0
    assert ground.magento("nonsense")[0] == 1


def test_enabling_a_module_changes_the_list_once(ground: Ground) -> None:
    assert ground.magento("module:enable", "Client_Pim") == (0, "No modules were changed.\n")
    config = ground.host().app / "app/etc/config.php"
    config.write_text(config.read_text().replace("'Client_Pim' => 1", "'Client_Pim' => 0"))
    assert "- Client_Pim" in ground.magento("module:enable", "Client_Pim")[1]
    assert database.enabled_modules(ground.host().app)["Client_Pim"] is True


def test_a_full_disk_stops_compiling(ground: Ground) -> None:
    assert ground.magento("setup:di:compile")[0] == 0
    ground.world.faults.add(Fault("disk-full", "fe-1", -1))
    code, printed = ground.magento("setup:di:compile")
    assert code == 1
    assert "No space left on device" in printed
    assert ground.magento("setup:di:compile", host="fe-2")[0] == 0


def test_a_fault_that_names_the_command_strikes_it_once(ground: Ground) -> None:
    ground.world.faults.add(Fault("command-fails", "fe-1", options={"command": "cache:flush", "reason": "Redis went away"}))
    assert ground.magento("cache:clean")[0] == 0
    assert ground.magento("cache:flush", host="fe-2")[0] == 0
    assert ground.magento("cache:flush") == (1, "Redis went away\n")
    assert ground.magento("cache:flush")[0] == 0


def test_a_killed_command_stops(ground: Ground) -> None:
    ground.world.clock.speed = 1
    with pytest.raises(magento.Killed):
        magento.run(ground.world, ground.host(), ground.host().app, ["setup:upgrade"], lambda text: None, killed=lambda: True)
