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

constexpr int k_flags = O_WRONLY | O_APPEND | O_CREAT;
constexpr int k_mode = 0640;

}  // namespace

Result<AccessLog> AccessLog::open(const std::string& path) {
    AccessLog log;
    log.path_ = path;
    if (path.empty()) return log;
    const auto slash = path.rfind('/');
    log.name_ = path.substr(slash + 1);  // npos + 1 is 0
    const auto folder =
        slash == std::string::npos ? "." : path.substr(0, std::max<std::size_t>(slash, 1));
    MOLN_ASSIGN(log.folder_, Folder::open(folder));
    MOLN_ASSIGN(log.fd_, log.folder_.open_file(log.name_, k_flags, k_mode));
    return log;
}

Status AccessLog::reopen() {
    if (!on()) return {};
    MOLN_ASSIGN(fd_, folder_.open_file(name_, k_flags, k_mode));
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
