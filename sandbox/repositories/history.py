"""What happened in both repositories before the sandbox starts: commits, newest last, and which of them is deployed.

All authors are roles. All times are fixed, so that the ids are the same in every sandbox.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from sandbox.repositories import beanstalk_tree as beanstalk
from sandbox.repositories import magento_tree as magento
from sandbox.repositories.git import Commit
from sandbox.repositories.php import config_php, db_schema, model, module_xml

SHOP = "Shop team <shop@client.url>"
INTEGRATION = "Integration team <integration@client.url>"
INFRASTRUCTURE = "Infrastructure team <infrastructure@client.url>"

_FIRST = datetime(2026, 9, 1, 9, 0, tzinfo=UTC)
_THEME = "app/design/frontend/Client/dlm"
_PRODUCT_PAGE = f"{_THEME}/Magento_Catalog/templates/catalog/product/view.phtml"
_FRENCH = b'"Add to Cart","Ajouter au panier"\n"My Account","Mon compte"\n"Returns","Retours"\n"Reason","Motif"\n'
DEPLOYED_MESSAGE = "Invoice: round the eco-tax per line"


def _without(*names: str) -> dict[str, str]:
    return {name: version for name, version in magento.CLIENT_MODULES.items() if name not in names}


def _modules(*names: str) -> magento.Tree:
    tree: magento.Tree = {}
    for name in names:
        tree |= magento.client_module(name, magento.CLIENT_MODULES[name])
    return tree


def _config(client: Mapping[str, str]) -> magento.Tree:
    return {"app/etc/config.php": config_php(magento.modules(client))}


def magento_history() -> list[Commit]:
    """Twelve commits on `master`, the last four after the deployed one, and two on `develop`, which left it before the newest."""
    locator = "app/code/Client/StoreLocator"
    steps: list[tuple[str, str, magento.Tree]] = [
        ("Begin with Magento 2.4.6-p1", INFRASTRUCTURE, magento.first_tree()),
        ("Add the theme Client/dlm", SHOP, magento.theme()),
        (
            "Add catalogue, customer and search",
            SHOP,
            _modules("Catalog", "Customer", "Search", "Promotion"),
        ),
        ("Connect the PIM and Mirakl", INTEGRATION, _modules("Pim", "Mirakl")),
        (
            "Export orders to the share client/",
            INTEGRATION,
            _modules("OrderExport") | _config(_without("Checkout", "Returns", "EcoTax", "Invoice", "Sitemap")),
        ),
        (
            "Checkout: relay points in the delivery step",
            SHOP,
            _modules("Checkout") | _config(_without("Returns", "EcoTax", "Invoice", "Sitemap")),
        ),
        (
            "Returns, and a sitemap for each store view",
            SHOP,
            _modules("Returns", "Sitemap") | _config(_without("EcoTax", "Invoice")),
        ),
        (
            DEPLOYED_MESSAGE,
            SHOP,
            _modules("EcoTax", "Invoice") | _config(magento.CLIENT_MODULES),
        ),
        (
            "Add the store locator",
            SHOP,
            magento.client_module("StoreLocator", "1.0.0")
            | {f"{locator}/Controller/Index/Index.php": model("Client", "StoreLocator")}
            | _config({**magento.CLIENT_MODULES, "StoreLocator": "1.0.0"}),
        ),
        (
            "Checkout: remember the relay point that a customer chose",
            SHOP,
            {
                "app/code/Client/Checkout/etc/module.xml": module_xml("Client_Checkout", "1.5.0"),
                "app/code/Client/Checkout/etc/db_schema.xml": db_schema(
                    "client_relay_point",
                    (
                        "increment_id",
                        "status",
                        "created_at",
                        "customer_id",
                        "relay_point_id",
                    ),
                ),
                "app/code/Client/Checkout/Model/RelayPoint.php": model("Client", "RelayPoint"),
            },
        ),
        (
            "Theme: a lighter product page",
            SHOP,
            {
                f"{_THEME}/web/css/source/_product.less": b".product-info-main { .price { font-size: 2rem; font-weight: 600; } }\n",
                _PRODUCT_PAGE: b'<div class="product-view"><?= $block->getChildHtml() ?></div>\n',
            },
        ),
        (
            "Translate the page of returns",
            INTEGRATION,
            {f"{_THEME}/i18n/fr_FR.csv": _FRENCH},
        ),
    ]
    commits = [
        Commit(
            "master",
            message,
            author,
            _FIRST + timedelta(days=6 * n, hours=n % 7, minutes=13 * n),
            tree,
        )
        for n, (message, author, tree) in enumerate(steps)
    ]
    *earlier, newest = commits
    left = earlier[-1].at
    category: magento.Tree = {"app/code/Client/Search/Model/Category.php": model("Client", "Category")}
    return [
        *earlier,
        Commit("develop", "Search: suggest brands", SHOP, left + timedelta(hours=5), _suggestions(), "refs/heads/master"),
        Commit("develop", "Search: suggest categories", SHOP, left + timedelta(hours=26), category),
        newest,
    ]


def _suggestions() -> dict[str, bytes]:
    return {"app/code/Client/Search/Model/Brand.php": model("Client", "Brand")}


def beanstalk_history() -> list[Commit]:
    """`prod` and `preprod` grew side by side; `master` is two commits ahead of `prod` and holds the other applications."""
    day = timedelta(days=1)
    config = ".ebextensions"
    return [
        Commit(
            "prod",
            "Deploy Magento with Beanstalk",
            INFRASTRUCTURE,
            _FIRST,
            beanstalk.first_tree("prod"),
        ),
        Commit(
            "prod",
            "Mount the four shares, and unmount them before the flip",
            INFRASTRUCTURE,
            _FIRST + day,
            beanstalk.nfs_tree("prod"),
        ),
        Commit(
            "prod",
            "PHP: 1.5 GB for production",
            INFRASTRUCTURE,
            _FIRST + 3 * day,
            {f"{config}/30-php.config": beanstalk.php_config("1536M")},
        ),
        Commit(
            "preprod",
            "Deploy Magento with Beanstalk",
            INFRASTRUCTURE,
            _FIRST,
            beanstalk.first_tree("preprod"),
        ),
        Commit(
            "preprod",
            "Mount the four shares by platform hooks",
            INFRASTRUCTURE,
            _FIRST + 2 * day,
            beanstalk.nfs_tree("preprod"),
        ),
        Commit(
            "master",
            "PHP: 2 GB; bring the other applications here",
            INFRASTRUCTURE,
            _FIRST + 20 * day,
            {f"{config}/30-php.config": beanstalk.php_config("2048M")} | beanstalk.other_applications(),
            "refs/heads/prod",
        ),
        Commit(
            "master",
            "Cron: start the queue's consumers",
            INFRASTRUCTURE,
            _FIRST + 41 * day,
            {f"{config}/50-cron.config": beanstalk.cron_config(consumers=True)},
        ),
        *(
            Commit(
                branch,
                "Build once: neither migrate nor generate statics on each host",
                INFRASTRUCTURE,
                _FIRST + 44 * day,
                {f"{config}/40-magento.config": beanstalk.PREBUILT_CONFIG},
                f"refs/heads/{left}",
            )
            for branch, left in (("prebuilt", "prod"), ("preprod-prebuilt", "preprod"))
        ),
    ]
