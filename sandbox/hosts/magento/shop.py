"""`cache:*`, `indexer:status`, `deploy:mode:show`, `cron:run`: what looks at the running shop."""

from __future__ import annotations

from sandbox.durations import DURATIONS
from sandbox.hosts.faults import stands
from sandbox.hosts.magento.call import Call

_TYPES = (
    "config layout block_html collections reflection db_ddl compiled_config eav customer_notification config_integration"
    " config_integration_api graphql_query_resolver_result full_page config_webservice translate"
)
CACHE_TYPES = tuple(_TYPES.split())
_INDEXERS = (
    ("catalogrule_product", "Catalog Product Rule"),
    ("catalogrule_rule", "Catalog Rule Product"),
    ("catalogsearch_fulltext", "Catalog Search"),
    ("catalog_category_product", "Category Products"),
    ("customer_grid", "Customer Grid"),
    ("catalog_product_category", "Product Categories"),
    ("catalog_product_attribute", "Product EAV"),
    ("catalog_product_price", "Product Price"),
    ("inventory", "Inventory"),
    ("cataloginventory_stock", "Stock"),
)


def mode(call: Call) -> int:
    call.line("Current application mode: production. (Note: Environment variables may override this value.)")
    return 0


def cache_flush(call: Call) -> int:
    return _caches(call, "Flushed cache types:")


def cache_clean(call: Call) -> int:
    return _caches(call, "Cleaned cache types:")


def _caches(call: Call, title: str) -> int:
    asked = [option for option in call.options if not option.startswith("-")]
    if unknown := [name for name in asked if name not in CACHE_TYPES]:
        call.error(
            "",
            f"  The following requested cache types are not supported: '{unknown[0]}'.",
            f"  Supported types: {', '.join(CACHE_TYPES)}",
            "",
        )
        return 1
    call.sleep(DURATIONS.cache_flush)
    if stands(call.world, "cache-down", call.host):
        call.error("", "In Client.php line 430:", "", "  Connection to Redis client-magento-prod.cache:6379 failed after 2 failures.", "")
        return 1
    call.line(title, *(asked or CACHE_TYPES))
    return 0


def indexer_status(call: Call) -> int:
    widths = (26, 22, 8, 10, 19, 19)
    rule = "+" + "+".join("-" * (width + 2) for width in widths) + "+"
    now = call.world.clock.now().strftime("%Y-%m-%d %H:%M:%S")

    def row(*cells: str) -> str:
        return "|" + "|".join(f" {cell:<{width}} " for cell, width in zip(cells, widths, strict=True)) + "|"

    call.line(rule, row("ID", "Title", "Status", "Update On", "Schedule Status", "Schedule Updated"), rule)
    call.line(*(row(name, title, "Ready", "Schedule", "idle (0 in backlog)", now) for name, title in _INDEXERS), rule)
    return 0


def cron_run(call: Call) -> int:
    """Maintenance mode does not stop it."""
    call.line("Ran jobs by schedule.")
    return 0
