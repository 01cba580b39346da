#!/bin/sh
# The runner: starts a command so that it outlives whoever asked for it, once for each key, and says afterwards what became of it.
#
#   start  RUN STEP EPOCH WORDS       starts, or attaches to what was started under this key
#   attend RUN STEP EPOCH OFFSET SECONDS WORDS   the same, then follows
#   status RUN STEP                   what became of it
#   tail   RUN STEP OFFSET MAX        at most MAX bytes of its log
#   follow RUN STEP OFFSET SECONDS    its log as it grows, until it ended or SECONDS passed
#   cancel RUN STEP [GRACE]           TERM, after GRACE seconds KILL, then counts who is left
#   probe  SECONDS WORDS              a question: runs now, in the foreground
#
# WORDS: `-- word…` as they are, or `--encoded word…` with %XX for every byte outside A-Za-z0-9_./:=,+@-
# and % alone for an empty word.
# A first argument @HASH is compared with the sha256 of this file; another runner refuses to do anything.
# start, status, tail, follow and cancel say one line `KIND RC SIZE` (tail and follow on stderr, after the bytes), or `refused WHY` with exit code 97.
# KIND: absent started running finished lost cancelled. RC is - where there is none; SIZE is that of the log. A key never runs twice.
# Behind it LEFT PID…: how many processes of a cancelled command are there, counted anew each time, and which; where nobody is, cancel alone says 0.
#
# As a forced command (authorized_keys: restrict,command="/opt/opsconsole/runner") it reads its arguments from SSH_ORIGINAL_COMMAND, splits them
# at blanks and interprets nothing: what needs quoting comes encoded.
#
# Installed as /opt/opsconsole/runner. OPSCONSOLE_ROOT is put before the absolute paths of this file, for an image's staging root.
# Folder of a key: /var/lib/opsconsole/RUN/STEP, with epoch, command (words, NUL after each), pid (pid, session, start time, boot), alive (locked while
# it runs), log, rc, cancelled (who was left, PID/START each, or none). The folder itself is the lock. Removed 30 days after the end.

set -f # words from outside are never patterns
unset IFS CDPATH ENV
umask_of_caller=$(umask)
verb= members= seen= kept=
umask 077
base=${OPSCONSOLE_ROOT:-}/var/lib/opsconsole

refuse() {
    case $verb in
        tail | follow) echo "refused $*" >&2 ;;
        *) echo "refused $*" ;;
    esac
    exit 97
}

# --- What may come in -------------------------------------------------------------------------------------------------------------------------

check_name() {
    case $1 in
        '' | [!a-z0-9]* | *[!a-z0-9._-]*) refuse "key: $2 must be a-z 0-9 . _ - and begin with a letter or digit" ;;
        ?????????????????????????????????????????????????????????????????*) refuse "key: $2 is longer than 64 characters" ;;
    esac
}

check_number() {
    case $1 in
        '' | *[!0-9]* | 0?* | ????????????????*) refuse "number: $2 must be a whole number" ;;
    esac
}

set_folder() {
    check_name "$1" RUN
    check_name "$2" STEP
    folder=$base/$1/$2
}

# Sets `decoded`. One fork where there is anything to decode, none otherwise.
decode() {
    left=$1 text= decoded=
    [ "$1" != % ] || return 0
    while :; do
        case $left in
            *%*) ;;
            *) break ;;
        esac
        text=$text${left%%\%*}
        left=${left#*%}
        case $left in
            00*) refuse "words: NUL is in no word" ;;
            [0-9A-F][0-9A-F]*) ;;
            *) refuse "words: % is followed by two of 0-9 A-F" ;;
        esac
        code=$((0x${left%"${left#??}"}))
        text=$text\\0$((code / 64))$((code / 8 % 8))$((code % 8))
        left=${left#??}
    done
    decoded=$text$left
    case $1 in
        *%*)
            decoded=$(printf '%bx' "$decoded") # the x keeps a newline at the end
            decoded=${decoded%x}
            ;;
    esac
}

# --- What is there ----------------------------------------------------------------------------------------------------------------------------

