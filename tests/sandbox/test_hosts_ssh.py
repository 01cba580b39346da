from __future__ import annotations

import hashlib
import os
import pty
import select
import signal
import socket
import subprocess
import time
from pathlib import Path

import paramiko
import pytest

from sandbox import hosts
from sandbox.hosts.paths import Unmapping, mapped, mapped_script
from sandbox.world import Fault
from tests.sandbox.hosts_fixtures import Reached, make_ground, reached, running, until

__all__ = ["reached", "running"]

RUNNER = b"""#!/bin/sh
# As the console's runner does it: its own paths are prefixed, what it starts is detached.
at=$OPSCONSOLE_ROOT/var/lib/opsconsole/$1
shift
mkdir -p "$at"
setsid sh -c '"$@" >"$0/log" 2>&1; echo $? >"$0/rc.new"; mv "$0/rc.new" "$0/rc"' "$at" "$@" </dev/null >/dev/null 2>&1 &
echo $! >"$at/pid"
echo started
"""


@pytest.mark.parametrize("name", ["fe-2", "i-012e92fb498ad40d7", "10.0.102.37"])
def test_the_stock_client_reaches_a_host_by_each_of_its_names(reached: Reached, name: str) -> None:
    answer = reached.ssh(name, "hostname")
    assert (answer.returncode, answer.stdout) == (0, b"ip-10-0-102-37\n")


def test_who_comes_in_stands_in_the_host_s_own_file(reached: Reached, tmp_path: Path) -> None:
    new = tmp_path / "new"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "new", "-f", str(new)], check=True)
    config = tmp_path / "config"
    config.write_text(reached.config.read_text().replace(str(reached.world.data / "ssh/id_ed25519"), str(new)))

    def answers(config: Path) -> tuple[int, ...]:
        asked = ("fe-1", "true"), ("fe-2", "true"), ("git@bitbucket.org", "git-upload-pack", "--strict", "nosuch")
        return tuple(subprocess.run(["ssh", "-F", str(config), *words], capture_output=True, check=False).returncode for words in asked)

    assert answers(config) == (255, 255, 255)
    line, old = new.with_suffix(".pub").read_bytes(), reached.ssh("fe-1", "cat ~/.ssh/authorized_keys").stdout
    assert reached.ssh("fe-1", "tee -a ~/.ssh/authorized_keys", stdin=line).returncode == 0
    deploy_keys = reached.world.data / "ssh/bitbucket.org/authorized_keys"
    deploy_keys.write_bytes(deploy_keys.read_bytes() + line)
    assert answers(config) == (0, 255, 1), "bitbucket.org knows the key, and no such repository"
    assert answers(reached.config) == (0, 0, 1)
    for path, before in ((reached.host().root / "home/ec2-user/.ssh/authorized_keys", old), (deploy_keys, old)):
        path.write_bytes(line)
        assert answers(reached.config).count(255) >= 1
        path.write_bytes(before)
    assert answers(config) == (255, 255, 255)


def test_exit_codes_and_both_streams(reached: Reached) -> None:
    assert reached.ssh("fe-1", "test -f /var/app/current/composer.json").returncode == 0
    assert reached.ssh("fe-1", "test -f /var/app/current/nosuch").returncode == 1
    answer = reached.ssh("fe-1", "cat /var/app/current/nosuch")
    assert answer.returncode == 1
    assert answer.stderr == b"cat: /var/app/current/nosuch: No such file or directory\n"
    assert reached.ssh("fe-1", "nosuch").returncode == 127
    assert reached.ssh("fe-1", "cat 'unbalanced").returncode == 2


def test_no_shell_sees_the_line(reached: Reached) -> None:
    answer = reached.ssh("fe-1", "echo one; echo two > /tmp/three $HOME")
    assert answer.stdout == b"one; echo two > /tmp/three $HOME\n"
    assert not (reached.host().root / "tmp/three").exists()


