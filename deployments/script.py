"""A plan, or what is left of it, as a shell script that a person reviews and runs by hand: the console is no single point of failure.

Pure: the stored plan and the states of its steps in, bash out. Each step waits for Enter before it begins; each command is followed by the
check that the console itself would make. What was proven done is left out; of what nobody knows it says so.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

from deployments import commands
from deployments.strategies import curtain
from remote.ssh.connections import quoted

MOVING = ("queued", "running")
FINISHED = ("done", "skipped", "by_hand")
DOUBTFUL = ("intent", "failed", "unknown")
Act = Mapping[str, Any]
Lines = Iterator[str]


def script_of(
    document: Mapping[str, Any],
    *,
    states: Mapping[str, str] | None = None,
    done: Collection[str] = (),
    origin: str = "a plan",
    moves: bool = False,
) -> str:
    """`states` are the steps' by their keys; `done` are the keys of acts that are proven done in a step that is not. `moves`: the console
    itself may be doing what is left."""
    states = states or {}
    lines = [*_head(document, origin)]
    if moves:
        lines += [
            "",
            _comment("This run is the console's own until its workers and schedulers are stopped: they would do the same beside you."),
        ]
        lines += ["step 'See that every worker and scheduler of the console is stopped, on each machine, and was before this was written'"]
    for position, step in enumerate(document["steps"], 1):
        state = states.get(step["key"], "planned")
        if state in FINISHED:
            lines += ["", _comment(f"{position}. {step['title']}: {state.replace('_', ' ')}, left out")]
        else:
            lines += ["", *_step(document, position, step, state, done)]
    return "\n".join([*lines, "", f"say {_word('The end: ' + document['title'])}", ""])


def ssh(host: str, argv: Sequence[str]) -> str:
    """One line for a shell here that runs one command there: quoted once for each of the two shells. -n: Enter is for the script."""
    return f"ssh -n {_word(host)} -- {_word(quoted(argv))}"


def _word(text: str) -> str:
    """One word of a line of this script."""
    return quoted((text,))


def _head(document: Mapping[str, Any], origin: str) -> Lines:
    yield "#!/usr/bin/env bash"
    yield _comment(f"{document['title']}: written by Ops Console from {origin}.")
    yield _comment("Read it before you run it. It stops at the first command that fails, and asks before each step.")
    yield _comment("Needed here: bash, ssh that reaches the hosts by their addresses, git, and aws with credentials and a region.")
    yield _comment("Where SSH_CONFIG names an ssh_config, such as the console's own, it is that which ssh and git go by.")
    yield "set -eu -o pipefail"
    yield 'if [ -n "${SSH_CONFIG-}" ]; then'
    yield """  ssh() { command ssh -F "$SSH_CONFIG" "$@"; }"""
    yield """  GIT_SSH_COMMAND="ssh -F $(printf %q "$SSH_CONFIG")"; export GIT_SSH_COMMAND"""
    yield "fi"
    yield ""
    yield """say() { printf '\\n== %s\\n' "$1"; }"""
    yield """stop() { printf 'Stopped: %s\\n' "$1" >&2; exit 1; }"""
    yield """step() { say "$1"; printf 'Enter begins it, Ctrl-C ends here. '; read -r _; }"""
    yield """by_hand() { printf 'No command does this: %s\\nType done when it is: ' "$1"; read -r it; test "$it" = done || stop "$1"; }"""
    if any(act["kind"] in _OF_THE_CURTAIN for step in document["steps"] for act in step["acts"]):
        yield from _RULES


def _step(document: Mapping[str, Any], position: int, step: Mapping[str, Any], state: str, done: Collection[str]) -> Lines:
    yield _comment(f"{position}. {step['title']}")
    if step.get("where"):
        yield _comment(f"   on: {step['where']}")
    if step.get("note"):
        yield _comment(f"   {step['note']}")
    if state in DOUBTFUL:
        yield _comment(f"   The console left it as “{state}”: look whether it has happened before you begin it again.")
    yield f"step {_word(f'{position}. ' + ' '.join(step['title'].split()))}"
    for act in step["acts"]:
        if act["key"] in done:
            yield _comment(f"   {act['target']}: {act['key']} is proven done, left out")
        elif act["kind"] == "beanstalk.update" and state in DOUBTFUL:
            yield from _update_once(act, document)
        else:
            yield from _WRITERS.get(act["kind"], _plain)(act, document)


def _comment(text: str) -> str:
    return "# " + " ".join(text.split()) if not text.startswith("   ") else "#   " + " ".join(text.split())


# -- one act of each kind: what does it, then what proves it


def _plain(act: Act, document: Mapping[str, Any]) -> Lines:
    """A command here, where there is one; else a person does it, and says so: what comes after it may rest on it."""
    if act["argv"]:
        yield quoted(act["argv"])
    else:
        yield f"by_hand {_word(' '.join((act['words'] or act['kind']).split()))}"


def _gates(act: Act, document: Mapping[str, Any]) -> Lines:
    yield _comment("   Look at the gates on the plan's page, or at every host and both repositories by hand.")


def _quiet(act: Act, document: Mapping[str, Any]) -> Lines:
    yield _comment("   Look at the clock: not around a payout; the plan's page says when. And none may run:")
    for host in act["params"]["hosts"]:
        look = commands.processes(act["params"]["processes"])
        yield f"if {ssh(host['ip'], look.argv)}; then {_stop(host['name'] + ': a payout runs')}; fi"


def _heads(act: Act, document: Mapping[str, Any]) -> Lines:
    commit = act["params"]["commit"]
    yield f'test "$({quoted(act["argv"])} | cut -f1)" = {_word(commit)} || {_stop(act["params"]["branch"] + " has moved")}'


def _bundle(act: Act, document: Mapping[str, Any]) -> Lines:
    sha = act["params"]["sha256"]
    name = _bundle_name(document)
    yield _comment(f"   The bundle, as {name} in this folder: the console keeps it as bundles/by-sha256/{sha}.zip below its DATA_DIR.")
    yield f"printf '%s  %s\\n' {_word(sha)} {_word(name)} | sha256sum -c - || stop 'this is not the bundle of the plan'"


def _bundle_name(document: Mapping[str, Any]) -> str:
    puts = [act["argv"][3] for step in document["steps"] for act in step["acts"] if act["kind"] == "s3.put"]
    return puts[0] if puts else "bundle.zip"


def _version(act: Act, document: Mapping[str, Any]) -> Lines:
    asked = ("--application-name", act["params"]["application"], "--version-labels", act["params"]["label"])
    there = quoted(("aws", "elasticbeanstalk", "describe-application-versions", *asked, "--query", _VERSION, "--output", "text"))
    yield f'test "$({there})" = {_word(act["params"]["key"])} || {quoted(act["argv"])}'


def _update(act: Act, document: Mapping[str, Any]) -> Lines:
    yield quoted(act["argv"])
    yield from _follow(act, document)


def _update_once(act: Act, document: Mapping[str, Any]) -> Lines:
    """Where the console may have begun it: Beanstalk refuses a second update beside the first, and a third would take as long again."""
    name, label = act["params"]["beanstalk"], act["params"]["label"]
    yield _comment("   What the console may have begun here is waited for, and begun again only where it has not brought the version.")
    yield _until_ready(name)
    yield f'test "$({_environment(name, "VersionLabel")})" = {_word(label)} || {quoted(act["argv"])}'
    yield from _follow(act, document)


def _follow(act: Act, document: Mapping[str, Any]) -> Lines:
    name, label = act["params"]["beanstalk"], act["params"]["label"]
    yield _until_ready(name)
    yield f'test "$({_environment(name, "VersionLabel")})" = {_word(label)} || {_stop(name + " is not on " + label)}'
    yield from _every_host(name, label)


def _until_ready(name: str) -> str:
    return f'until test "$({_environment(name, "Status")})" = Ready; do sleep 15; done'


def _environment(name: str, what: str) -> str:
    asked = ("aws", "elasticbeanstalk", "describe-environments", "--environment-names", name, "--query")
    return quoted((*asked, f"Environments[0].{what}", "--output", "text"))


def _every_host(name: str, label: str) -> Lines:
    """Beanstalk has called a deployment successful that one instance never saw: every host's own word counts."""
    others = f"length(InstanceHealthList[?Deployment.VersionLabel!='{label}' || Deployment.Status!='Deployed'])"
    asked = ("aws", "elasticbeanstalk", "describe-instances-health", "--environment-name", name, "--attribute-names", "All")
    count = quoted((*asked, "--query", others, "--output", "text"))
    yield f'test "$({count})" = 0 || {_stop("a host of " + name + " is not on " + label)}'


