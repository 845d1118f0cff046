#include "drivers/sandbox/exit_watch.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace moln {

ExitWatch::~ExitWatch() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    (void)!write(stop_.get(), &one, sizeof one);
    thread_.join();
}

void ExitWatch::on_file(std::function<void(const std::string&)> callback) {
    const std::lock_guard lock(mutex_);
    callback_ = std::move(callback);
}

Status ExitWatch::start(const std::string& folder) {
    if (thread_.joinable()) return {};
    folder_ = folder;
    inotify_ = Fd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    stop_ = Fd(eventfd(0, EFD_CLOEXEC));
    if (!inotify_.valid() || !stop_.valid()) {
        return fail(error_from_errno(errno, "watch " + folder));
    }
    // Monitors write beside and rename: a file that appears is whole.
    if (inotify_add_watch(inotify_.get(), folder.c_str(), IN_MOVED_TO) < 0) {
        return fail(error_from_errno(errno, "watch " + folder));
    }
    thread_ = std::thread([this] { run(); });
    return {};
}

void ExitWatch::run() {
    while (true) {
        std::array<pollfd, 2> ready{pollfd{inotify_.get(), POLLIN, 0},
                                    pollfd{stop_.get(), POLLIN, 0}};
        if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return;
        if ((ready[1].revents & POLLIN) != 0) return;
        if ((ready[0].revents & POLLIN) != 0) read_events();
    }
}

void ExitWatch::read_events() {
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    const ssize_t count = read(inotify_.get(), buffer.data(), buffer.size());
    for (ssize_t at = 0; at < count;) {
        inotify_event event;
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const char* name = buffer.data() + at + sizeof event;
        at += static_cast<ssize_t>(sizeof event + event.len);
        if ((event.mask & IN_Q_OVERFLOW) != 0) {
            tell_all();
        } else if (event.len > 0) {
            tell(name);
        }
    }
}

void ExitWatch::tell(const std::string& name) {
    if (name.starts_with('.')) return;  // being written
    const std::lock_guard lock(mutex_);
    if (callback_) callback_(name);
}

// The kernel dropped events for want of room: better to tell twice than not at all.
void ExitWatch::tell_all() {
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(folder_, ignored)) {
        tell(entry.path().filename());
    }
}

}  // namespace moln