# The fields of /proc/PID/stat after the name, which may hold blanks and brackets: state ppid pgrp session … start time (20th). One line in `stat`.
read_stat() {
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    stat=${stat##*) }
}

read_pid() {
    pid= session= since= boot=
    { read -r pid session since boot <"$folder/pid"; } 2>/dev/null
    [ -n "$boot" ]
}

is_alive() {
    read -r boot_now </proc/sys/kernel/random/boot_id
    [ "$boot" = "$boot_now" ] && read_stat "$pid" || return 1
    set -- $stat
    [ "$1" != Z ] && [ "$1" != X ] && [ "${20}" = "$since" ]
}

read_rc() {
    { read -r rc <"$folder/rc"; } 2>/dev/null && return 0
    rc=-
    return 1
}

# Sets `kind` and `rc`. That nobody lives is asked before rc is asked again: rc is there before its writer goes.
# A pid or rc without its words is what a power cut leaves: the command may have run.
look() {
    kind=absent
    if read_rc; then
        kind=finished
    elif [ -e "$folder/pid" ]; then
        if read_pid && is_alive; then kind=running; elif read_rc; then kind=finished; else kind=lost; fi
    fi
    if [ -e "$folder/cancelled" ] && [ "$kind" != running ]; then
        kind=cancelled
        recount
    fi
}

# Who of a cancelled command is left is asked each time, until nobody is: from then on its session's number may become somebody else's.
recount() {
    kept=
    { read -r kept <"$folder/cancelled"; } 2>/dev/null
    [ "$kept" != none ] || return 0
    seen="$seen $kept"
    find_members
    [ -n "$members" ] || find_members # whoever was forked during the first look
    [ -n "$members" ] || seen=none
    { echo "$seen" >"$folder/cancelled.$$" && mv "$folder/cancelled.$$" "$folder/cancelled"; } 2>/dev/null
}

report() {
    size=0
    [ "$kind" = started ] || [ ! -e "$folder/log" ] || size=$(stat -c %s "$folder/log")
    set -- $members
    echo "$kind $rc $size${members:+ $# $*}"
}

# Holds the key until this process ends or closes 9. A child that inherits 9 holds it as well.
lock() {
    exec 9<"$folder" && flock -w "$1" 9 || refuse "busy: another call holds this key"
}

# --- start ------------------------------------------------------------------------------------------------------------------------------------

start() {
    check_number "$3" EPOCH
    set_folder "$1" "$2"
    epoch=$3
    shift 3
    [ $# -gt 0 ] || refuse "words: no command"
    [ -d "$folder" ] || mkdir -p "$folder" || refuse "disk: $folder cannot be made"
    lock 15
    before=
    { read -r before <"$folder/epoch"; } 2>/dev/null
    if [ -n "$before" ] && [ "$epoch" -lt "$before" ]; then refuse "epoch: $epoch is older than $before"; fi
    echo "$epoch" >"$folder/epoch" || refuse "disk: $folder/epoch cannot be written"
    look
    if [ "$kind" = absent ]; then
        launch "$@"
    elif [ -e "$folder/command" ] && ! printf '%s\0' "$@" | cmp -s - "$folder/command"; then
        refuse "command: this key was started with another command"
    fi
}

# Whoever holds the lock and sees no pid knows that the command never began: the supervisor keeps the lock until its pid is written.
launch() {
    printf '%s\0' "$@" >"$folder/command" && : >>"$folder/log" && : >>"$folder/alive" || refuse "disk: $folder cannot be written"
    said=$(setsid -f sh "$0" supervise "$folder" "$umask_of_caller" "$@" </dev/null 2>/dev/null)
    [ "$said" = up ] || refuse "start: the supervisor did not come up"
    kind=started rc=-
}

set_since() {
    since=${20}
}

# Runs detached, in a session of its own. TERM is for the command; we stay to write its code.
supervise() {
    folder=$1 mask=$2
    shift 2
    read_stat $$
    read -r boot </proc/sys/kernel/random/boot_id
    set_since $stat
    exec 7<"$folder/alive" && flock -w 10 7 || exit 1 # somebody may look at this very moment
    # On the disk before the command begins: after a power cut it would else be taken for one that never began, and start again.
    # `sync FILE` is younger than Amazon Linux 2, whose sync waits for every file system of the host, a dead NFS server's too.
    echo "$$ $$ $since $boot" | dd of="$folder/pid" conv=fsync 2>/dev/null || { rm -f "$folder/pid"; exit 1; }
    trap : TERM INT HUP PIPE # whoever waits for this line may be gone
    echo up
    exec 9<&- >/dev/null
    (
        exec 7<&- </dev/null >>"$folder/log" 2>&1
        trap - TERM INT HUP PIPE
        unset SSH_ORIGINAL_COMMAND SSH_CONNECTION SSH_CLIENT SSH_TTY
        OPSCONSOLE_STEP=$folder:$$ LC_ALL=C.UTF-8
        export OPSCONSOLE_STEP LC_ALL
        umask "$mask"
        cd / || exit 126
        exec "$@"
    )
    rc=$?
    echo "$rc" >"$folder/rc.new" && mv "$folder/rc.new" "$folder/rc"
    exec 7<&-
    forget
}

# What ended more than 30 days ago goes.
forget() {
    set +f
    for ended in $(find "$base" -mindepth 3 -maxdepth 3 \( -name rc -o -name cancelled \) -mtime +30 2>/dev/null); do
        rm -rf "${ended%/*}"
        rmdir "${ended%/*/*}" 2>/dev/null
    done
}

# --- status, tail, follow ---------------------------------------------------------------------------------------------------------------------

status() {
    set_folder "$1" "$2"
    look
    case $kind in
        absent | lost)
            if [ -e "$folder/command" ]; then # a start may be under way
                lock 15
                look
            fi
            ;;
    esac
}

tail_log() {
    check_number "$3" OFFSET
    check_number "$4" MAX
    status "$1" "$2"
    [ ! -e "$folder/log" ] || tail -c "+$(($3 + 1))" "$folder/log" | head -c "$4"
}

# A waiter ends with the command (its supervisor's lock falls) or after SECONDS; `tail` ends with the waiter, after the last byte.
follow() {
    check_number "$3" OFFSET
    check_number "$4" SECONDS
    status "$1" "$2"
    [ -e "$folder/log" ] || return 0
    flock -s -w "$4" "$folder/alive" true &
    waiter=$!
    tail -c "+$(($3 + 1))" -f -s 0.02 --pid="$waiter" "$folder/log" 2>/dev/null &
    tailing=$!
    wait "$waiter"
    wait "$tailing"
    look
}

# --- cancel -----------------------------------------------------------------------------------------------------------------------------------

# Sets `members`: who is in the command's session, carries its mark after leaving it, was started by one of these, or was one of them before.
# `seen` keeps them with their start times, PID/START: a number may be somebody else's by the next look.
find_members() {
    members= living=
    read -r boot_now </proc/sys/kernel/random/boot_id
    sid=
    if read_pid && [ "$boot" = "$boot_now" ]; then
        sid=$session
        # The number is ours as long as the session lives; another process with that number is a stranger.
        if read_stat "$pid" && ! is_alive; then case $stat in [ZX]*) ;; *) sid= ;; esac fi
    else
        seen=
    fi
    for entry in $(cd /proc && set +f && echo [0-9]*); do
        read_stat "$entry" || continue
        set -- $stat
        if [ "$1" = Z ] || [ "$1" = X ] || [ "$entry" = $$ ]; then continue; fi
        living="$living $entry/$2/${20}"
        if [ -n "$sid" ] && [ "$4" = "$sid" ]; then
            members="$members $entry"
        else
            case " $seen " in *" $entry/${20} "*) members="$members $entry" ;; esac
        fi
    done
    [ -n "$pid" ] || return 0
    for entry in $(set +f; grep -lzsxF "OPSCONSOLE_STEP=$folder:$pid" /proc/[0-9]*/environ); do
        entry=${entry#/proc/}
        entry=${entry%/environ}
        case "$members " in
            *" $entry "*) ;;
            *) if read_stat "$entry"; then case $stat in [ZX]*) ;; *) members="$members $entry" ;; esac fi ;;
        esac
    done
    add_children
}