def test_magento_over_ssh(reached: Reached) -> None:
    answer = reached.ssh("fe-1", "sudo -u webapp php /var/app/current/bin/magento maintenance:enable")
    assert (answer.returncode, answer.stdout) == (0, b"Enabled maintenance mode\n")
    assert (reached.host().app / "var/.maintenance.flag").exists()
    code = reached.ssh("fe-1", "curl -s -o /dev/null -w '%{http_code}' -H 'Host: www.client.url' http://localhost/")
    assert code.stdout == b"503"
    assert reached.ssh("fe-1", "sudo -u webapp php /var/app/current/bin/nosuch cache:flush").returncode == 1


def test_a_listing_has_the_hosts_own_paths(reached: Reached) -> None:
    lines = reached.ssh("fe-1", "find /var/app/current/pub/static/ -maxdepth 1 -name '.*'").stdout.splitlines()
    assert b"/var/app/current/pub/static/.htaccess" in lines


def test_mounts(reached: Reached) -> None:
    assert reached.ssh("fe-1", "mountpoint -q /var/app/current/pub/static").returncode == 0
    assert reached.ssh("fe-1", "mountpoint -q /var/app/current/pub").returncode == 32
    assert b"nfs.internal-client.url:/client-media" in reached.ssh("fe-1", "findmnt -n -o SOURCE /var/app/current/pub/media").stdout
    assert b"/var/app/current/sitemap nfs4" in reached.ssh("fe-1", "cat /proc/mounts").stdout


def test_a_full_disk_shows(reached: Reached) -> None:
    assert b"36%" in reached.ssh("fe-1", "df -P /").stdout
    reached.world.faults.add(Fault("disk-full", "fe-1", -1))
    assert b"100%" in reached.ssh("fe-1", "df -P /var/app").stdout


@pytest.mark.parametrize(
    "command",
    [
        "sh -c 'mkdir -p /opt/opsconsole && cat > /opt/opsconsole/new && chmod 755 /opt/opsconsole/new'",
        "tee /opt/opsconsole/new",
        "install -o root -g root -m 0755 /dev/stdin /opt/opsconsole/new",
        "dd of=/opt/opsconsole/new status=none",
    ],
)
def test_a_file_can_be_installed_from_stdin(reached: Reached, command: str) -> None:
    file = reached.host().root / "opt/opsconsole/new"
    answer = reached.ssh("fe-1", f"sudo {command}" if command.startswith("install") else command, stdin=b"#!/bin/sh\necho new\n")
    assert answer.returncode == 0, answer.stderr
    assert file.read_bytes() == b"#!/bin/sh\necho new\n"
    file.unlink()


def install_runner(reached: Reached, host: str) -> None:
    script = "sh -c 'cat > /opt/opsconsole/runner && chmod 755 /opt/opsconsole/runner'"
    assert reached.ssh(host, script, stdin=RUNNER).returncode == 0


def test_a_runner_starts_what_outlives_the_connection(reached: Reached) -> None:
    install_runner(reached, "fe-1")
    at = reached.host().root / "var/lib/opsconsole/run1"
    started = reached.ssh("fe-1", "/opt/opsconsole/runner run1 sudo -u webapp php /var/app/current/bin/magento cache:flush")
    assert started.stdout == b"started\n"
    until((at / "rc").exists)
    assert (at / "rc").read_text() == "0\n"
    assert (at / "log").read_text().startswith("Flushed cache types:\nconfig\n")


def test_killing_the_group_ends_the_command_and_its_effect(reached: Reached) -> None:
    install_runner(reached, "fe-3")
    reached.world.clock.speed = 2
    host = reached.host("fe-3")
    at = host.root / "var/lib/opsconsole/run2"
    argv = "sudo -u webapp php /var/app/current/bin/magento setup:static-content:deploy --force --area frontend --theme Client/dlm fr_FR"
    reached.ssh("fe-3", f"/opt/opsconsole/runner run2 {argv}")
    until(lambda: (at / "log").exists() and b"Deploy using quick strategy" in (at / "log").read_bytes())
    os.killpg(int((at / "pid").read_text()), signal.SIGTERM)
    reached.world.clock.speed = 4000
    size = (at / "log").stat().st_size
    until(lambda: not group_lives(int((at / "pid").read_text())))
    assert b"Execution time:" not in (at / "log").read_bytes()
    assert (at / "log").stat().st_size - size < 4096
    assert not (at / "rc").exists()


