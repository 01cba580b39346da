"""What client/beanstalk-config.git holds: Magento's .ebextensions on `prod` and `preprod`, the other applications on `master`.

The platform of production (Amazon Linux 1) has its hooks below /opt/elasticbeanstalk, that of pre-production (Amazon Linux 2) in .platform.
"""

from __future__ import annotations

from typing import Literal

Tree = dict[str, bytes]
Stage = Literal["prod", "preprod"]

_SHARES = (
    ("client-media", "pub/media"),
    ("magento-statics", "pub/static"),
    ("magento-sitemap", "sitemap"),
    ("magento-client", "client"),
)
_HOOKS = "/opt/elasticbeanstalk/hooks/appdeploy/enact"

PACKAGES = b"packages:\n  yum:\n    nfs-utils: []\n    jq: []\n    php-redis: []\n"
README = b"# Beanstalk configuration\n\nBranch `prod`: Magento production. Branch `preprod`: Magento pre-production.\n"


def _points() -> list[str]:
    return [f"/var/app/current/{path}" for _, path in _SHARES]


def _umount_script() -> str:
    return "\n".join(
        [
            "#!/bin/sh",
            "set -e",
            *(f"if mountpoint -q {at}; then umount {at}; fi" for at in _points()),
        ]
    )


def _mount_script() -> str:
    options = "-o rw,hard,nfsvers=4.1"
    mounts = [
        f"mountpoint -q {at} || mount -t nfs {options} nfs.internal-client.url:/{share} {at}"
        for (share, _), at in zip(_SHARES, _points(), strict=True)
    ]
    return "\n".join(["#!/bin/sh", "set -e", *mounts])


def _indented(script: str) -> str:
    return "\n".join(f"      {line}" for line in script.splitlines())


def nfs_config() -> bytes:
    """Unmounts before the flip: an NFS share that is still mounted in `current` is emptied with `current.old`."""
    parts = ["files:"]
    for name, script in (
        ("00_umount_nfs.sh", _umount_script()),
        ("02_mount_nfs.sh", _mount_script()),
    ):
        parts.append(f'  "{_HOOKS}/{name}":\n    mode: "000755"\n    owner: root\n    group: root\n    content: |\n{_indented(script)}')
    return ("\n".join(parts) + "\n").encode()


def env_php_config(stage: Stage) -> bytes:
    key = "env.php" if stage == "prod" else "env-preprod.php"
    return f"""Resources:
  AWSEBAutoScalingGroup:
    Metadata:
      AWS::CloudFormation::Authentication:
        S3Auth:
          type: s3
          buckets: [client-magento-config]
          roleName: aws-elasticbeanstalk-ec2-role
files:
  "/tmp/env.php":
    mode: "000640"
    owner: webapp
    group: webapp
    authentication: S3Auth
    source: https://client-magento-config.s3.eu-west-3.amazonaws.com/{key}
""".encode()


def php_config(memory: str) -> bytes:
    return f"""files:
  "/etc/php.d/zz-magento.ini":
    mode: "000644"
    owner: root
    group: root
    content: |
      memory_limit = {memory}
      realpath_cache_size = 10M
      realpath_cache_ttl = 7200
      opcache.memory_consumption = 512
      opcache.max_accelerated_files = 60000
""".encode()


MAGENTO_CONFIG = b"""container_commands:
  01_env_php:
    command: install -o webapp -g webapp -m 0640 /tmp/env.php app/etc/env.php
  02_setup_upgrade:
    command: sudo -u webapp php bin/magento setup:upgrade --keep-generated --no-interaction
    leader_only: true
  03_di_compile:
    command: sudo -u webapp php bin/magento setup:di:compile
  04_module_enable:
    command: sudo -u webapp php bin/magento module:enable Client_Mirakl Client_Pim
  05_static_content:
    command: sudo -u webapp php bin/magento setup:static-content:deploy --force fr_FR en_US
"""


PREBUILT_CONFIG = b"""# Built once, on the build host: nothing is compiled, generated or migrated here.
container_commands:
  01_env_php:
    command: install -o webapp -g webapp -m 0640 /tmp/env.php app/etc/env.php
"""


def cron_config(consumers: bool) -> bytes:
    rows = ["* * * * * webapp php /var/app/current/bin/magento cron:run >> /var/log/magento-cron.log 2>&1"]
    if consumers:
        rows.append("*/5 * * * * webapp php /var/app/current/bin/magento queue:consumers:start async.operations.all --max-messages=1000")
    lines = "\n".join(f"      {row}" for row in rows)
    return f'files:\n  "/etc/cron.d/magento":\n    mode: "000644"\n    owner: root\n    group: root\n    content: |\n{lines}\n'.encode()


