"""Single files of the Magento-like tree, as Magento 2.4 ships them where somebody reads or edits them."""

from __future__ import annotations

import json
from collections.abc import Iterable

USER_INI = b"memory_limit = 756M\nmax_execution_time = 18000\nsession.auto_start = off\nsuhosin.session.cryptua = off\n"

HTACCESS = b"""############################################
## Optional override of deployment mode
#   SetEnv MAGE_MODE developer

DirectoryIndex index.php

<IfModule mod_php7.c>
    php_value memory_limit 756M
    php_value max_execution_time 18000
    php_flag session.auto_start off
    php_flag suhosin.session.cryptua off
</IfModule>

<IfModule mod_rewrite.c>
    Options +FollowSymLinks
    RewriteEngine on
    #RewriteBase /magento/

    ## Redirections of the shop
    RewriteRule ^soldes/?$ https://preprod.client.url/promotions.html [R=302,L]
    RewriteRule ^magasins/?$ https://preprod.client.url/store-locator [R=302,L]

    RewriteCond %{REQUEST_METHOD} ^TRAC[EK]
    RewriteRule .* - [L,R=405]
    RewriteCond %{REQUEST_URI} !^/(media|setup|update|pub)/
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteCond %{REQUEST_FILENAME} !-d
    RewriteCond %{REQUEST_FILENAME} !-l
    RewriteRule .* index.php [L]
</IfModule>

AddDefaultCharset Off
"""

STATIC_HTACCESS = b"""<IfModule mod_php7.c>
php_flag engine 0
</IfModule>

Options -MultiViews
<IfModule mod_rewrite.c>
    RewriteEngine On
    # Remove signature of the static files that is used to overcome the browser cache
    RewriteRule ^version.+?/(.+)$ $1 [L]
    RewriteCond %{REQUEST_FILENAME} !-f
    RewriteCond %{REQUEST_FILENAME} !-l
    RewriteRule .* ../static.php?resource=$0 [L]
</IfModule>

<IfModule mod_expires.c>
    ExpiresActive On
    ExpiresByType text/css "access plus 1 year"
    ExpiresByType application/javascript "access plus 1 year"
</IfModule>
"""

MEDIA_HTACCESS = b"Options -Indexes\n<IfModule mod_rewrite.c>\n    RewriteEngine on\n    RewriteRule .* ../get.php [L]\n</IfModule>\n"
DENY = (
    b"<IfVersion < 2.4>\n    order allow,deny\n    deny from all\n</IfVersion>\n<IfVersion >= 2.4>\n    Require all denied\n</IfVersion>\n"
)

INDEX_PHP = b"""<?php
try {
    require __DIR__ . '/../app/bootstrap.php';
} catch (\\Exception $e) {
    echo 'Autoload error';
    exit(1);
}
$bootstrap = \\Magento\\Framework\\App\\Bootstrap::create(BP, $_SERVER);
$app = $bootstrap->createApplication(\\Magento\\Framework\\App\\Http::class);
$bootstrap->run($app);
"""

HEALTH_CHECK_PHP = b"""<?php
use Magento\\Framework\\Config\\ConfigOptionsListConstants;

register_shutdown_function('fatalErrorHandler');
try {
    require_once __DIR__ . '/../app/bootstrap.php';
    $bootstrap = \\Magento\\Framework\\App\\Bootstrap::create(BP, $_SERVER);
    $objectManager = $bootstrap->getObjectManager();
} catch (\\Exception $e) {
    http_response_code(500);
    exit(1);
}
"""

BIN_MAGENTO = b"""#!/usr/bin/env php
<?php
if (PHP_SAPI !== 'cli') {
    echo 'bin/magento must be run as a CLI application';
    exit(1);
}
require __DIR__ . '/../app/bootstrap.php';
$application = new Magento\\Framework\\Console\\Cli('Magento CLI');
$application->run();
"""

BOOTSTRAP_PHP = b"<?php\nerror_reporting(E_ALL);\nrequire_once __DIR__ . '/autoload.php';\numask(0002);\n"
AUTOLOAD_PHP = b"<?php\ndefine('BP', dirname(__DIR__));\nreturn require BP . '/vendor/autoload.php';\n"
ERROR_PHP = b"<?php\nrequire_once 'processorFactory.php';\n$processorFactory = new \\Magento\\Framework\\Error\\ProcessorFactory();\n"
ERROR_503 = (
    b"<h1>Service Temporarily Unavailable</h1>\n<p>The server is temporarily unable to service your request. Please try again later.</p>\n"
)

