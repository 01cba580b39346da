from __future__ import annotations

from deployments import commands
from estate.definition import Statics

MAGENTO = "sudo -u webapp php /var/app/current/bin/magento"


def test_maintenance_runs_as_the_web_user() -> None:
    assert str(commands.maintenance(on=True)) == f"{MAGENTO} maintenance:enable"
    assert str(commands.maintenance(on=False)) == f"{MAGENTO} maintenance:disable"


def test_statics_have_real_double_hyphens_and_keep_the_documents_words_beside() -> None:
    frontend = commands.deploy_statics(Statics("frontend", "Client/dlm", ("fr_FR",)))
    assert str(frontend) == f"{MAGENTO} setup:static-content:deploy --force --area frontend --theme Client/dlm fr_FR"
    assert frontend.words == f"{MAGENTO} setup:static-content:deploy –force –area frontend –theme Client/dlm fr_FR"
    assert not any("–" in word for word in frontend.argv)


def test_admin_statics_name_no_theme() -> None:
    admin = commands.deploy_statics(Statics("adminhtml", "", ("en_US", "fr_FR")))
    assert str(admin) == f"{MAGENTO} setup:static-content:deploy --force --area adminhtml en_US fr_FR"


def test_clearing_the_statics_needs_no_shell_and_keeps_htaccess() -> None:
    clear = commands.clear_statics()
    assert clear.words == "sudo rm -rf /var/app/current/pub/static/*"
    assert "*" not in " ".join(clear.argv)
    assert clear.argv[:3] == ("sudo", "find", "/var/app/current/pub/static")
    assert clear.argv[7:10] == ("!", "-name", ".htaccess")


def test_flush_and_update() -> None:
    assert str(commands.flush_cache()) == f"{MAGENTO} cache:flush"
    update = "aws elasticbeanstalk update-environment --environment-name client-magento-prod --version-label r418-a91c3e7"
    assert str(commands.update_environment("client-magento-prod", "r418-a91c3e7")) == update


def test_a_branch_cannot_become_an_option_of_git() -> None:
    argv = commands.heads("git@bitbucket.org:client/magento.git", "master").argv
    assert argv == ("git", "ls-remote", "--", "git@bitbucket.org:client/magento.git", "refs/heads/master")
