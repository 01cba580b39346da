"""The repositories of the smaller applications (PIM, Custom Connection, Mirakl-HiPay connector): trees like Symfony's, and their past."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sandbox.repositories.git import Commit

Tree = dict[str, bytes]

_FIRST = datetime(2026, 9, 3, 8, 0, tzinfo=UTC)
_TEAM = "Integration team <integration@client.url>"
_CONSOLE = b"""#!/usr/bin/env php
<?php
require __DIR__ . '/../vendor/autoload.php';
$application = new Symfony\\Bundle\\FrameworkBundle\\Console\\Application(new App\\Kernel('prod', false));
$application->run();
"""
_INDEX = b"<?php\nrequire dirname(__DIR__) . '/vendor/autoload.php';\n(new App\\Kernel('prod', false))->handle();\n"


@dataclass(frozen=True, slots=True)
class Application:
    """`number` is that of the release that is deployed when the sandbox starts; `news` are commits after it."""

    title: str
    number: int
    entities: Mapping[str, tuple[str, ...]]
    past: tuple[tuple[str, Tree], ...]
    deployed: str
    news: tuple[tuple[str, Tree], ...]


def entity(name: str, columns: tuple[str, ...]) -> bytes:
    rows = "\n".join(f"    #[ORM\\Column] private string ${column};" for column in columns)
    return f"<?php\nnamespace App\\Entity;\n\n#[ORM\\Entity]\nclass {name}\n{{\n{rows}\n}}\n".encode()


def service(name: str, body: str = "") -> bytes:
    return f"<?php\nnamespace App\\Service;\n\nfinal class {name}\n{{\n    // {body}\n}}\n".encode()


APPLICATIONS: Mapping[str, Application] = {
    "pim": Application(
        "PIM",
        12,
        {"Product": ("sku", "name"), "Attribute": ("code", "label")},
        (("Import families from the supplier's file", {"src/Service/Families.php": service("Families")}),),
        "Export: only changed products",
        (
            ("Products: an eco-tax class", {"src/Entity/Product.php": entity("Product", ("sku", "name", "eco_tax_class"))}),
            ("Export: write the eco-tax class", {"src/Service/Export.php": service("Export", "sku, name, eco_tax_class")}),
        ),
    ),
    "custom-connection": Application(
        "Custom Connection",
        8,
        {"Shipment": ("number", "state"), "Transfer": ("name", "at")},
        (("Read pictures from the ftp folder", {"src/Service/Pictures.php": service("Pictures")}),),
        "Warehouse: retry orders that were refused",
        (("Warehouse: say which order was refused", {"src/Service/Warehouse.php": service("Warehouse", "the order's number")}),),
    ),
    "mirakl-cashout": Application(
        "Mirakl-HiPay connector",
        5,
        {"Operation": ("shop_id", "amount"), "Vendor": ("shop_id", "wallet")},
        (("Vendors: check the bank account before a transfer", {"src/Service/Vendors.php": service("Vendors")}),),
        "Cash-out: round per vendor, not per order",
        (("Cash-out: write the cycle into the log", {"src/Service/Cashout.php": service("Cashout", "cycle")}),),
    ),
}


def history(name: str) -> list[Commit]:
    """On `master`, the oldest first."""
    application = APPLICATIONS[name]
    done = (application.deployed, {"src/Service/Deployed.php": service("Deployed", application.deployed)})
    steps = [(f"Begin {application.title}", _first_tree(name, application)), *application.past, done, *application.news]
    return [Commit("master", message, _TEAM, _FIRST + timedelta(days=17 * n, hours=n), tree) for n, (message, tree) in enumerate(steps)]


def _first_tree(name: str, application: Application) -> Tree:
    composer = {"name": f"client/{name}", "type": "project", "require": {"php": ">=7.2", "symfony/framework-bundle": "^4.4"}}
    entities = {f"src/Entity/{each}.php": entity(each, columns) for each, columns in application.entities.items()}
    return {
        "README.md": f"# {application.title}\n".encode(),
        "composer.json": (json.dumps(composer, indent=4) + "\n").encode(),
        "bin/console": _CONSOLE,
        "public/index.php": _INDEX,
        "config/parameters.yml.dist": b"parameters:\n    database_host: ~\n    database_name: ~\n",
        "src/Kernel.php": b"<?php\nnamespace App;\n\nclass Kernel extends BaseKernel\n{\n}\n",
        "vendor/autoload.php": b"<?php\nreturn ComposerAutoloaderInit::getLoader();\n",
        **entities,
    }
