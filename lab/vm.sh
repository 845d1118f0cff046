#!/bin/bash
# Runs a command in a virtual machine of its own: Debian 12 with Debian's kernel and cgroup v2
# alone, as most machines have it. This checkout lies there at the same path as here, with what was
# built (programs and tests), without sources. Needs root and the packages of section `vm`. The
# machine is emulated: several times slower, booted in 20 seconds. The exit code is the command's.
# The image is kept in build/vm until the packages change.
#
#   lab/vm.sh [--memory MIB] [--limit SECONDS] [--] COMMAND [ARGUMENT...]
#
#   lab/vm.sh build/tests/contracts/sandbox_real_test
#   lab/vm.sh -- env MOLN="$PWD/build/src/main/moln" python3 -B tests/system/test_switch.py
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
kept=$here/build/vm

usage() { sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"; }

packages() {
    awk '$1 == "run" && $2 !~ /^(mmdebstrap|npm|skopeo)$/ {print $2}' "$here/tools/packages.txt"
}

# Process 1 of the machine. Its console is the first serial line, the command's output the second.
write_init() {
    cat > "$1" <<'INIT'
#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mount -t proc proc /proc
mount -t sysfs sys /sys 2>/dev/null
mkdir -p /dev/pts
mount -t devpts devpts /dev/pts
# /tmp stays on the disk: this kernel maps no owners of files in memory, which an instance's
# folders need.
mount -t tmpfs -o mode=755 none /run
mount -t cgroup2 none /sys/fs/cgroup
ip link set lo up
hostname lab
mkdir /payload && mount /dev/vdb /payload
for top in /payload/files/*; do
    [ -e "/${top##*/}" ] || mkdir "/${top##*/}"
    cp -a "$top/." "/${top##*/}"
done
export LD_LIBRARY_PATH=/payload/lib
/bin/bash /payload/command > /dev/ttyS1 2>&1 < /dev/null
echo "exit code $?" > /dev/ttyS1
sync
echo o > /proc/sysrq-trigger
sleep 60
INIT
    chmod 755 "$1"
}

make_root() {
    local stamp root=$kept/root
    stamp=$( { packages; declare -f make_root write_init; } | sha256sum)
    [ "$stamp" = "$(cat "$kept/stamp" 2>/dev/null)" ] && return
    echo "lab: making the machine's image (once)" >&2
    rm -rf "$kept"
    mkdir -p "$kept"
    mmdebstrap --quiet --variant=minbase \
        --include="$(packages | paste -sd,),linux-image-cloud-amd64,kmod,procps,python3,curl" \
        bookworm "$root" > "$kept/log" 2>&1 || { tail -20 "$kept/log" >&2; exit 1; }
    cp "$root"/boot/vmlinuz-* "$kept/kernel"
    cp "$root"/boot/initrd.img-* "$kept/initrd"
    write_init "$root/lab-init"
    truncate -s 4G "$kept/root.img"
    mke2fs -q -F -t ext4 -d "$root" "$kept/root.img"
    rm -rf "$root"
    echo "$stamp" > "$kept/stamp"
}

make_payload() {
    local stage=$1 built file
    mkdir -p "$stage/files$here/build/src/main" "$stage/lib"
    cp -r "$here/tests" "$here/examples" "$stage/files$here/"
    cp "$here"/build/src/main/{moln,moln-init} "$stage/files$here/build/src/main/"
    for built in "$here"/build/tests/contracts/*_test; do
        [ -x "$built" ] && install -D "$built" "$stage/files$built"
    done
    # Scripts among them are no programs to ldd.
    { find "$stage/files" -type f -perm -100 -exec ldd {} + 2>/dev/null || true; } \
        | awk '$2 == "=>" && $3 ~ /^\// {print $3}' | sort -u | while read -r file; do
        case ${file##*/} in
            libc.so.6 | libm.so.6 | ld-linux*) ;;
            *) cp -L "$file" "$stage/lib/" ;;
        esac
    done
    {
        echo 'modprobe loop'  # the others load themselves, /dev/loop-control does not
        printf 'cd %q\n' "$here"
        printf '%q ' "${@:2}"
    } > "$stage/command"
    truncate -s 1G "$stage.img"
    mke2fs -q -F -t ext4 -d "$stage" "$stage.img"
}

memory=3072 limit=1800
while [ $# -gt 0 ]; do
    case $1 in
        --memory) memory=$2; shift ;;
        --limit) limit=$2; shift ;;
        --) shift; break ;;
        --help | -h) usage; exit 0 ;;
        -*) echo "lab: unknown option $1; try --help" >&2; exit 2 ;;
        *) break ;;
    esac
    shift
done
[ $# -gt 0 ] || { usage >&2; exit 2; }
make_root
stage=$(mktemp -d)
trap 'rm -rf "$stage" "$stage.img" "$stage.out"' EXIT
make_payload "$stage" "$@"
timeout "$limit" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -m "$memory" -smp 2 \
    -display none -no-reboot -snapshot -nic none -monitor none \
    -serial "file:$kept/console" -serial stdio \
    -kernel "$kept/kernel" -initrd "$kept/initrd" \
    -drive "file=$kept/root.img,if=virtio,format=raw" \
    -drive "file=$stage.img,if=virtio,format=raw" \
    -append "root=/dev/vda rw console=ttyS0 quiet panic=-1 init=/lab-init" < /dev/null \
    | tee "$stage.out" | grep -v --line-buffered '^exit code [0-9]*.$' || true
code=$(tr -d '\r' < "$stage.out" | sed -n 's/^exit code \([0-9]*\)$/\1/p' | tail -1)
if [ -z "$code" ]; then
    echo "lab: the machine did not finish; its console: $kept/console" >&2
    exit 1
fi
exit "$code"
