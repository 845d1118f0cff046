#include "runtime/edge/access_log.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include "runtime/edge/say.h"

namespace moln::edge_loop {
namespace {

Result<net::Fd> open_for_append(const std::string& path) {
    net::Fd fd(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640));
    if (!fd.open()) return fail(error_from_errno(errno, "open access log " + path));
    return fd;
}

}  // namespace

Result<AccessLog> AccessLog::open(const std::string& path) {
    AccessLog log;
    log.path_ = path;
    if (path.empty()) return log;
    MOLN_ASSIGN(log.fd_, open_for_append(path));
    return log;
}

Status AccessLog::reopen() {
    if (!on()) return {};
    MOLN_ASSIGN(fd_, open_for_append(path_));
    return {};
}

void AccessLog::flush(std::span<const std::unique_ptr<WorkerPort>> workers) {
    for (const auto& worker : workers) {
        LogRing* ring = worker->log.get();
        if (ring == nullptr) continue;
        for (auto text = ring->peek(); !text.empty(); text = ring->peek()) {
            auto put = ::write(fd_.get(), text.data(), text.size());
            if (put < 0 && errno == EINTR) continue;
            if (put < 0) {
                if (!std::exchange(complained_, true)) {
                    say("access_log_lost", "path={} reason={}", path_, std::strerror(errno));
                }
                dropped_ += std::ranges::count(text, '\n');
                put = static_cast<ssize_t>(text.size());
            } else {
                complained_ = false;
            }
            ring->release(static_cast<std::size_t>(put));
        }
    }
}

}  // namespace moln::edge_loop
