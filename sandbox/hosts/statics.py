"""Static view files: which packages there are, and what is written for one.

A package's style sheet is made of the release's own Less files, so that the statics of two releases can be told apart.
"""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass
from pathlib import Path

THEMES = {"frontend": ("Client/dlm", "Magento/blank", "Magento/luma"), "adminhtml": ("Magento/backend",)}
VERSION = "deployed_version.txt"

_FILES = (
    "requirejs-config.js js-translation.json css/styles-m.css css/styles-l.css css/print.css css/email.css images/logo.svg"
    " jquery.js jquery/jquery-ui.js knockoutjs/knockout.js mage/mage.js mage/cookies.js mage/translate.js mage/validation.js"
    " requirejs/require.js underscore.js fonts/opensans/regular.woff2 Magento_Catalog/js/product.js Magento_Checkout/js/view/shipping.js"
    " Magento_Customer/js/customer-data.js Magento_Theme/js/responsive.js Magento_Ui/js/core/app.js"
)
FILES = tuple(_FILES.split())
FILES_COUNTED = {"frontend": 2345, "adminhtml": 2871}  # what the progress bar counts; the folders hold the files above


@dataclass(frozen=True, slots=True)
class Package:
    area: str
    theme: str
    locale: str

    def __str__(self) -> str:
        return f"{self.area}/{self.theme}/{self.locale}"


def packages(areas: tuple[str, ...], themes: tuple[str, ...], locales: tuple[str, ...]) -> list[Package]:
    return [Package(area, theme, locale) for area in areas for theme in THEMES[area] for locale in locales if not themes or theme in themes]


def fingerprint(app: Path) -> str:
    """Of the theme's sources: the same on every host that has the same release."""
    sources = hashlib.sha256()
    for source in sorted((app / "app/design").rglob("*.less")):
        sources.update(source.read_bytes())
    return sources.hexdigest()[:12]


def write_file(static: Path, package: Package, name: str, made_of: str) -> None:
    path = static / str(package) / name
    path.parent.mkdir(parents=True, exist_ok=True)
    text = f"/* {package} {name} of {made_of} */\n"
    if name.endswith(".css"):
        text += "body{font:14px/1.4 'Open Sans',sans-serif;color:#333;margin:0}.page-wrapper{max-width:1180px;margin:auto;padding:1rem}\n"
    elif name.endswith(".svg"):
        text = f'<svg xmlns="http://www.w3.org/2000/svg" width="120" height="32"><title>{made_of}</title></svg>\n'
    elif name.endswith(".json"):
        text = '{"Add to Cart":"Ajouter au panier"}\n'
    path.write_text(text)


def write_version(static: Path, version: str) -> None:
    static.mkdir(parents=True, exist_ok=True)
    (static / VERSION).write_text(version)


def read_version(static: Path) -> str:
    """Empty where there is none, which Magento answers with an exception in production mode."""
    try:
        return (static / VERSION).read_text().strip()
    except OSError:
        return ""


def new_version() -> str:
    return str(int(time.time()))


def deploy_all(static: Path, app: Path, version: str) -> None:
    """All packages of the estate at once: for the state in which the sandbox starts."""
    write_version(static, version)
    made_of = fingerprint(app)
    for package in [*packages(("frontend",), ("Client/dlm",), ("fr_FR",)), *packages(("adminhtml",), (), ("en_US", "fr_FR"))]:
        for name in FILES:
            write_file(static, package, name, made_of)
