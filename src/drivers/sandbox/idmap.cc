#include "drivers/sandbox/idmap.h"

#include <cerrno>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "io/file/files.h"

namespace moln {
namespace {

// A process that only holds a new user namespace until it is killed.
class NamespaceHolder {
public:
    static Result<NamespaceHolder> start() {
        MOLN_ASSIGN(Pipe ready, make_pipe());
        const pid_t pid = fork();
        if (pid < 0) return fail(error_from_errno(errno, "make a user namespace"));
        if (pid == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            const char done = unshare(CLONE_NEWUSER) == 0 ? 1 : 0;
            (void)!write(ready.write_end.get(), &done, 1);
            while (true) pause();
        }
        NamespaceHolder holder(pid);
        ready.write_end.reset();
        char done = 0;
        if (read(ready.read_end.get(), &done, 1) != 1 || done != 1) {
            return fail(ErrorCode::unavailable,
                        "user namespaces are not allowed on this host: set "
                        "user.max_user_namespaces above 0");
        }
        return holder;
    }
    NamespaceHolder(NamespaceHolder&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
    NamespaceHolder& operator=(NamespaceHolder&&) = delete;
    ~NamespaceHolder() {
        if (pid_ < 0) return;
        ::kill(pid_, SIGKILL);
        while (waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }
    std::string proc() const { return fmt::format("/proc/{}", pid_); }

private:
    explicit NamespaceHolder(pid_t pid) : pid_(pid) {}
    pid_t pid_;
};

}  // namespace

Result<int> IdMaps::user_namespace(std::int64_t uid_base) {
    const std::lock_guard lock(mutex_);
    if (const auto found = namespaces_.find(uid_base); found != namespaces_.end()) {
        return found->second.get();
    }
    MOLN_ASSIGN(const auto holder, NamespaceHolder::start());
    const auto map = fmt::format("0 {} {}", uid_base, k_uids_per_instance);
    MOLN_TRY(write_existing(holder.proc() + "/uid_map", map));
    MOLN_TRY(write_existing(holder.proc() + "/gid_map", map));
    MOLN_ASSIGN(Fd fd, open_fd(holder.proc() + "/ns/user", O_RDONLY));
    const int raw = fd.get();
    namespaces_.emplace(uid_base, std::move(fd));
    return raw;
}

Status IdMaps::mount(const IdmappedMount& what) {
    MOLN_ASSIGN(const int user_namespace_fd, user_namespace(what.uid_base));
    // glibc 2.36 has wrappers for these, but not all headers that build this do: plain syscalls.
    const Fd tree(static_cast<int>(
        syscall(SYS_open_tree, AT_FDCWD, what.from.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC)));
    if (!tree.valid()) return fail(error_from_errno(errno, "mount " + what.from));
    mount_attr attributes{};
    attributes.attr_set = MOUNT_ATTR_IDMAP | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV;
    if (what.read_only) attributes.attr_set |= MOUNT_ATTR_RDONLY;
    attributes.userns_fd = static_cast<std::uint64_t>(user_namespace_fd);
    if (syscall(SYS_mount_setattr, tree.get(), "", AT_EMPTY_PATH, &attributes, sizeof attributes) !=
        0) {
        return fail(error_from_errno(
            errno, fmt::format("map the owners of {} (its file system must support idmapped "
                               "mounts: ext4, xfs or btrfs on Linux 5.19 or later)",
                               what.from)));
    }
    if (syscall(SYS_move_mount, tree.get(), "", AT_FDCWD, what.to.c_str(),
                MOVE_MOUNT_F_EMPTY_PATH) != 0) {
        return fail(error_from_errno(errno, fmt::format("mount {} on {}", what.from, what.to)));
    }
    return {};
}

}  // namespace moln
