"""The bundles of the three smaller applications: the cases of `bundle`, with the application's name before them.

Their code goes as it is, under a directory of the configuration.
"""

from __future__ import annotations

from bench._magento_tree import make_shop
from bench.bundle import WORK, measured

# Directories of the configuration, and files of a tree like Symfony's with its vendors; believed.
APPLICATIONS = (("pim", 12_000), ("custom-connection", 9_000), ("mirakl-cashout", 8_000))


def run(*, quick: bool) -> list[dict[str, object]]:
    """The rows of this bench. `quick` takes small trees and one round: enough to see that it works, not to judge."""
    shops = [make_shop(WORK, 1_000 if quick else files, name) for name, files in APPLICATIONS]
    return [row | {"bench": "bundle-small"} for shop in shops for row in measured(shop, rounds=1 if quick else 3)]