def _command(act: Act, document: Mapping[str, Any]) -> Lines:
    host, name, fatal = act["params"]["ip"], act["target"], act["params"].get("fatal")
    yield _comment(f"   {name}")
    if "says" in act["params"]:
        said = act["params"]["says"]
        yield f'test "$({ssh(host, act["argv"])})" = {_word(said)} || {_stop(f"{name}: expected " + (said or "nothing"))}'
    elif fatal:
        yield f'said="$({ssh(host, act["argv"])})" || {{ printf "%s\\n" "$said"; {_stop(name + ": it failed")}; }}'
        yield 'printf "%s\\n" "$said"'
        grep = quoted(("grep", "-Eq", "-e", fatal))
        yield f'if {grep} <<<"$said"; then {_stop(name + ": exit code 0, but the output says that it failed")}; fi'
    else:
        yield ssh(host, act["argv"])
    for path in act["params"].get("files", ()):
        yield f"{ssh(host, commands.is_there(path).argv)} || {_stop(f'{name}: {path} is not there')}"


def _stop(why: str) -> str:
    return f"stop {_word(why)}"


def _maintenance(act: Act, document: Mapping[str, Any]) -> Lines:
    yield from _command(act, document)
    flag = commands.is_there(commands.MAINTENANCE_FLAG).argv
    look = ssh(act["params"]["ip"], flag if act["params"]["on"] else ("test", "!", *flag[1:]))
    yield f"{look} || {_stop(act['target'] + ': the flag ' + commands.MAINTENANCE_FLAG + ' says otherwise')}"