# Those of another user, whose environment cannot be read, show whose children they are only as long as their parents live.
add_children() {
    parents=$members
    while [ -n "$parents" ]; do
        children= seen=
        for entry in $living; do
            parent=${entry#*/}
            parent=${parent%/*}
            case "$members " in
                *" ${entry%%/*} "*) seen="$seen ${entry%%/*}/${entry##*/}" ;;
                *) case "$parents " in *" $parent "*) children="$children ${entry%%/*}" ;; esac ;;
            esac
        done
        members=$members$children parents=$children
    done
}

signal() {
    for entry in $members; do
        kill "-$1" "$entry" 2>/dev/null || sudo -n kill "-$1" "$entry" 2>/dev/null
    done
}

# Sets `ticks`: hundredths of a second since the machine's boot.
read_ticks() {
    read -r ticks rest </proc/uptime
    ticks=${ticks%.*}${ticks#*.}
}

# Waits up to $1 hundredths of a second, by the clock: on a busy machine each look takes its time. True when nobody is left.
wait_for_none() {
    read_ticks
    end=$((ticks + $1))
    while find_members && [ -n "$members" ]; do
        read_ticks
        [ "$ticks" -lt "$end" ] || return 1
        sleep 0.05
    done
}

cancel() {
    grace=${3:-5}
    check_number "$grace" GRACE
    set_folder "$1" "$2"
    [ -d "$folder" ] || mkdir -p "$folder" || refuse "disk: $folder cannot be made"
    lock 15
    look
    [ "$kind" = finished ] || [ -e "$folder/cancelled" ] || : >"$folder/cancelled" || refuse "disk: $folder/cancelled cannot be written"
    [ "$kept" = none ] || find_members
    if [ -n "$members" ]; then
        signal TERM
        wait_for_none $((grace * 100)) || signal KILL
        wait_for_none 200
    fi
    look
}

# --- The door ---------------------------------------------------------------------------------------------------------------------------------

forced=
if [ "${SSH_ORIGINAL_COMMAND+set}" ]; then
    LC_ALL=C
    case $SSH_ORIGINAL_COMMAND in
        *[!A-Za-z0-9_./:=,+@%\ -]*) refuse "words: what needs quoting must come encoded" ;;
    esac
    set -- $SSH_ORIGINAL_COMMAND
    case ${1:-} in
        /opt/opsconsole/runner) shift ;;
        *) refuse "verb: this key may only run /opt/opsconsole/runner" ;;
    esac
    unset SSH_ORIGINAL_COMMAND
    forced=yes