def first_tree(stage: Stage) -> Tree:
    return {
        "README.md": README,
        ".ebextensions/00-packages.config": PACKAGES,
        ".ebextensions/20-env-php.config": env_php_config(stage),
        ".ebextensions/30-php.config": php_config("1024M"),
        ".ebextensions/40-magento.config": MAGENTO_CONFIG,
        ".ebextensions/50-cron.config": cron_config(consumers=False),
    }


def nfs_tree(stage: Stage) -> Tree:
    if stage == "prod":
        return {".ebextensions/10-nfs.config": nfs_config()}
    return {
        ".platform/hooks/predeploy/00_umount_nfs.sh": (_umount_script() + "\n").encode(),
        ".platform/hooks/postdeploy/00_mount_nfs.sh": (_mount_script() + "\n").encode(),
    }


def other_applications() -> Tree:
    """The directories `pim`, `custom-connection` and `mirakl-cashout` of branch `master`."""
    ftp_commands = (
        (
            "04_ftp_user",
            "useradd -d /var/app/current -g webapp -s /sbin/nologin ftpuser",
            "    ignoreErrors: true # code 9: there already\n",
        ),
        ("05_ftp_password", "sh -c 'chpasswd < /tmp/ftp-user'", ""),
        ("06_ftp_directories", "find . -type d -exec chmod 775 {} +", ""),
    )
    return {
        "pim/.ebextensions/20-credentials.config": _secrets("pim", "parameters.yml"),
        "pim/.ebextensions/40-pim.config": _simple_commands("credentials"),
        "custom-connection/.ebextensions/10-vsftpd.config": VSFTPD_CONFIG,
        "custom-connection/.ebextensions/20-credentials.config": _secrets("custom-connection", "parameters.yml", "ftp-user"),
        "custom-connection/.ebextensions/40-custom-connection.config": _simple_commands("credentials", *ftp_commands),
        "mirakl-cashout/.ebextensions/10-configuration.config": _secrets("mirakl-cashout", "parameters.yml"),
        "mirakl-cashout/.ebextensions/20-apache.config": _file("/etc/httpd/conf.d/cashout.conf", "DocumentRoot /var/app/current/public"),
        "mirakl-cashout/.ebextensions/40-cashout.config": _simple_commands("configuration"),
        "mirakl-cashout/.ebextensions/50-cron.config": _file("/etc/cron.d/cashout", *_CASHOUT_CRON),
    }


# Times of hipay's own documentation of the connector.
_CONSOLE = "webapp php /var/app/current/bin/console"
_CASHOUT_CRON = (
    f'0 */6 * * * {_CONSOLE} vendor:process "24 hour ago" >> /var/log/hipay.log 2>&1',
    f"30 0 1,11,21 * * {_CONSOLE} cashout:generate >> /var/log/hipay.log 2>&1",
    f"0 2 * * * {_CONSOLE} cashout:process >> /var/log/hipay.log 2>&1",
)
VSFTPD_CONFIG = b"""packages:
  yum:
    vsftpd: []
files:
  "/etc/vsftpd/vsftpd.conf":
    mode: "000600"
    owner: root
    group: root
    content: |
      anonymous_enable=NO
      local_enable=YES
      write_enable=YES
      local_umask=002
      chroot_local_user=YES
      allow_writeable_chroot=YES
      pasv_enable=YES
      pasv_min_port=2048
      pasv_max_port=4096
services:
  sysvinit:
    vsftpd: {enabled: true, ensureRunning: true}
"""


def _file(path: str, *lines: str) -> bytes:
    content = "\n".join(f"      {line}" for line in lines)
    return f'files:\n  "{path}":\n    mode: "000644"\n    owner: root\n    group: root\n    content: |\n{content}\n'.encode()


def _secrets(directory: str, *names: str) -> bytes:
    parts = ["files:"]
    for name in names:
        parts += [f'  "/tmp/{name}":', '    mode: "000640"', "    owner: webapp", "    group: webapp", "    authentication: S3Auth"]
        parts.append(f"    source: https://client-magento-config.s3.eu-west-3.amazonaws.com/{directory}/{name}")
    return ("\n".join(parts) + "\n").encode()


def _simple_commands(first: str, *more: tuple[str, str, str]) -> bytes:
    """Credentials, schema, ownership, and what an application has besides: (name, command, further lines)."""
    commands = [
        (f"01_{first}", "install -o webapp -g webapp -m 0640 /tmp/parameters.yml config/parameters.yml", ""),
        ("02_schema", "sudo -u webapp php bin/console doctrine:schema:update --force", "    leader_only: true\n"),
        ("03_owner", "chown -R webapp:webapp .", ""),
        *more,
    ]
    return ("container_commands:\n" + "".join(f"  {name}:\n    command: {line}\n{rest}" for name, line, rest in commands)).encode()