def _reopen(act: Act, document: Mapping[str, Any]) -> Lines:
    yield _comment(f"   {act['target']}: out of maintenance mode, where it is found in it after its deployment")
    host = act["params"]["ip"]
    yield f"if {ssh(host, commands.is_there(commands.MAINTENANCE_FLAG).argv)}; then {ssh(host, act['argv'])}; fi"


def _verify(act: Act, document: Mapping[str, Any]) -> Lines:
    hosts = document["facts"].get("hosts", ())
    for name in dict.fromkeys(host["beanstalk"] for host in hosts):
        yield from _every_host(name, act["params"]["label"])
    yield _comment("   Then open the shop in a browser, and look at the target groups: every host healthy.")


def _ask(act: Act, document: Mapping[str, Any]) -> Lines:
    yield _comment(f"   {act['target']}: exit code 0 means that nothing is needed, 2 that a migration is")
    yield f'{ssh(act["params"]["ip"], act["argv"])} || echo "exit code $?"'


def _jobs(act: Act, document: Mapping[str, Any]) -> Lines:
    yield f"while {ssh(act['params']['ip'], act['argv'])}; do sleep 10; done"


def _configure(act: Act, document: Mapping[str, Any]) -> Lines:
    yield quoted(act["argv"])
    yield _until_ready(act["params"]["beanstalk"])


def _snapshot(act: Act, document: Mapping[str, Any]) -> Lines:
    """Under a name of its own: the console's has the run's number."""
    database = _word(act["params"]["database"])
    yield f'snapshot="opsconsole-by-hand-$(date +%Y%m%d%H%M%S)-"{database}'
    yield f'aws rds create-db-snapshot --db-instance-identifier {database} --db-snapshot-identifier "$snapshot"'
    yield 'aws rds wait db-snapshot-available --db-snapshot-identifier "$snapshot"'


