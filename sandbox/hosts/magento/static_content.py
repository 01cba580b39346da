"""`setup:static-content:deploy`: the version is written first, the files after it, over minutes (Magento_Deploy/…/DeployStaticContent)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sandbox.durations import DURATIONS
from sandbox.hosts import statics
from sandbox.hosts.faults import stands
from sandbox.hosts.magento.call import Call

_REDRAWS = 40  # of a package's progress bar
_LOCALE = re.compile(r"^[a-z]{2,3}(_[A-Z][a-z]{3})?_[A-Z]{2}$")
_WITH_VALUE = {"--area": "areas", "-a": "areas", "--theme": "themes", "-t": "themes", "--language": "locales", "-l": "locales"}


@dataclass(slots=True)
class _Asked:
    areas: list[str] = field(default_factory=list)
    themes: list[str] = field(default_factory=list)
    locales: list[str] = field(default_factory=list)
    version: str = ""
    only_version: bool = False


def deploy(call: Call) -> int:
    asked = _parse(call.options)
    if wrong := _wrong(asked):
        call.error("", f"  {wrong}", "")
        return 1
    call.line("", "Deploy using quick strategy")
    version = asked.version or statics.new_version()
    statics.write_version(call.static, version)
    if asked.only_version:
        call.line(f"New version of deployed files: {version}")
        return 0
    packages = statics.packages(tuple(asked.areas or ("frontend", "adminhtml")), tuple(asked.themes), tuple(asked.locales or ("en_US",)))
    seconds = {area: getattr(DURATIONS, "static_frontend" if area == "frontend" else "static_admin") for area in ("frontend", "adminhtml")}
    took = 0.0
    for package in packages:
        share = seconds[package.area] / sum(1 for other in packages if other.area == package.area)
        if stands(call.world, "disk-full", call.host):
            call.error(
                f"Error happened during deploy process: file_put_contents({call.shown(call.static)}/{package}): No space left on device"
            )
            call.line(f"Execution time: {took:.2f}")
            return 1
        _package(call, package, share)
        took += share
    call.line("", f"Execution time: {took + 0.41:.2f}")
    return 0


def _package(call: Call, package: statics.Package, seconds: float) -> None:
    total = statics.FILES_COUNTED[package.area]
    made_of = statics.fingerprint(call.app)
    call.line(_bar(package, 0, total, 0))
    for n in range(1, _REDRAWS + 1):
        call.sleep(seconds / _REDRAWS)
        done = n / _REDRAWS
        first, last = round(len(statics.FILES) * (n - 1) / _REDRAWS), round(len(statics.FILES) * done)
        for name in statics.FILES[first:last]:
            statics.write_file(call.static, package, name, made_of)
        call.write("\x1b[1A\x1b[2K" + _bar(package, round(total * done), total, seconds * done) + "\n")


def _bar(package: statics.Package, done: int, total: int, seconds: float) -> str:
    """ "52% %" is what Magento prints: the percent string carries its own sign."""
    filled = 28 * done // total
    line = ("=" * filled + (">" if filled < 28 else "")).ljust(28, "-")
    return f"{package!s:<40} {done}/{total}".ljust(56) + f" {line} {100 * done // total:>3}% %   {int(seconds)} secs"


def _parse(options: list[str]) -> _Asked:
    asked = _Asked()
    rest = iter(options)
    for option in rest:
        name, _, value = option.partition("=")
        if name in _WITH_VALUE:
            getattr(asked, _WITH_VALUE[name]).append(value or next(rest, ""))
        elif name == "--content-version":
            asked.version = value or next(rest, "")
        elif name == "--refresh-content-version-only":
            asked.only_version = True
        elif name in ("-s", "--strategy", "-j", "--jobs", "--max-execution-time") and not value:
            next(rest, "")
        elif not option.startswith("-"):
            asked.locales.append(option)
    return asked


def _wrong(asked: _Asked) -> str:
    """An en dash is no option: `–force` is taken for a language, as everything positional is."""
    for locale in asked.locales:
        if not _LOCALE.match(locale):
            return f"Invalid argument: language '{locale}' is not supported. Run info:language:list to list available locales."
    for area in asked.areas:
        if area not in statics.THEMES:
            return f"Invalid argument: area '{area}' is not supported. Available areas: frontend, adminhtml"
    known = {theme for themes in statics.THEMES.values() for theme in themes}
    for theme in asked.themes:
        if theme not in known:
            return f"Invalid argument: theme '{theme}' is not known."
    return ""
