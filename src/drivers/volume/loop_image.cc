#include "drivers/volume/loop_image.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/process/child.h"
#include "drivers/process/mounts.h"
#include "io/file/fd.h"
#include "io/file/files.h"

namespace moln {
namespace {

constexpr int k_free_device_tries = 64;  // others on the host may take the same free one

Status set_size(const std::string& path, Bytes size, Allocation allocation) {
    MOLN_ASSIGN(const Fd fd, open_fd(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
    if (ftruncate(fd.get(), size.count) != 0) return fail(error_from_errno(errno, "make " + path));
    if (allocation == Allocation::thin) return {};
    if (fallocate(fd.get(), 0, 0, size.count) != 0) {
        if (errno == ENOSPC) {
            return fail(ErrorCode::full,
                        fmt::format("{} MiB are not free on the data directory's disk: free some "
                                    "or ask for a smaller size",
                                    size.count / mib(1).count));
        }
        // A file system without it: sparse is the best that can be had there.
        if (errno != EOPNOTSUPP) return fail(error_from_errno(errno, "reserve " + path));
    }
    return {};
}

// Journal and tables are left to be zeroed by and by: a new image costs a few hundred KiB.
Status make_file_system(const std::string& path) {
    MOLN_TRY(run_child_ok(
        {.argv = {"mkfs.ext4", "-q", "-F", "-m", "0", "-J", "size=4", "-E",
                  "lazy_itable_init=1,lazy_journal_init=1,nodiscard,root_owner=0:0", path}}));
    return {};
}

Result<Fd> open_free_loop(const std::string& path, std::string& device) {
    MOLN_ASSIGN(const Fd control, open_fd("/dev/loop-control", O_RDWR));
    MOLN_ASSIGN(const Fd backing, open_fd(path, O_RDWR));
    for (int i = 0; i < k_free_device_tries; ++i) {
        const int number = ioctl(control.get(), LOOP_CTL_GET_FREE);
        if (number < 0) return fail(error_from_errno(errno, "find a free loop device"));
        device = fmt::format("/dev/loop{}", number);
        auto loop = open_fd(device, O_RDWR);
        if (!loop) return fail(loop.error());
        loop_config config{};
        config.fd = static_cast<std::uint32_t>(backing.get());
        config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
        std::strncpy(reinterpret_cast<char*>(config.info.lo_file_name), "moln", LO_NAME_SIZE - 1);
        if (ioctl(loop->get(), LOOP_CONFIGURE, &config) == 0) return loop;
        if (errno != EBUSY) return fail(error_from_errno(errno, "use " + device + " for " + path));
    }
    return fail(ErrorCode::unavailable, "no loop device is free");
}

// Copies only what is written of a sparse file.
Status copy_data(const Fd& from, const Fd& to, off_t size) {
    for (off_t at = 0; at < size;) {
        const off_t begin = lseek(from.get(), at, SEEK_DATA);
        if (begin < 0) break;  // ENXIO: only holes follow
        const off_t end = lseek(from.get(), begin, SEEK_HOLE);
        off_t in = begin;
        off_t out = begin;
        while (in < end) {
            const ssize_t count = copy_file_range(from.get(), &in, to.get(), &out,
                                                  static_cast<std::size_t>(end - in), 0);
            if (count <= 0) return fail(error_from_errno(errno, "copy an image"));
        }
        at = end;
    }
    return {};
}

}  // namespace

bool loop_images_work() {
    static const bool works =
        path_exists("/dev/loop-control") &&
        (path_exists("/usr/sbin/mkfs.ext4") || path_exists("/sbin/mkfs.ext4"));
    return works;
}

Status make_loop_image(const LoopImageSpec& spec) {
    if (path_exists(spec.path)) return {};
    const Bytes size = std::max(spec.size, k_loop_image_bytes_min);
    const auto beside = spec.path + ".new";
    MOLN_TRY(remove_file(beside));
    auto made = set_size(beside, size, spec.allocation);
    if (made) made = make_file_system(beside);
    if (!made) {
        (void)remove_file(beside);
        return made;
    }
    return rename_path(beside, spec.path);
}

Status copy_loop_image(const std::string& from, const std::string& to) {
    if (path_exists(to)) return {};
    MOLN_ASSIGN(const Fd source, open_fd(from, O_RDONLY));
    struct stat info{};
    if (fstat(source.get(), &info) != 0) return fail(error_from_errno(errno, "stat " + from));
    const auto beside = to + ".new";
    MOLN_TRY(set_size(beside, {info.st_size}, Allocation::thin));
    MOLN_ASSIGN(const Fd target, open_fd(beside, O_WRONLY));
    MOLN_TRY(copy_data(source, target, info.st_size));
    return rename_path(beside, to);
}

Status mount_loop_image(const std::string& path, const std::string& target) {
    if (is_mount_point(target)) return {};
    MOLN_TRY(make_folders(target, 0711));
    std::string device;
    MOLN_ASSIGN(const Fd loop, open_free_loop(path, device));
    // The open descriptor keeps the device until the mount does.
    if (mount(device.c_str(), target.c_str(), "ext4", MS_NOSUID | MS_NODEV, nullptr) != 0) {
        return fail(error_from_errno(errno, fmt::format("mount {} on {}", path, target)));
    }
    return {};
}

}  // namespace moln
