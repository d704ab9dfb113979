#!/bin/sh
# grading_container.sh COMMAND...: in mounts of its own, with an empty /sockets beside all that is
# there; for unshare -m. As in a grading container, but for main.sock, which is the caller's to make.
set -e
here=$(pwd)
root=/mnt # covered in these mounts only, and the one directory that is not shown in the new root
mount -t tmpfs tmpfs "$root"
mkdir "$root/mnt" "$root/old" "$root/sockets"
for entry in /*; do
    name=${entry#/}
    if [ "$entry" = "$root" ]; then
        continue
    elif [ -L "$entry" ]; then
        cp -P "$entry" "$root/$name"
    elif [ -d "$entry" ] && [ "$name" != sockets ]; then
        mkdir "$root/$name"
        mount --rbind "$entry" "$root/$name"
    fi
done
cd "$root"
pivot_root . old
umount -l old
rmdir old
cd "$here"
exec "$@"