def group_lives(group: int) -> bool:
    """Whether any process of the group is more than a zombie."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
        except OSError:
            continue
        if int(its_group) == group and state != "Z":
            return True
    return False


def test_what_was_started_detached_ends_with_the_sandbox(tmp_path: Path) -> None:
    ground = make_ground(tmp_path, names=("fe-1",))
    stop = hosts.serve(ground.world)
    own = Reached(ground.world, ground.repositories, config=tmp_path / "ssh/ssh_config")
    try:
        install_runner(own, "fe-1")
        own.ssh("fe-1", "/opt/opsconsole/runner run4 tail -f /var/log/eb-activity.log")
        at = own.host().root / "var/lib/opsconsole/run4"
        until(lambda: (at / "log").exists() and (at / "log").stat().st_size)
        assert group_lives(int((at / "pid").read_text()))
    finally:
        stop()
    until(lambda: not group_lives(int((at / "pid").read_text())))


def test_a_stand_in_maps_paths_for_whom_the_runner_starts(reached: Reached) -> None:
    install_runner(reached, "fe-1")
    share = reached.host().app / "pub/static/zz"
    share.mkdir()
    reached.ssh("fe-1", "/opt/opsconsole/runner run3 sudo rm -rf /var/app/current/pub/static/zz")
    until((reached.host().root / "var/lib/opsconsole/run3/rc").exists)
    assert not share.exists()


def consoles_runner(reached: Reached, host: str) -> str:
    """Installs the console's own runner as the console does, and answers how it is called."""
    script = Path(__file__).parents[2] / "remote/ssh/runner.sh"
    for command, stdin in (
        ("sudo mkdir -p /opt/opsconsole", b""),
        ("sudo tee /opt/opsconsole/runner.new", script.read_bytes()),
        ("sudo chmod 0755 /opt/opsconsole/runner.new", b""),
        ("sudo mv /opt/opsconsole/runner.new /opt/opsconsole/runner", b""),
        ("sudo install -d -m 0700 -o ec2-user /var/lib/opsconsole", b""),
    ):
        answer = reached.ssh(host, command, stdin=stdin)
        assert answer.returncode == 0, answer.stderr
    return f"/opt/opsconsole/runner @{hashlib.sha256(script.read_bytes()).hexdigest()}"


def test_the_consoles_runner_runs_a_command_to_its_end(reached: Reached) -> None:
    runner = consoles_runner(reached, "fe-2")
    command = "-- sudo -u webapp php /var/app/current/bin/magento maintenance:enable"
    began = reached.ssh("fe-2", f"{runner} start 7 on 1 {command}")
    assert began.stdout.startswith(b"started"), began
    until(lambda: reached.ssh("fe-2", f"{runner} status 7 on").stdout.startswith(b"finished 0 "))
    assert reached.ssh("fe-2", f"{runner} tail 7 on 0 1000").stdout == b"Enabled maintenance mode\n"
    assert reached.ssh("fe-2", f"{runner} start 7 on 1 {command}").stdout.startswith(b"finished 0")
    assert (reached.host("fe-2").app / "var/.maintenance.flag").exists()


