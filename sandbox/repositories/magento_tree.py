"""What the shop's repository holds before anything happens to it: a tree shaped like Magento 2.4, about 250 files.

The files that somebody reads have the content that Magento ships (pub/.user.ini, pub/static/.htaccess, config.php); the rest is shaped
like the real thing and no more.
"""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.repositories import magento_files as files
from sandbox.repositories.php import (
    block,
    config_php,
    db_schema,
    di_xml,
    model,
    module_xml,
    registration,
)

Tree = dict[str, bytes]

# The modules of the shop itself with the version in their module.xml, which is what Magento compares with the database.
CLIENT_MODULES: Mapping[str, str] = {
    "Catalog": "1.3.0",
    "Checkout": "1.4.0",
    "Customer": "1.1.2",
    "EcoTax": "1.0.4",
    "Invoice": "1.2.0",
    "Mirakl": "2.1.0",
    "OrderExport": "1.5.1",
    "Pim": "3.0.2",
    "Promotion": "1.0.0",
    "Returns": "1.0.1",
    "Search": "1.1.0",
    "Sitemap": "1.0.3",
}

_MAGENTO_MODULES = (
    "Store AdminAnalytics Config Directory AdminNotification Theme Backend Eav Customer Indexer Cms Catalog Rule CatalogInventory"
    " CatalogRule Bundle Quote SalesSequence Payment Sales Checkout CatalogSearch CatalogUrlRewrite Widget Tax Shipping Sitemap Cron"
    " Email ImportExport MediaGallery MediaStorage Newsletter PageCache Persistent ProductAlert Reports Review Robots Search Security"
    " SendFriend Swatches Translation UrlRewrite User Variable Vault Wishlist"
)
MAGENTO_MODULES = tuple(_MAGENTO_MODULES.split())

_WITH_SCHEMA = {
    "Checkout": "client_relay_point",
    "OrderExport": "client_order_export",
    "Mirakl": "client_mirakl_offer",
    "Returns": "client_return",
}


def modules(client: Mapping[str, str]) -> dict[str, int]:
    """The module list of config.php in load order."""
    return {f"Magento_{name}": 1 for name in MAGENTO_MODULES} | {f"Client_{name}": 1 for name in sorted(client)}


def client_module(name: str, version: str) -> Tree:
    at = f"app/code/Client/{name}"
    tree = {
        f"{at}/registration.php": registration("MODULE", f"Client_{name}"),
        f"{at}/composer.json": files.module_composer(f"client/module-{name.lower()}", version),
        f"{at}/etc/module.xml": module_xml(f"Client_{name}", version),
        f"{at}/etc/di.xml": di_xml(name),
        f"{at}/Model/{name}.php": model("Client", name),
        f"{at}/Block/{name}.php": block("Client", name),
        f"{at}/i18n/fr_FR.csv": f'"{name}","{name}"\n"Continue","Continuer"\n'.encode(),
    }
    if table := _WITH_SCHEMA.get(name):
        tree[f"{at}/etc/db_schema.xml"] = db_schema(table, ("increment_id", "status", "created_at"))
    return tree


def theme() -> Tree:
    at = "app/design/frontend/Client/dlm"
    tree = {
        f"{at}/theme.xml": files.THEME_XML,
        f"{at}/registration.php": registration("THEME", "frontend/Client/dlm"),
        f"{at}/composer.json": files.module_composer("client/theme-frontend-dlm", "1.8.0"),
        f"{at}/web/css/source/_extend.less": b"@import '_product.less';\n@import '_checkout.less';\n",
        f"{at}/web/css/source/_theme.less": b"@link__color: #1a4f8b;\n@button-primary__background: #1a4f8b;\n",
        f"{at}/web/css/source/_product.less": b".product-info-main { .price { font-size: 2.2rem; } }\n",
        f"{at}/web/css/source/_checkout.less": b".checkout-container { max-width: 1180px; }\n",
        f"{at}/web/js/relay-points.js": files.RELAY_POINTS,
        f"{at}/web/images/logo.svg": files.LOGO,
        f"{at}/i18n/fr_FR.csv": b'"Add to Cart","Ajouter au panier"\n"My Account","Mon compte"\n"Returns","Retours"\n',
    }
    for area, layouts in files.LAYOUTS.items():
        for layout in layouts:
            tree[f"{at}/Magento_{area}/layout/{layout}.xml"] = files.layout(layout)
            tree[f"{at}/Magento_{area}/templates/{layout.replace('_', '/')}.phtml"] = files.template(layout)
    return tree


def magento_itself() -> Tree:
    tree = {
        "composer.json": files.COMPOSER_JSON,
        "COPYING.txt": b"Each source file is licensed under OSL 3.0.\n",
        ".gitignore": b"/app/etc/env.php\n/generated/*\n/pub/media/*\n/pub/static/*\n!/pub/static/.htaccess\n/var/*\n!/var/.htaccess\n",
        ".htaccess": files.HTACCESS,
        ".user.ini": files.USER_INI,
        "index.php": files.INDEX_PHP,
        "bin/magento": files.BIN_MAGENTO,
        "bin/.htaccess": files.DENY,
        "app/bootstrap.php": files.BOOTSTRAP_PHP,
        "app/autoload.php": files.AUTOLOAD_PHP,
        "app/.htaccess": files.DENY,
        "app/etc/di.xml": di_xml("Application"),
        "app/etc/NonComposerComponentRegistration.php": files.AUTOLOAD_PHP,
        "app/etc/vendor_path.php": b"<?php\nreturn './vendor';\n",
        "pub/index.php": files.INDEX_PHP,
        "pub/get.php": files.INDEX_PHP,
        "pub/static.php": files.INDEX_PHP,
        "pub/cron.php": files.INDEX_PHP,
        "pub/health_check.php": files.HEALTH_CHECK_PHP,
        "pub/.htaccess": files.HTACCESS,
        "pub/.user.ini": files.USER_INI,
        "pub/static/.htaccess": files.STATIC_HTACCESS,
        "pub/media/.htaccess": files.MEDIA_HTACCESS,
        "pub/errors/503.php": files.ERROR_PHP,
        "pub/errors/404.php": files.ERROR_PHP,
        "pub/errors/report.php": files.ERROR_PHP,
        "pub/errors/processor.php": files.ERROR_PHP,
        "pub/errors/default/503.phtml": files.ERROR_503,
        "pub/errors/default/css/styles.css": b"body { font: 14px/1.4 'Open Sans', sans-serif; color: #333; }\n",
        "generated/.htaccess": files.DENY,
        "var/.htaccess": files.DENY,
        "sitemap/.gitkeep": b"",
        "client/.gitkeep": b"",
        "setup/index.php": files.INDEX_PHP,
        "phpserver/router.php": files.AUTOLOAD_PHP,
        "vendor/autoload.php": files.AUTOLOAD_PHP,
        "vendor/composer/installed.json": files.installed_json(MAGENTO_MODULES),
    }
    for name in MAGENTO_MODULES:
        tree[f"vendor/magento/module-{name.lower()}/registration.php"] = registration("MODULE", f"Magento_{name}")
    for name in files.FRAMEWORK:
        tree[f"lib/internal/Magento/Framework/{name}.php"] = model("Magento\\Framework", name.split("/")[-1])
    for name in files.LIB_WEB:
        tree[f"lib/web/{name}"] = b"/* " + name.encode() + b" */\n"
    return tree


def first_tree() -> Tree:
    """The tree of the first commit: Magento alone, with the module list of Magento alone."""
    return magento_itself() | {"app/etc/config.php": config_php(modules({}))}
