#!/bin/sh
# Runs a command as if on a second small machine, inside of a lab machine (lab/netns.sh): in the
# network namespace with this name, which the caller made, with a /run and cgroup trees of its own.
# Processes and disks are the lab machine's, which also tidies up.
#
#   lab/machine.sh NETNS COMMAND [ARGUMENT...]
set -eu

if [ "$1" = --inside ]; then
    shift
    mount -t tmpfs -o mode=755 none /run
    trees=$(echo /sys/fs/cgroup/*)
    umount --recursive --lazy /sys/fs/cgroup
    mount -t tmpfs -o mode=755 none /sys/fs/cgroup
    for tree in $trees; do
        mkdir "$tree"
        case ${tree##*/} in
            unified) mount -t cgroup2 none "$tree" ;;
            systemd) mount -t cgroup -o none,name=systemd none "$tree" ;;
            *) mount -t cgroup -o "${tree##*/}" none "$tree" ;;
        esac
    done
    exec "$@"
fi

netns=$1
shift
for tree in /sys/fs/cgroup/*/; do
    [ -e "$tree/cgroup.procs" ] || { echo "lab: no cgroup tree at $tree" >&2; exit 2; }
    mkdir -p "$tree/machine-$netns"
    echo $$ >"$tree/machine-$netns/cgroup.procs"
done
exec nsenter --net="/run/netns/$netns" unshare --mount --cgroup --propagation private \
    "$0" --inside "$@"
