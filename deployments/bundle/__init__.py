"""The archive that Beanstalk receives: Magento's tree, the configuration's files over it, and two kinds of edits.

    bundle = build(Sources(magento, magento_commit, config, config_commit, Edits(...)), store)

Made from git objects of two pinned commits, never from a work tree. The same commits and edits give the same bytes, whether packed anew or
renewed from the archive before. Git itself runs in `remote.git`; uploading is not done here.
"""

from __future__ import annotations

from deployments.bundle.builder import Bundle, Sources, build, preview
from deployments.bundle.checks import BundleRefused, Limits
from deployments.bundle.edits import Edits, Redirect
from deployments.bundle.manifest import Edited, Evidence, Manifest
from deployments.bundle.modules import ModuleChanges, compare_modules, modules_between, parse_modules
from deployments.bundle.overlay import Overlay

__all__ = [
    "Bundle",
    "BundleRefused",
    "Edited",
    "Edits",
    "Evidence",
    "Limits",
    "Manifest",
    "ModuleChanges",
    "Overlay",
    "Redirect",
    "Sources",
    "build",
    "compare_modules",
    "modules_between",
    "parse_modules",
    "preview",
]