fi

case ${1:-} in
    @*)
        own=$(sha256sum <"$0")
        [ "@${own%% *}" = "$1" ] || refuse "runner: this is ${own%% *}"
        shift
        ;;
esac

verb=${1:-}
[ $# -eq 0 ] || shift
case $verb in
    start) fixed=3 ;;
    attend) fixed=5 ;;
    probe) fixed=1 ;;
    status | tail | follow | cancel) fixed= ;;
    supervise) # our own: it believes the folder that it is given
        fixed=
        [ -z "$forced" ] || refuse "verb: supervise"
        ;;
    *) refuse "verb: start attend status tail follow cancel probe" ;;
esac

# Behind the fixed arguments: `--` and plain words, or `--encoded` and encoded ones. They are put round: taken from the front, put to the end.
if [ -n "$fixed" ]; then
    [ $# -gt $((fixed + 1)) ] || refuse "words: no command"
    count=$#
    position=0
    encoding=
    while [ "$position" -lt "$count" ]; do
        word=$1
        shift
        if [ "$position" -eq "$fixed" ]; then
            case $word in
                -- | --encoded) encoding=$word ;;
                *) refuse "words: -- or --encoded comes before the command" ;;
            esac
        elif [ "$encoding" = --encoded ]; then
            decode "$word"
            set -- "$@" "$decoded"
        else
            set -- "$@" "$word"
        fi
        position=$((position + 1))
    done
fi

case $verb in
    start)
        start "$@"
        report
        ;;
    attend)
        run=$1 step=$2 epoch=$3 offset=$4 seconds=$5
        shift 5
        start "$run" "$step" "$epoch" "$@"
        report
        exec 9<&-
        follow "$run" "$step" "$offset" "$seconds"
        report >&2
        ;;
    status)
        [ $# -eq 2 ] || refuse "arguments: status RUN STEP"
        status "$@"
        report
        ;;
    tail)
        [ $# -eq 4 ] || refuse "arguments: tail RUN STEP OFFSET MAX"
        tail_log "$@"
        report >&2
        ;;
    follow)
        [ $# -eq 4 ] || refuse "arguments: follow RUN STEP OFFSET SECONDS"
        follow "$@"
        report >&2
        ;;
    cancel)
        [ $# -eq 2 ] || [ $# -eq 3 ] || refuse "arguments: cancel RUN STEP [GRACE]"
        cancel "$@"
        said=$(report)
        [ -n "$members" ] || said="$said 0"
        echo "$said"
        ;;
    probe)
        check_number "$1" SECONDS
        seconds=$1
        shift
        umask "$umask_of_caller"
        LC_ALL=C.UTF-8
        export LC_ALL
        cd / && exec timeout -k 2 "$seconds" "$@" </dev/null
        ;;
    supervise) supervise "$@" ;;
esac
