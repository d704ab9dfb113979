#!/bin/bash
# Packages installed, used and purged by dpkg itself, in a copy of this machine whose writes go to
# a layer in memory. test_packages.py calls it in a mount namespace of its own:
#
#   installed.sh DIRECTORY PACKAGE.deb...    prints a line `ok NAME` for each thing that holds
set -eu
if [ "${1-}" != --inside ]; then
    directory=$1
    shift
    mount -t tmpfs -o size=512m none "$directory"
    cd "$directory"
    mkdir upper work new
    mount -t overlay -o "lowerdir=/,upperdir=$PWD/upper,workdir=$PWD/work" none new
    mount -t tmpfs -o mode=1777 none new/tmp
    mount -t tmpfs none new/run
    for name in proc dev sys; do mount --rbind "/$name" "new/$name"; done
    mkdir new/tmp/upper new/tmp/debs new/tmp/old
    mount --bind upper new/tmp/upper
    cp -- "$@" new/tmp/debs
    cp "$0" new/tmp/installed.sh
    cd new
    pivot_root . tmp/old
    umount -l /tmp/old
    exec bash /tmp/installed.sh --inside
fi

export DEBIAN_FRONTEND=noninteractive PATH=/usr/sbin:/usr/bin:/sbin:/bin TMPDIR=/tmp
unset XDG_RUNTIME_DIR LD_LIBRARY_PATH
# What fails leaves its mount, and the daemon would keep all of this alive.
trap 'while umount -l /mnt/students 2> /dev/null; do :; done' EXIT
mkdir -p /tmp/task/student /mnt/students
chmod 777 /tmp/task/student

try() {
    local name=$1
    shift
    if "$@" > /tmp/output 2>&1; then echo "ok $name"; else echo "not ok $name" && cat /tmp/output; fi
}

# The whole of a run, on what is mounted.
run_true() {
    local run=/mnt/students/t1
    mkdir "$run" && echo "$1" > $run/time_limit && echo true > $run/cmd &&
        [ "$(cat $run/retval)" = 0 ] && rm -r $run
}

# With its daemon: the next mount there waits for nobody.
ends() {
    local i
    "$@" && ! grep -q ' /mnt/students ' /proc/mounts || return
    for ((i = 0; i < 200; i++)); do
        [ -n "$(daemon)" ] || return 0
        sleep 0.05
    done
    return 1
}

by_command() {
    studentfs --task /tmp/task /mnt/students && run_true 1 && ends fusermount3 -u /mnt/students
}

by_mount() {
    mount -t fuse.studentfs -o allow_other,time-limit=7,noauto,x-systemd.automount /tmp/task /mnt/students &&
        grep -q ' /mnt/students fuse.studentfs .*allow_other' /proc/mounts &&
        tr '\0' ' ' < "/proc/$(pgrep -P "$(daemon)")/cmdline" | grep -q -F -e ' --time-limit 7 ' &&
        [ "$(readlink /mnt/students/task)" = /tmp/task ] && run_true 0 && ends umount /mnt/students
}

daemon() {
    local directory
    for directory in /proc/[0-9]*; do
        [ "$(readlink "$directory/exe")" = /usr/bin/studentfs ] && grep -q -z -x -F /mnt/students "$directory/cmdline" &&
            echo "${directory#/proc/}" && return
    done
}

by_fstab() {
    echo '/tmp/task /mnt/students fuse.studentfs max-runs=1,nofail 0 0' >> /etc/fstab
    mount /mnt/students && run_true 1 && mkdir /mnt/students/one && ! mkdir /mnt/students/two &&
        rmdir /mnt/students/one && ends umount /mnt/students
}

refuses_read_only() {
    ! mount -t fuse.studentfs -o ro /tmp/task /mnt/students 2> /tmp/words &&
        grep -q 'cannot be mounted read-only' /tmp/words
}

unit_is_good() {
    systemd-analyze verify /lib/systemd/system/studentfs@.service
}

manuals_are_found() {
    local page
    for page in studentfs.1 studentfs.5 studentfs-agent.8 mount.fuse.studentfs.8; do
        [ -f "/usr/share/man/man${page##*.}/$page.gz" ] || return
    done
}

# What dpkg and this script keep for themselves apart, nothing was left in the layer.
nothing_left() {
    rmdir /mnt/students
    find /tmp/upper -mindepth 1 ! -type d ! -path '/tmp/upper/var/lib/dpkg/*' ! -path '/tmp/upper/var/log/*' \
        ! -path '/tmp/upper/var/cache/*' ! -path /tmp/upper/etc/fstab ! -path '/tmp/upper/etc/ld.so.cache' |
        tee /tmp/left
    find /tmp/upper -iname '*student*' ! -path '/tmp/upper/var/log/*' ! -path '/tmp/upper/var/cache/man/*' | tee -a /tmp/left
    [ ! -s /tmp/left ] && ! [ -e /usr/bin/studentfs ] && [ -z "$(daemon)" ] && ! ls -d /run/studentfs*
}

try install dpkg -i /tmp/debs/*.deb
try verify dpkg --verify studentfs
try command by_command
try mount by_mount
try fstab by_fstab
try read-only refuses_read_only
if command -v systemd-analyze > /dev/null; then try unit unit_is_good; else echo "skip unit no systemd-analyze"; fi
try manuals manuals_are_found
packages=$(for deb in /tmp/debs/*.deb; do dpkg-deb -f "$deb" Package; done)
# shellcheck disable=SC2086 # a word each
try purge dpkg --purge $packages
try nothing-left nothing_left