def test_the_consoles_runner_probes_with_the_hosts_own_paths(reached: Reached) -> None:
    runner = consoles_runner(reached, "fe-2")
    found = reached.ssh("fe-2", f"{runner} probe 5 -- find /var/app/current/pub/static -maxdepth 1 -name .htaccess")
    assert found.stdout == b"/var/app/current/pub/static/.htaccess\n"
    found = reached.ssh("fe-2", f"{runner} probe 5 -- sha256sum /var/app/current/composer.json /var/app/nosuch")
    assert found.returncode == 1
    assert found.stdout.endswith(b"  /var/app/current/composer.json\n")
    assert b"sha256sum: /var/app/nosuch: No such file or directory" in found.stderr
    assert reached.ssh("fe-2", f"{runner} probe 5 -- mountpoint -q /var/app/current/pub/static").returncode == 0
    assert reached.ssh("fe-2", f"{runner} probe 5 -- test -e /var/app/current/nosuch").returncode == 1


@pytest.mark.parametrize("through", ["sudo", "runner"])
def test_what_the_console_asks_of_a_share(reached: Reached, through: str) -> None:
    """A mount is no link to whoever asks: its files are counted and removed through its name."""
    prefix = "sudo" if through == "sudo" else f"{consoles_runner(reached, 'be')} probe 5 -- sudo"
    static = reached.host("be").app / "pub/static"
    files = sum(1 for path in static.rglob("*") if path.is_file())
    assert len(reached.ssh("be", f"{prefix} find /var/app/current/pub/static -xdev -type f -printf .").stdout) == files > 50
    assert reached.ssh("be", f"{prefix} findmnt -rn -t nfs,nfs4 -o TARGET").stdout.splitlines()[0] == b"/var/app/current/pub/media"
    assert reached.ssh("be", f"{prefix} grep -c CMD-AppDeploy /var/log/eb-activity.log").stdout == b"1\n"
    assert reached.ssh("be", f"{prefix} stat -c %F /var/app/current/pub/static").stdout == b"directory\n"
    assert b"symbolic" not in reached.ssh("be", f"{prefix} ls -ld /var/app/current/pub/static").stdout
    assert b" 36% " in reached.ssh("be", f"{prefix} df -Pk /var/app").stdout
    (static / "zz").mkdir()
    (static / "zz/file").touch()
    clear = "find /var/app/current/pub/static -mindepth 1 -maxdepth 1 -name zz -exec rm -rf -- {} +"
    assert reached.ssh("be", f"{prefix} {clear}").returncode == 0
    assert not (static / "zz").exists()


def test_the_consoles_runner_cancels_a_played_command(reached: Reached) -> None:
    runner = consoles_runner(reached, "fe-2")
    reached.world.clock.speed = 1
    reached.ssh("fe-2", f"{runner} start 8 compile 1 -- sudo -u webapp php /var/app/current/bin/magento setup:di:compile")
    until(lambda: reached.ssh("fe-2", f"{runner} tail 8 compile 0 100").stdout.startswith(b"Compilation was started."))
    cancelled = reached.ssh("fe-2", f"{runner} cancel 8 compile 2")
    assert cancelled.stdout.split()[0] == b"cancelled", cancelled
    assert cancelled.stdout.split()[3] == b"0"
    assert b"successfully" not in reached.ssh("fe-2", f"{runner} tail 8 compile 0 10000").stdout


def test_paramiko_gets_the_same_answers(reached: Reached) -> None:
    found = paramiko.SSHConfig.from_path(str(reached.config)).lookup("fe-4")
    wire = socket.create_connection((found["hostname"], int(found["port"])), timeout=10)
    wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with paramiko.Transport(wire) as transport:
        transport.connect(username=found["user"], pkey=paramiko.Ed25519Key.from_private_key_file(found["identityfile"][0]))
        known = paramiko.HostKeys(found["userknownhostsfile"])
        assert known.check(found["hostkeyalias"], transport.get_remote_server_key())
        channel = transport.open_session(timeout=10)
        channel.exec_command("sudo -u webapp php /var/app/current/bin/magento maintenance:status")
        text = channel.makefile("rb").read()
        assert channel.recv_exit_status() == 0
        assert text.startswith(b"Status: maintenance mode is not active\n")


