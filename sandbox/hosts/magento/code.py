"""`setup:di:compile`, `module:enable`, `module:status`: what looks at the release's code alone."""

from __future__ import annotations

import re

from sandbox.durations import DURATIONS
from sandbox.hosts.database import enabled_modules
from sandbox.hosts.faults import stands, text_of
from sandbox.hosts.magento.call import Call
from sandbox.world import Fault

_STAGES = (
    "Proxies code generation",
    "Repositories code generation",
    "Service data attributes generation",
    "Application code generator",
    "Interceptors generation",
    "Area configuration aggregation",
    "Interception cache generation",
    "App action list generation",
    "Plugin list generation",
)


def compile_code(call: Call) -> int:
    call.line("Compilation was started.")
    for n, stage in enumerate(_STAGES, 1):
        call.sleep(DURATIONS.di_compile / len(_STAGES))
        filled = 28 * n // len(_STAGES)
        bar = ("=" * filled + (">" if filled < 28 else "")).ljust(28, "-")
        seconds = int(DURATIONS.di_compile * n / len(_STAGES))
        call.line(f"{stage}... {n}/{len(_STAGES)} [{bar}] {100 * n // len(_STAGES):>3}% {seconds} secs {96 + 34 * n}.0 MiB")
    if stands(call.world, "disk-full", call.host):
        call.write(text_of(Fault("disk-full", options={"reason": "disk-full"}), "setup:di:compile", call.shown(call.app)))
        return 1
    metadata = call.app / "generated/metadata"
    metadata.mkdir(parents=True, exist_ok=True)
    for area in ("global", "frontend", "adminhtml", "crontab"):
        (metadata / f"{area}.php").write_text("<?php return array('arguments' => array());\n")
    call.line("Generated code and dependency injection configuration successfully.")
    return 0


def module_enable(call: Call) -> int:
    known = enabled_modules(call.app)
    asked = [option for option in call.options if not option.startswith("-")]
    if unknown := [name for name in asked if name not in known]:
        call.error("Unknown module(s): '" + "', '".join(unknown) + "'")
        return 1
    changed = [name for name in asked if not known[name]]
    if not changed:
        call.line("No modules were changed.")
        return 0
    config = call.app / "app/etc/config.php"
    text = config.read_text()
    for name in changed:
        text = re.sub(rf"('{name}'\s*=>\s*)0", r"\g<1>1", text)
    config.write_text(text)
    call.line("The following modules have been enabled:", *(f"- {name}" for name in changed), "")
    call.line("To make sure that the enabled modules are properly registered, run 'setup:upgrade'.", "Cache cleared successfully.")
    return 0


def module_status(call: Call) -> int:
    known = enabled_modules(call.app)
    names = [option for option in call.options if not option.startswith("-")]
    for name in names:
        call.line({True: "Module is enabled", False: "Module is disabled", None: "Module does not exist"}[known.get(name)])
    if names:
        return 0
    on, off = [name for name in known if known[name]], [name for name in known if not known[name]]
    if "--enabled" in call.options:
        call.line(*(on or ["None"]))
    elif "--disabled" in call.options:
        call.line(*(off or ["None"]))
    else:
        call.line("List of enabled modules:", *(on or ["None"]), "", "List of disabled modules:", *(off or ["None"]), "")
    return 0