THEME_XML = (
    b'<theme xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n    <title>DLM</title>\n    <parent>Magento/blank</parent>\n</theme>\n'
)
RELAY_POINTS = b"define(['jquery', 'ko'], function ($, ko) {\n    'use strict';\n    return ko.observableArray([]);\n});\n"
LOGO = b'<svg xmlns="http://www.w3.org/2000/svg" width="120" height="32"><rect width="120" height="32" rx="4" fill="#1a4f8b"/></svg>\n'

COMPOSER_JSON = (
    json.dumps(
        {
            "name": "client/magento",
            "description": "The shop of client.url",
            "type": "project",
            "version": "2.4.6-p1",
            "require": {
                "php": "~8.1.0||~8.2.0",
                "magento/product-community-edition": "2.4.6-p1",
                "mirakl/connector-magento2-plugin": "^2.4",
            },
            "autoload": {"psr-4": {"Magento\\Setup\\": "setup/src/Magento/Setup/"}},
            "config": {"preferred-install": "dist", "sort-packages": True},
        },
        indent=4,
    )
    + "\n"
).encode()

LAYOUTS = {
    "Catalog": (
        "catalog_product_view",
        "catalog_category_view",
        "catalog_product_compare",
        "catalog_search_result",
    ),
    "Checkout": (
        "checkout_index_index",
        "checkout_cart_index",
        "checkout_onepage_success",
        "checkout_cart_sidebar",
    ),
    "Customer": (
        "customer_account_index",
        "customer_account_login",
        "customer_address_form",
        "customer_account_edit",
    ),
    "Sales": (
        "sales_order_view",
        "sales_order_history",
        "sales_order_invoice",
        "sales_guest_form",
    ),
    "Theme": ("default", "default_head_blocks", "print", "robots"),
    "Cms": ("cms_index_index", "cms_page_view", "cms_noroute_index"),
}

_FRAMEWORK = (
    "App/Bootstrap App/MaintenanceMode App/ExceptionHandler App/Http App/State App/StaticResource App/Area App/Cron Cache/Core"
    " Config/Data Console/Cli Data/Collection DB/Select Encryption/Encryptor Event/Manager Filesystem/Io HTTP/ClientFactory"
    " Locale/Resolver Logger/Monolog Module/DbVersionInfo Module/Manager ObjectManager/Factory Registry/Registry Setup/Patch"
    " Session/SaveHandler Url/Builder Validator/Factory View/Layout View/Asset Webapi/Rest"
)
FRAMEWORK = tuple(_FRAMEWORK.split())
_LIB_WEB = (
    "jquery.js jquery/jquery.cookie.js jquery/jquery-ui.js knockoutjs/knockout.js mage/mage.js mage/apply/main.js mage/cookies.js"
    " mage/utils/main.js mage/translate.js mage/validation.js mage/storage.js requirejs/require.js underscore.js moment.js"
    " css/source/lib/_lib.less css/source/lib/_buttons.less css/source/lib/_forms.less css/docs/source/_tables.less"
)
LIB_WEB = tuple(_LIB_WEB.split())


def module_composer(name: str, version: str) -> bytes:
    about = {
        "name": name,
        "type": "magento2-module",
        "version": version,
        "require": {"magento/framework": "*"},
    }
    return (json.dumps(about, indent=4) + "\n").encode()


def installed_json(modules: Iterable[str]) -> bytes:
    packages = [
        {
            "name": f"magento/module-{name.lower()}",
            "version": "100.4.6",
            "type": "magento2-module",
        }
        for name in modules
    ]
    return (json.dumps({"packages": packages, "dev": False}, indent=4) + "\n").encode()


def layout(name: str) -> bytes:
    return (
        '<?xml version="1.0"?>\n<page xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">\n    <body>\n'
        f'        <referenceContainer name="content"><block name="client.{name}"/></referenceContainer>\n    </body>\n</page>\n'
    ).encode()


def template(name: str) -> bytes:
    head = "<?php /** @var \\Magento\\Framework\\View\\Element\\Template $block */ ?>"
    return f'{head}\n<div class="{name}"><?= $block->getChildHtml() ?></div>\n'.encode()
