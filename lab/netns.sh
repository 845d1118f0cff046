#!/bin/bash
# Runs a command as if on a small machine of its own: fresh network, process, mount, host name and
# cgroup namespaces, a private /run, and cgroup trees whose roots are its own. Nothing of
# it survives the command: processes, mounts, interfaces and cgroups go, also on SIGTERM or SIGINT.
# The exit code is the command's. Disks, /tmp and devices are the machine's.
#
#   lab/netns.sh [--uplink] [--v2] [--] COMMAND [ARGUMENT...]
#
#   --uplink  reach what the machine reaches: a veth, and masquerading on the machine while it lasts
#   --v2      show the cgroup v2 tree alone, as on a host without v1 (it has only the controllers
#             that v1 has left to it: on hybrid machines no memory, cpu or pids limits)
set -u

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }

# ---- inside -------------------------------------------------------------------------------------

mount_cgroups() {
    local controllers=$1 v2_only=$2
    umount --recursive --lazy /sys/fs/cgroup
    if [ "$v2_only" = yes ] || [ "$controllers" = unified ]; then
        mount -t cgroup2 none /sys/fs/cgroup
        return
    fi
    mount -t tmpfs -o mode=755 none /sys/fs/cgroup
    local name
    for name in $controllers; do
        mkdir "/sys/fs/cgroup/$name"
        case $name in
            unified) mount -t cgroup2 none "/sys/fs/cgroup/$name" ;;
            systemd) mount -t cgroup -o none,name=systemd none "/sys/fs/cgroup/$name" ;;
            *) mount -t cgroup -o "$name" none "/sys/fs/cgroup/$name" ;;
        esac
    done
}

# Process 1 of the small machine: sets it up, runs the command, reaps what is orphaned.
inside() {
    local controllers=$1 v2_only=$2 uplink=$3
    shift 3
    mount -t tmpfs -o mode=755 none /run
    mkdir -m 755 /run/netns /run/lock
    mount_cgroups "$controllers" "$v2_only"
    ip link set lo up
    # Only some kernels have these; where they are they would send bridged traffic through the
    # machine's own tables.
    echo 0 2>/dev/null >/proc/sys/net/bridge/bridge-nf-call-iptables
    if [ "$uplink" != none ]; then
        local i
        for i in $(seq 500); do ip link show up0 >/dev/null 2>&1 && break; sleep 0.01; done
        ip addr add "$uplink.2/30" dev up0
        ip link set up0 up
        ip route add default via "$uplink.1"
    fi
    "$@" &
    local child=$! code
    trap 'kill -TERM $child 2>/dev/null' TERM INT
    while :; do
        wait "$child"
        code=$?
        kill -0 "$child" 2>/dev/null || exit "$code"
    done
}

# ---- outside ------------------------------------------------------------------------------------

make_cgroups() {
    local path
    controllers=
    if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
        controllers=unified
        cgroups=/sys/fs/cgroup/$name
        # What the command's own node may hand on must be handed to it first.
        for path in cpu memory pids; do
            echo "+$path" 2>/dev/null >/sys/fs/cgroup/cgroup.subtree_control
        done
        mkdir -p "$cgroups"
        return
    fi
    for path in /sys/fs/cgroup/*/cgroup.procs; do
        path=${path%/cgroup.procs}
        # A cpuset has neither cpus nor memory until it is told so.
        [ "${path##*/}" = cpuset ] && continue
        [ -L "$path" ] && continue
        mkdir "$path/$name" 2>/dev/null || continue
        controllers="$controllers ${path##*/}"
        cgroups="$cgroups $path/$name"
    done
}

kill_and_remove_cgroups() {
    local group pid round
    for round in $(seq 200); do
        for group in $cgroups; do
            [ -d "$group" ] || continue
            find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null
        done | sort -u | while read -r pid; do kill -KILL "$pid" 2>/dev/null; done
        for group in $cgroups; do
            find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
        done
        local left=
        for group in $cgroups; do [ -d "$group" ] && left=yes; done
        [ -z "$left" ] && return
        sleep 0.02
    done
    echo "lab: cgroups $name are still in use" >&2
}

make_uplink() {
    # Not before the runner has left this network namespace, or the peer would stay in it.
    until [ "$(readlink "/proc/$1/ns/net")" != "$(readlink /proc/self/ns/net)" ]; do
        kill -0 "$1" 2>/dev/null || return
        sleep 0.01
    done
    ip link add "$veth" type veth peer name up0 netns "$1" || return
    ip addr add "$uplink.1/30" dev "$veth"
    ip link set "$veth" up
    if [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 0 ]; then
        echo 1 >/proc/sys/net/ipv4/ip_forward
    fi
    nft -f - <<RULES
table ip $table {
    chain out {
        type nat hook postrouting priority srcnat; policy accept;
        ip saddr $uplink.0/30 masquerade
    }
}
RULES
}

clean_up() {
    trap '' TERM INT EXIT
    # Waited for here, so that the shell does not print an obituary.
    [ -n "$runner" ] && kill -KILL "$runner" 2>/dev/null && wait "$runner" 2>/dev/null
    kill_and_remove_cgroups
    if [ "$uplink" != none ]; then
        nft delete table ip "$table" 2>/dev/null
        ip link del "$veth" 2>/dev/null
        # The machine forwards nothing again once no lab needs it.
        nft list tables | grep -q 'table ip lab_up_' || echo 0 >/proc/sys/net/ipv4/ip_forward
    fi
}

if [ "${1:-}" = --inside ]; then
    shift
    inside "$@"
fi

uplink=none v2_only=no
while [ $# -gt 0 ]; do
    case $1 in
        --uplink) uplink=wanted ;;
        --v2) v2_only=yes ;;
        --) shift; break ;;
        --help | -h) usage; exit 0 ;;
        -*) echo "lab: unknown option $1; try --help" >&2; exit 2 ;;
        *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || { usage >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "lab: needs root for namespaces and cgroups" >&2; exit 2; }

# Empty groups of labs that were killed before they could tidy up.
for group in /sys/fs/cgroup/lab-* /sys/fs/cgroup/*/lab-*; do
    if [ -d "$group" ] && [ ! -d "/proc/${group##*/lab-}" ]; then
        find "$group" -depth -type d -exec rmdir {} + 2>/dev/null
    fi
done

name=lab-$$
veth=lab-up-$$ table=lab_up_$$
cgroups='' controllers='' runner=''
make_cgroups
trap clean_up EXIT
trap 'exit 143' TERM
trap 'exit 130' INT

[ "$uplink" = wanted ] && uplink=10.212.$(($$ % 250 + 1))
(
    for group in $cgroups; do echo "$BASHPID" >"$group/cgroup.procs"; done
    # If this script is killed, so is the small machine.
    exec setpriv --pdeathsig KILL \
        unshare --net --mount --propagation private --pid --cgroup --ipc --uts --fork \
        --kill-child=KILL --mount-proc \
        bash "$0" --inside "${controllers# }" "$v2_only" "$uplink" "$@"
) &
runner=$!
[ "$uplink" != none ] && make_uplink "$runner"
wait "$runner"
code=$?
runner=
exit "$code"
