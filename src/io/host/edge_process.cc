#include "io/host/edge_process.h"

#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <optional>
#include <utility>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "io/file/fd.h"
#include "io/host/asio_context.h"
#include "io/host/detached.h"
#include "io/host/log.h"

namespace moln {
namespace {

// Whose lock it is may change while it is looked at.
constexpr int k_looks_max = 10;

// glibc 2.36 declares these only for C, see pidfd_open(2).
Fd open_pidfd(pid_t pid) {
    return Fd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
}
int signal_pidfd(int pidfd, int number) {
    return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, number, nullptr, 0));
}

Result<Fd> open_output(const std::string& path) {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0 && info.st_size > k_edge_output_bytes_max) {
        (void)::rename(path.c_str(), (path + ".1").c_str());
    }
    Fd fd(::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!fd.valid()) return fail(error_from_errno(errno, "open " + path));
    return fd;
}

Result<pid_t> read_pid(const std::string& path) {
    MOLN_ASSIGN(const Fd fd, open_fd(path, O_RDONLY));
    std::array<char, 32> text{};
    const auto size = ::pread(fd.get(), text.data(), text.size(), 0);
    pid_t pid = 0;
    if (size > 0) std::from_chars(text.data(), text.data() + size, pid);
    if (pid > 0) return pid;
    // Of an empty file of that size, as it is where the disk was full: see detached.h.
    struct stat facts{};
    if (::fstat(fd.get(), &facts) == 0 && facts.st_size > 0 && text.front() == '\0') {
        return static_cast<pid_t>(facts.st_size);
    }
    return fail(ErrorCode::internal,
                fmt::format("an edge runs, it holds {}, but that does not say its pid", path));
}

}  // namespace

class EdgeProcess::Impl : public std::enable_shared_from_this<Impl> {
public:
    Impl(HostLoop& loop, EdgeProcessOptions options) : loop_(loop), options_(std::move(options)) {
        CHECK(!options_.argv.empty());
    }

    void on_death(std::function<void(pid_t)> callback) { death_ = std::move(callback); }
    Result<bool> find();
    Result<EdgeFound> ensure();
    pid_t pid() const { return pid_; }
    Status send_signal(int number);

private:
    // None: nobody holds the lock, and `fd` does now.
    Result<std::optional<pid_t>> holder(const Fd& fd);
    // True: one runs and is watched. Else `lock` holds its place.
    Result<bool> find_by(const Fd& lock);
    Result<Fd> open_lock() const;
    Status watch(pid_t pid);
    void wait_for_death();
    bool is_dead() const;
    void died();

    HostLoop& loop_;
    EdgeProcessOptions options_;
    std::function<void(pid_t)> death_;
    pid_t pid_ = 0;
    std::unique_ptr<boost::asio::posix::stream_descriptor> pidfd_;
};

Result<std::optional<pid_t>> EdgeProcess::Impl::holder(const Fd& fd) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return std::optional<pid_t>{};
    if (errno != EWOULDBLOCK) return fail(error_from_errno(errno, "lock " + options_.lock_path));
    MOLN_ASSIGN(const auto pid, read_pid(options_.lock_path));
    return std::optional<pid_t>{pid};
}

Result<Fd> EdgeProcess::Impl::open_lock() const {
    const auto flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW;
    Fd lock(::open(options_.lock_path.c_str(), flags, 0600));
    if (!lock.valid()) return fail(error_from_errno(errno, "open " + options_.lock_path));
    return lock;
}

Result<bool> EdgeProcess::Impl::find_by(const Fd& lock) {
    for (int look = 0; look < k_looks_max; ++look) {
        MOLN_ASSIGN(const auto running, holder(lock));
        if (!running) return false;
        MOLN_TRY(watch(*running));
        // Were it gone by now, the watched pid might be another's.
        MOLN_ASSIGN(const auto still, holder(lock));
        if (still == running) return true;
        pidfd_.reset();
        pid_ = 0;
        if (!still) return false;
    }
    return fail(ErrorCode::unavailable,
                fmt::format("who holds {} changes again and again", options_.lock_path));
}

Result<bool> EdgeProcess::Impl::find() {
    if (pid_ != 0) return true;
    MOLN_ASSIGN(const Fd lock, open_lock());
    return find_by(lock);
}

Result<EdgeFound> EdgeProcess::Impl::ensure() {
    if (pid_ != 0) return EdgeFound::running;
    MOLN_ASSIGN(const Fd lock, open_lock());
    MOLN_ASSIGN(const bool found, find_by(lock));
    if (found) return EdgeFound::running;
    MOLN_ASSIGN(const Fd output, open_output(options_.log_path));
    MOLN_ASSIGN(const auto started,
                start_detached({.argv = options_.argv, .output = &output, .lock = &lock}));
    MOLN_TRY(watch(started));
    log_info("edge.started", {{"pid", started}});
    return EdgeFound::started;
}

Status EdgeProcess::Impl::watch(pid_t pid) {
    Fd fd = open_pidfd(pid);
    if (!fd.valid() && errno == ESRCH) {  // it has ended already: told as any other end is
        pid_ = pid;
        loop_.post([weak = weak_from_this(), pid] {
            const auto self = weak.lock();
            if (self && self->pid_ == pid && !self->pidfd_) self->died();
        });
        return {};
    }
    if (!fd.valid())
        return fail(error_from_errno(errno, fmt::format("watch the edge, pid {}", pid)));
    pid_ = pid;
    pidfd_ =
        std::make_unique<boost::asio::posix::stream_descriptor>(asio_context(loop_), fd.release());
    wait_for_death();
    return {};
}

void EdgeProcess::Impl::wait_for_death() {
    pidfd_->async_wait(boost::asio::posix::stream_descriptor::wait_read,
                       [weak = weak_from_this()](const boost::system::error_code& error) {
                           const auto self = weak.lock();
                           if (!self || error || !self->pidfd_) return;
                           // A wait may end for an event of a descriptor that was closed just now.
                           self->is_dead() ? self->died() : self->wait_for_death();
                       });
}

bool EdgeProcess::Impl::is_dead() const {
    pollfd one{.fd = pidfd_->native_handle(), .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, 0) > 0;
}

void EdgeProcess::Impl::died() {
    const auto pid = std::exchange(pid_, 0);
    pidfd_.reset();
    log_info("edge.ended", {{"pid", pid}, {"output", options_.log_path}});
    if (death_) death_(pid);
}

Status EdgeProcess::Impl::send_signal(int number) {
    if (pid_ == 0 || !pidfd_) return fail(ErrorCode::not_found, "no edge runs");
    if (signal_pidfd(pidfd_->native_handle(), number) != 0) {
        return fail(error_from_errno(errno, fmt::format("signal the edge, pid {}", pid_)));
    }
    return {};
}

EdgeProcess::EdgeProcess(HostLoop& loop, EdgeProcessOptions options)
    : impl_(std::make_shared<Impl>(loop, std::move(options))) {}

EdgeProcess::~EdgeProcess() = default;

void EdgeProcess::on_death(std::function<void(pid_t)> callback) {
    impl_->on_death(std::move(callback));
}
Result<bool> EdgeProcess::find() {
    return impl_->find();
}
Result<EdgeFound> EdgeProcess::ensure() {
    return impl_->ensure();
}
pid_t EdgeProcess::pid() const {
    return impl_->pid();
}
Status EdgeProcess::send_signal(int number) {
    return impl_->send_signal(number);
}

}  // namespace moln
