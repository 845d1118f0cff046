#include "drivers/network/netns.h"

#include <cerrno>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "io/file/fd.h"

namespace moln {
namespace {

constexpr long k_nsfs_magic = 0x6e736673;  // NSFS_MAGIC of linux/magic.h

// Namespaces belong to threads: a thread that has ended leaves none behind.
Status on_thread(const std::function<Status()>& work) {
    Status status;
    std::thread([&] { status = work(); }).join();
    return status;
}

}  // namespace

bool is_netns(const std::string& path) {
    struct statfs info{};
    return statfs(path.c_str(), &info) == 0 && info.f_type == k_nsfs_magic;
}

Status make_netns(const std::string& path) {
    MOLN_TRY(remove_netns(path));
    MOLN_TRY(open_fd(path, O_RDONLY | O_CREAT | O_EXCL, 0400));
    return on_thread([&]() -> Status {
        if (unshare(CLONE_NEWNET) != 0) {
            return fail(error_from_errno(errno, "make a network namespace"));
        }
        if (mount("/proc/thread-self/ns/net", path.c_str(), nullptr, MS_BIND, nullptr) != 0) {
            return fail(error_from_errno(errno, "keep a network namespace at " + path));
        }
        return {};
    });
}

Status remove_netns(const std::string& path) {
    while (is_netns(path)) {
        if (umount2(path.c_str(), MNT_DETACH) != 0) {
            return fail(error_from_errno(errno, "unmount " + path));
        }
    }
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
        return fail(error_from_errno(errno, "remove " + path));
    }
    return {};
}

Status run_in_netns(const std::string& path, const std::function<Status()>& work) {
    MOLN_ASSIGN(const Fd netns, open_fd(path, O_RDONLY));
    return on_thread([&]() -> Status {
        if (setns(netns.get(), CLONE_NEWNET) != 0) {
            return fail(error_from_errno(errno, "enter network namespace " + path));
        }
        return work();
    });
}

}  // namespace moln