def _draw(act: Act, document: Mapping[str, Any]) -> Lines:
    """A rule that stands already is left: it may be the console's own, and its pass another one."""
    asked, name = act["params"], act["params"]["name"]
    yield _comment(f"   {act['words']}")
    yield f"rules {_rule(act)}"
    told = [{"Key": key, "Value": value} for key, value in curtain.tags(name, asked["target"], "by hand", _IN_SHELL["$since"]).items()]
    written = {
        "conditions": curtain.conditions(name, _IN_SHELL["$pass"]),
        "actions": [curtain.action(name, front=asked["front"], back=asked["back"])],
        "tags": told,
    }
    options = " ".join(f"--{option} {_json(value)}" for option, value in written.items())
    rule = f"--listener-arn {_word(asked['listener'])} --priority {asked['priority']}"
    yield f'test -n "$found" || aws elbv2 create-rule {rule} {options}'


def _open(act: Act, document: Mapping[str, Any]) -> Lines:
    yield _comment(f"   {act['words']}")
    yield f"rules {_rule(act)}"
    yield 'for rule in $found; do aws elbv2 delete-rule --rule-arn "$rule"; done'
    yield f"rules {_rule(act)}"
    yield f'test -z "$found" || {_stop(act["params"]["name"] + " is still there")}'


def _smoke(act: Act, document: Mapping[str, Any]) -> Lines:
    passes = [
        each
        for step in document["steps"]
        for each in step["acts"]
        if each["kind"] in ("balancer.rule", "balancer.open") and each["params"]["name"] == "pass"
    ]
    for each in passes[:1]:
        yield f"rules {_rule(each)}"
        value = "Rules[0].Conditions[?Field=='http-header'].HttpHeaderConfig.Values[]"
        yield f'for rule in $found; do pass="$(aws elbv2 describe-rules --rule-arns "$rule" --query {_word(value)} --output text)"; done'
    yield f'by_hand "Look at the shop as a tester sees it: send {curtain.HEADER}: $pass"'


def _rule(act: Act) -> str:
    return quoted((act["params"]["listener"], act["params"]["target"], act["params"]["name"]))


def _json(value: object) -> str:
    """One word, in which the shell puts its own values in the place of their names."""
    text = _word(json.dumps(value, ensure_ascii=False))
    for name, place in _IN_SHELL.items():
        text = text.replace(place, f"'\"{name}\"'")
    return text


def _by_console(act: Act, document: Mapping[str, Any]) -> Lines:
    """What the console keeps for itself: nothing in the world."""
    yield _comment(f"   {act['target']}: {act['words'] or act['kind']}")


_VERSION = "ApplicationVersions[0].SourceBundle.S3Key"
_OF_THE_CURTAIN = ("balancer.rule", "balancer.open", "curtain.smoke")
_IN_SHELL = {"$pass": "THE-PASS", "$since": "THE-TIME"}
_RULES = rf"""
# The curtain's rules on a listener, of a service's environment, by their name: known by their tags. Whoever sends {curtain.HEADER} passes.
pass="$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')"
since="$(date -u +%Y-%m-%dT%H:%M:%S+00:00)"
rules() {{
  all="$(aws elbv2 describe-rules --listener-arn "$1" --query 'Rules[?!IsDefault].RuleArn' --output text)"
  both="[?(Key=='{curtain.TAG}' && Value=='$2') || (Key=='{curtain.NAME}' && Value=='$3')]"
  both="TagDescriptions[?length(Tags$both)==\`2\`].ResourceArn"
  found="$(printf '%s\n' $all | xargs -r -n 20 aws elbv2 describe-tags --query "$both" --output text --resource-arns)"
}}
""".strip().splitlines()
_WRITERS: Mapping[str, Callable[[Act, Mapping[str, Any]], Lines]] = {
    "release.gates": _gates,
    "release.verify": _verify,
    "operation.gates": _gates,
    "money.quiet": _quiet,
    "git.heads": _heads,
    "bundle.build": _bundle,
    "beanstalk.version": _version,
    "beanstalk.update": _update,
    "beanstalk.follow": _follow,
    "host.command": _command,
    "host.look": _command,
    "magento.maintenance": _maintenance,
    "magento.reopen": _reopen,
    "magento.ask": _ask,
    "magento.jobs": _jobs,
    "build.measure": _by_console,
    "build.keep": _by_console,
    "beanstalk.settings": _configure,
    "beanstalk.option": _configure,
    "rds.snapshot": _snapshot,
    "balancer.rule": _draw,
    "balancer.open": _open,
    "curtain.smoke": _smoke,
    "decision.judge": _by_console,
}