def test_another_key_and_another_user_are_refused(reached: Reached, tmp_path: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "key")], check=True, timeout=10)
    known = reached.world.data / "ssh/known_hosts"
    other = f"Host fe-1\n HostName 127.0.0.1\n Port {reached.host().ssh_port}\n IdentitiesOnly yes\n IdentityFile {tmp_path / 'key'}\n"
    (tmp_path / "config").write_text(f"{other} HostKeyAlias fe-1\n UserKnownHostsFile {known}\n BatchMode yes\n")

    def ssh(config: Path, who: str) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(["ssh", "-F", str(config), who, "true"], capture_output=True, timeout=20, check=False)

    for refused in (ssh(tmp_path / "config", "ec2-user@fe-1"), ssh(reached.config, "root@fe-1")):
        assert refused.returncode == 255
        assert b"Permission denied" in refused.stderr
    assert ssh(reached.config, "ec2-user@fe-1").returncode == 0


def test_a_line_that_is_cut_loses_the_reply_but_not_the_effect(reached: Reached) -> None:
    reached.world.faults.add(Fault("ssh-drop", "fe-1", options={"bytes": "8"}))
    cut = reached.ssh("fe-1", "sudo -u webapp php /var/app/current/bin/magento maintenance:enable")
    assert (cut.returncode, cut.stdout) == (255, b"Enabled ")
    assert (reached.host().app / "var/.maintenance.flag").exists()
    assert reached.ssh("fe-1", "true").returncode == 0


def test_a_refused_connection_strikes_once(reached: Reached) -> None:
    reached.world.faults.add(Fault("ssh-refuse", "fe-1"))
    assert reached.ssh("fe-1", "true").returncode == 255
    assert reached.ssh("fe-1", "true").returncode == 0


def test_a_changed_host_key_lasts_until_it_is_cleared(reached: Reached) -> None:
    reached.world.faults.add(Fault("host-key-changed", "fe-1", -1))
    for _ in range(2):
        assert b"Host key verification failed." in reached.ssh("fe-1", "true").stderr
    assert reached.ssh("fe-2", "true").returncode == 0
    reached.world.faults.clear("host-key-changed")
    assert reached.ssh("fe-1", "true").returncode == 0


def typed(reached: Reached, host: str, *keys: tuple[bytes, bytes]) -> bytes:
    """What a terminal shows: after each text that is waited for, keys are typed; the first are waited for, the last are `exit`."""
    leader, follower = pty.openpty()
    argv = ("ssh", "-tt", "-F", str(reached.config), host)
    with subprocess.Popen(argv, stdin=follower, stdout=follower, stderr=follower, start_new_session=True) as process:
        os.close(follower)
        shown = b""
        for awaited, pressed in keys:
            mark = len(shown)
            deadline = time.monotonic() + 20
            while awaited not in shown[mark:]:
                assert time.monotonic() < deadline, shown
                if select.select([leader], [], [], 0.2)[0]:
                    shown += os.read(leader, 4096)
            os.write(leader, pressed)
        assert process.wait(20) == 0
    os.close(leader)
    return shown


def test_a_terminal_takes_one_command_after_the_other(reached: Reached) -> None:
    shown = typed(
        reached,
        "fe-2",
        (b"]$ ", b"hostnamX\x7fe\r"),
        (b"ip-10-0-102-37\r\n[ec2-user@ip-10-0-102-37 /]$ ", b"test -e /var/app/current/composer.json\r"),
        (b"]$ ", b"exit\r"),
    )
    assert b"hostname" in shown.replace(b"X\b \b", b"")


def test_ctrl_c_ends_what_runs_at_a_terminal(reached: Reached) -> None:
    reached.world.clock.speed = 1
    shown = typed(
        reached,
        "fe-2",
        (b"]$ ", b"sudo -u webapp php /var/app/current/bin/magento setup:di:compile\r"),
        (b"Compilation was started.", b"\x03"),
        (b"]$ ", b"tail -f /var/log/eb-activity.log\r"),
        (b"succeeded", b"\x03"),
        (b"]$ ", b"true\r"),
        (b"]$ ", b"exit\r"),
    )
    assert b"successfully" not in shown
    assert shown.count(b"^C") == 2


