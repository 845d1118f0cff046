// Loaded into an edge before its libraries: a disk that gives errors, stops halfway or hangs, for
// the files below one folder. The test says how in a file that both map; see disk_faults.py. Of the
// files below a second one, if it is named, nothing is ever in memory.
//
// It makes its system calls by itself, so that nothing needs to be looked up while it is loaded.
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

namespace {

enum Call : std::size_t { k_read, k_write, k_sync, k_truncate, k_open, k_name, k_send, k_calls };

constexpr std::int32_t k_hold = -1;  // until it is something else
constexpr std::int32_t k_half = -2;  // of what was asked for; one byte stays one
struct Orders {
    std::atomic<std::int32_t> fault[k_calls];   // 0: none; above it: an errno
    std::atomic<std::int32_t> period[k_calls];  // of so many calls the last one has it
    std::atomic<std::int32_t> calls[k_calls];
    std::atomic<std::int32_t> held[k_calls];  // that hang now
};

Orders* orders = nullptr;
const char* folder = nullptr;
const char* cold_folder = nullptr;

struct Begin {
    Begin() {
        const char* path = std::getenv("MOLN_FAULT_ORDERS");
        folder = std::getenv("MOLN_FAULT_FOLDER");
        if (path == nullptr || folder == nullptr) return;
        cold_folder = std::getenv("MOLN_FAULT_COLD_FOLDER");
        const auto file = static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC));
        if (file < 0) return;
        void* room = mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
        syscall(SYS_close, file);
        if (room != MAP_FAILED) orders = static_cast<Orders*>(room);
    }
} begin;

bool lies_below(int fd, const char* wanted) {
    char name[64] = "/proc/self/fd/";
    std::size_t at = std::strlen(name);
    char digits[12];
    std::size_t count = 0;
    do digits[count++] = static_cast<char>('0' + fd % 10);
    while ((fd /= 10) > 0);
    while (count > 0) name[at++] = digits[--count];
    char path[1024];
    const auto size = syscall(SYS_readlinkat, AT_FDCWD, name, path, sizeof(path));
    const std::size_t wanted_size = std::strlen(wanted);
    return size >= static_cast<long>(wanted_size) && std::memcmp(path, wanted, wanted_size) == 0;
}

// What is ordered for this call of it.
std::int32_t order_of(Call call, int fd) {
    if (orders == nullptr || orders->fault[call] == 0 || fd < 0 || !lies_below(fd, folder))
        return 0;
    const auto period = orders->period[call].load();
    const auto number = orders->calls[call].fetch_add(1) + 1;
    return period > 1 && number % period != 0 ? 0 : orders->fault[call].load();
}

// True: it fails, errno says how.
bool fails(Call call, std::int32_t order) {
    if (order == k_hold) {
        orders->held[call].fetch_add(1);
        while (orders->fault[call] == k_hold) {
            const timespec pause{.tv_sec = 0, .tv_nsec = 1'000'000};
            syscall(SYS_nanosleep, &pause, nullptr);
        }
        orders->held[call].fetch_sub(1);
        return false;
    }
    if (order <= 0) return false;
    errno = order;
    return true;
}

std::size_t part_of(std::size_t size, std::int32_t order) {
    return order == k_half && size > 1 ? size / 2 : size;
}

}  // namespace

extern "C" {

ssize_t pread64(int fd, void* out, std::size_t size, off64_t at) {
    const auto order = order_of(k_read, fd);
    if (fails(k_read, order)) return -1;
    return syscall(SYS_pread64, fd, out, part_of(size, order), at);
}
ssize_t pread(int fd, void* out, std::size_t size, off_t at) {
    return pread64(fd, out, size, at);
}
ssize_t preadv64v2(int fd, const iovec* pieces, int count, off64_t at, int flags) {
    const auto order = order_of(k_read, fd);
    const bool looks = (flags & RWF_NOWAIT) != 0;
    if (looks && (order == k_hold || (cold_folder != nullptr && lies_below(fd, cold_folder)))) {
        errno = EAGAIN;
        return -1;
    }
    if (fails(k_read, order)) return -1;
    iovec first = pieces[0];
    first.iov_len = part_of(first.iov_len, order);
    if (first.iov_len < pieces[0].iov_len) {
        pieces = &first;
        count = 1;
    }
    return syscall(SYS_preadv2, fd, pieces, count, at, at >> 32, flags);
}
ssize_t preadv2(int fd, const iovec* pieces, int count, off_t at, int flags) {
    return preadv64v2(fd, pieces, count, at, flags);
}
ssize_t pwrite64(int fd, const void* bytes, std::size_t size, off64_t at) {
    const auto order = order_of(k_write, fd);
    if (fails(k_write, order)) return -1;
    return syscall(SYS_pwrite64, fd, bytes, part_of(size, order), at);
}
ssize_t pwrite(int fd, const void* bytes, std::size_t size, off_t at) {
    return pwrite64(fd, bytes, size, at);
}
ssize_t write(int fd, const void* bytes, std::size_t size) {
    const auto order = order_of(k_write, fd);
    if (fails(k_write, order)) return -1;
    return syscall(SYS_write, fd, bytes, part_of(size, order));
}
int fdatasync(int fd) {
    if (fails(k_sync, order_of(k_sync, fd))) return -1;
    return static_cast<int>(syscall(SYS_fdatasync, fd));
}
int fsync(int fd) {
    if (fails(k_sync, order_of(k_sync, fd))) return -1;
    return static_cast<int>(syscall(SYS_fsync, fd));
}
int ftruncate64(int fd, off64_t size) noexcept {
    if (fails(k_truncate, order_of(k_truncate, fd))) return -1;
    return static_cast<int>(syscall(SYS_ftruncate, fd, size));
}
int ftruncate(int fd, off_t size) noexcept {
    return ftruncate64(fd, size);
}
int openat64(int fd, const char* name, int flags, ...) {
    __builtin_va_list more;
    __builtin_va_start(more, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? __builtin_va_arg(more, mode_t) : 0;
    __builtin_va_end(more);
    if (fails(k_open, order_of(k_open, fd))) return -1;
    return static_cast<int>(syscall(SYS_openat, fd, name, flags, mode));
}
int openat(int fd, const char* name, int flags, ...) {
    __builtin_va_list more;
    __builtin_va_start(more, flags);
    const mode_t mode = (flags & (O_CREAT | O_TMPFILE)) != 0 ? __builtin_va_arg(more, mode_t) : 0;
    __builtin_va_end(more);
    return openat64(fd, name, flags, mode);
}
int unlinkat(int fd, const char* name, int flags) noexcept {
    if (fails(k_name, order_of(k_name, fd))) return -1;
    return static_cast<int>(syscall(SYS_unlinkat, fd, name, flags));
}
int renameat(int fd, const char* name, int to, const char* called) noexcept {
    if (fails(k_name, order_of(k_name, fd))) return -1;
    return static_cast<int>(syscall(SYS_renameat, fd, name, to, called));
}
ssize_t sendfile64(int out, int fd, off64_t* at, std::size_t size) noexcept {
    const auto order = order_of(k_send, fd);
    if (fails(k_send, order)) return -1;
    return syscall(SYS_sendfile, out, fd, at, part_of(size, order));
}
ssize_t sendfile(int out, int fd, off_t* at, std::size_t size) noexcept {
    return sendfile64(out, fd, at, size);
}
}
