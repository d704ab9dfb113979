#!/bin/sh
# The unit under a systemd of its own, a user's manager in namespaces of their own: run by
# test_systemd.py with the directory of its files and a control group of v2 to be in. Each line of
# output is a step that went well.
set -u
base=$1
mount --make-rprivate / && mount -t tmpfs tmpfs /run && mkdir -p /run/user/0 /run/systemd/system || exit 2 # as where one has booted
mount -t tmpfs tmpfs /sys/fs/cgroup && mount -t cgroup2 cgroup2 /sys/fs/cgroup || exit 2
export HOME="$base/home" XDG_RUNTIME_DIR=/run/user/0
unit=studentfs@$(systemd-escape --path "$base/mnt").service

# until_true WORDS...: for ten seconds at most.
until_true() {
    n=0
    until "$@"; do
        n=$((n + 1))
        [ $n -lt 100 ] || return
        sleep 0.1
    done
}

main_pid() {
    systemctl --user show -p MainPID --value "$unit"
}

# shellcheck disable=SC2317 # until_true calls it
is_another() {
    [ "$(main_pid)" != "$first" ] && [ "$(systemctl --user is-active "$unit")" = active ]
}

# answers RUN: whether the mount makes runs.
answers() {
    mkdir "$base/mnt/$1" && echo 'echo hello' > "$base/mnt/$1/cmd" && [ "$(cat "$base/mnt/$1/stdout")" = hello ]
}

/lib/systemd/systemd --user --log-target=null > /dev/null 2>&1 &
manager=$!
until_true test -S /run/user/0/systemd/private || exit 2
systemctl --user start "$unit" && echo "started" # ready when it returns
answers t1 && echo "answers"
first=$(main_pid)
kill -9 "$first" && until_true is_another && echo "started again"
answers t2 && echo "answers again"
systemctl --user stop "$unit" && [ "$(systemctl --user is-active "$unit")" = inactive ] && echo "stopped"
! grep -q fuse.studentfs /proc/self/mounts && ! ls -d /run/studentfs* /run/user/0/studentfs* 2> /dev/null && echo "gone"
kill $manager; wait $manager; exit 0
