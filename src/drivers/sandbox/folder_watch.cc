#include "drivers/sandbox/folder_watch.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

namespace moln {

FolderWatch::~FolderWatch() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    (void)!write(stop_.get(), &one, sizeof one);
    thread_.join();
}

Status FolderWatch::add(const std::string& folder, Callback callback) {
    const std::lock_guard lock(mutex_);
    if (!thread_.joinable()) MOLN_TRY(start());
    // Monitors write beside and rename: a file that appears is whole.
    const int watched = inotify_add_watch(inotify_.get(), folder.c_str(), IN_MOVED_TO | IN_ONLYDIR);
    if (watched < 0) return fail(error_from_errno(errno, "watch " + folder));
    watched_[watched] = {folder, std::make_shared<const Callback>(std::move(callback))};
    return {};
}

Status FolderWatch::start() {
    inotify_ = Fd(inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
    stop_ = Fd(eventfd(0, EFD_CLOEXEC));
    if (!inotify_.valid() || !stop_.valid()) return fail(error_from_errno(errno, "watch folders"));
    thread_ = std::thread([this] { run(); });
    return {};
}

void FolderWatch::run() {
    while (true) {
        std::array<pollfd, 2> ready{pollfd{inotify_.get(), POLLIN, 0},
                                    pollfd{stop_.get(), POLLIN, 0}};
        if (poll(ready.data(), ready.size(), -1) < 0 && errno != EINTR) return;
        if ((ready[1].revents & POLLIN) != 0) return;
        if ((ready[0].revents & POLLIN) != 0) read_events();
    }
}

void FolderWatch::read_events() {
    alignas(inotify_event) std::array<char, 16 * 1024> buffer;
    const ssize_t count = read(inotify_.get(), buffer.data(), buffer.size());
    for (ssize_t at = 0; at < count;) {
        inotify_event event;
        std::memcpy(&event, buffer.data() + at, sizeof event);
        const char* name = buffer.data() + at + sizeof event;
        at += static_cast<ssize_t>(sizeof event + event.len);
        if ((event.mask & IN_Q_OVERFLOW) != 0) {
            tell_all();
        } else if ((event.mask & IN_IGNORED) != 0) {
            const std::lock_guard lock(mutex_);
            watched_.erase(event.wd);
        } else if (event.len > 0) {
            tell(event.wd, name);
        }
    }
}

// Without the lock: what is called may want to watch another folder.
void FolderWatch::tell(int watched, const std::string& name) {
    if (name.starts_with('.')) return;  // being written
    std::shared_ptr<const Callback> callback;
    {
        const std::lock_guard lock(mutex_);
        const auto found = watched_.find(watched);
        if (found != watched_.end()) callback = found->second.callback;
    }
    if (callback && *callback) (*callback)(name);
}

// The kernel dropped events for want of room: better to tell twice than not at all.
void FolderWatch::tell_all() {
    std::map<int, Watched> all;
    {
        const std::lock_guard lock(mutex_);
        all = watched_;
    }
    std::error_code ignored;
    for (const auto& [watched, of] : all) {
        for (const auto& entry : std::filesystem::directory_iterator(of.folder, ignored)) {
            tell(watched, entry.path().filename());
        }
    }
}

}  // namespace moln
