"""Who is calling: one user, whatever keys come."""

from __future__ import annotations

from typing import Any

from moto.sts import models, urls

from sandbox.world import ACCOUNT

USER = "ops-console"


class Identity(models.STSBackend):
    @property
    def _url_module(self) -> Any:
        return urls

    def get_caller_identity(self, access_key_id: str, region: str) -> tuple[str, str, str]:
        if self.get_assumed_role_from_access_key(access_key_id):
            assumed: tuple[str, str, str] = super().get_caller_identity(access_key_id, region)
            return assumed
        return "AIDASANDBOXOPSCONSOLE", f"arn:aws:iam::{ACCOUNT}:user/{USER}", ACCOUNT


def install() -> None:
    """Puts this back end in the place of moto's; before the first request."""
    models.sts_backends.backend = Identity