def test_lines_from_stdin_without_a_terminal(reached: Reached) -> None:
    answer = reached.ssh("fe-2", stdin=b"hostname\ntest -e /nosuch\n")
    assert (answer.returncode, answer.stdout) == (1, b"ip-10-0-102-37\n")


def test_lines_come_while_the_command_runs(reached: Reached) -> None:
    reached.world.clock.speed = 30
    began = time.monotonic()
    process = reached.start("fe-1", "sudo -u webapp php /var/app/current/bin/magento setup:di:compile")
    assert process.stdout
    assert process.stdout.readline() == b"Compilation was started.\n"
    first = time.monotonic() - began
    _, errors = process.communicate(timeout=30)
    assert (process.returncode, errors) == (0, b"")
    assert first < time.monotonic() - began - 1


def git(reached: Reached, *argv: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "GIT_SSH_COMMAND": f"ssh -F {reached.config}", "GIT_CONFIG_GLOBAL": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    return subprocess.run(["git", *argv], cwd=cwd, env=environment, capture_output=True, text=True, timeout=30, check=False)


def test_git_fetches_from_bitbucket(reached: Reached, tmp_path: Path) -> None:
    heads = git(reached, "ls-remote", "git@bitbucket.org:client/magento.git", "refs/heads/master").stdout
    assert heads.split()[0] == reached.repositories.head("magento", "master")
    assert "sandbox" not in git(reached, "ls-remote", "git@bitbucket.org:client/magento.git").stdout
    assert git(reached, "clone", "-q", "git@bitbucket.org:client/beanstalk-config.git", str(tmp_path / "clone")).returncode == 0
    assert (tmp_path / "clone/pim").is_dir()


def test_git_may_neither_push_nor_find_what_is_not_there(reached: Reached, tmp_path: Path) -> None:
    missing = git(reached, "ls-remote", "git@bitbucket.org:client/nosuch.git")
    assert missing.returncode == 128
    assert "Could not read from remote repository." in missing.stderr
    git(reached, "clone", "-q", "git@bitbucket.org:client/beanstalk-config.git", str(tmp_path / "clone"))
    assert git(reached, "push", "origin", "HEAD:refs/heads/mine", cwd=tmp_path / "clone").returncode != 0


def test_paths_are_mapped_once(reached: Reached) -> None:
    host, root = reached.host(), str(reached.host().root)
    assert mapped(host, "/var/log") == f"{root}/var/log"
    assert mapped(host, f"{root}/var/log") == f"{root}/var/log"
    assert mapped(host, "--reference=/etc/hostname") == f"--reference={root}/etc/hostname"
    assert mapped(host, "~/x") == f"{root}/home/ec2-user/x"
    for kept in ("/dev/null", "/usr/bin/env", "relative/var/log", "-u", "http://localhost/var"):
        assert mapped(host, kept) == kept


def test_a_script_is_mapped_where_a_path_begins(reached: Reached) -> None:
    host, root = reached.host(), str(reached.host().root)
    text = 'cat >/opt/x; mv "/var/a" /var/b; echo a/var/b $P/opt /usr/opt'
    assert mapped_script(host, text) == f'cat >{root}/opt/x; mv "{root}/var/a" {root}/var/b; echo a/var/b $P/opt /usr/opt'


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50])
def test_a_path_is_unmapped_however_the_bytes_are_cut(size: int) -> None:
    text = b"in /data/hosts/fe-1/var/log and /data/hosts/fe-1, not /data/hosts/fe-2/x or /data/ho"
    unmapping = Unmapping(Path("/data/hosts/fe-1"))
    got = b"".join(unmapping.feed(text[n : n + size]) for n in range(0, len(text), size)) + unmapping.end()
    assert got == b"in /var/log and , not /data/hosts/fe-2/x or /data/ho"
