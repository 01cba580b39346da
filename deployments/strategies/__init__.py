"""How Magento can be released, and what speaks for each way: as the document writes it, or aware of whether the database has to change.

`decision` says what the database's answers mean, `prebuilt` whether the configuration lets a release be built once, `plans` and `steps`
what is then done, `curtain` how the shop is closed at the load balancer. Side by side is described in docs/strategies.md, and not built.
"""

from __future__ import annotations

AS_WRITTEN, AWARE = "as-written", "migration-aware"
