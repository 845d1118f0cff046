#include "runtime/edge/privileges.h"

#include <cerrno>
#include <memory>

#include <grp.h>
#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace moln::edge_loop {
namespace {

constexpr int k_allowed[] = {
    // the loops
    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(poll),
    SCMP_SYS(read),
    SCMP_SYS(write),
    SCMP_SYS(close),
    SCMP_SYS(futex),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(sched_yield),
    SCMP_SYS(rseq),
    SCMP_SYS(getrandom),
    // connections
    SCMP_SYS(accept4),
    SCMP_SYS(socket),
    SCMP_SYS(connect),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(recvfrom),
    SCMP_SYS(recvmsg),
    SCMP_SYS(shutdown),
    SCMP_SYS(pipe2),
    SCMP_SYS(splice),
    SCMP_SYS(setsockopt),
    SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname),
    // the resolver that finds the collector of spans: both questions at once, and over TCP
    SCMP_SYS(sendmmsg),
    SCMP_SYS(writev),
    // memory
    SCMP_SYS(mmap),
    SCMP_SYS(munmap),
    SCMP_SYS(mprotect),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(mremap),
    // the snapshot and the log
    SCMP_SYS(openat),
    SCMP_SYS(fsync),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(unlinkat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(fstat),
    SCMP_SYS(lseek),
    // the cache's disk
    SCMP_SYS(pread64),
    SCMP_SYS(preadv2),
    SCMP_SYS(pwrite64),
    SCMP_SYS(fdatasync),
    SCMP_SYS(ftruncate),
    SCMP_SYS(flock),
    SCMP_SYS(getdents64),
    SCMP_SYS(fstatfs),
    SCMP_SYS(fcntl),
    // the files of sites
    SCMP_SYS(sendfile),
    // threads coming up and everything going down
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(tgkill),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
    SCMP_SYS(unlink),
};

}  // namespace

Status drop_privileges(const Identity& identity, const std::vector<std::string>& paths) {
    const uid_t uid = identity.uid.value_or(static_cast<uid_t>(-1));
    const gid_t gid = identity.gid.value_or(static_cast<gid_t>(-1));
    if (identity.uid || identity.gid) {
        for (const auto& path : paths) {
            if (path.empty()) continue;
            if (lchown(path.c_str(), uid, gid) != 0 && errno != ENOENT) {
                return fail(error_from_errno(errno, "give " + path + " to the edge's user"));
            }
        }
        if (setgroups(0, nullptr) != 0) return fail(error_from_errno(errno, "setgroups"));
    }
    if (identity.gid && setresgid(gid, gid, gid) != 0) {
        return fail(error_from_errno(errno, "setresgid"));
    }
    if (identity.uid && setresuid(uid, uid, uid) != 0) {
        return fail(error_from_errno(errno, "setresuid"));
    }
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return fail(error_from_errno(errno, "PR_SET_NO_NEW_PRIVS"));
    }
    return {};
}

Status restrict_system_calls() {
    const std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(SCMP_ACT_ERRNO(EPERM)),
                                                        seccomp_release);
    if (!filter) return fail(ErrorCode::internal, "seccomp: no filter could be made");
    for (const int call : k_allowed) {
        if (const int error = seccomp_rule_add(filter.get(), SCMP_ACT_ALLOW, call, 0); error != 0) {
            return fail(error_from_errno(-error, "seccomp rule"));
        }
    }
    if (const int error = seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1); error != 0) {
        return fail(error_from_errno(-error, "seccomp for all threads"));
    }
    if (const int error = seccomp_load(filter.get()); error != 0) {
        return fail(error_from_errno(-error, "seccomp load"));
    }
    return {};
}

std::uint64_t raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

}  // namespace moln::edge_loop
