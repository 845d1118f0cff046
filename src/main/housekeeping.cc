#include "main/housekeeping.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "drivers/log/reader.h"
#include "io/host/log.h"

namespace moln {
namespace {

void remove_old_uploads(const std::string& folder) {
    namespace fs = std::filesystem;
    const auto limit =
        fs::file_time_type::clock::now() - std::chrono::milliseconds(k_upload_age_max.count);
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder, error)) {
        std::error_code gone;
        if (entry.last_write_time(gone) < limit && !gone) fs::remove(entry.path(), gone);
    }
}

}  // namespace

Housekeeping::Housekeeping(Loop& loop, DataDir data, RealSandboxes& sandboxes,
                           std::function<std::set<std::string>()> live)
    : loop_(loop), data_(std::move(data)), sandboxes_(sandboxes), live_(std::move(live)) {}

void Housekeeping::start() {
    rotate();
    prune();
}

void Housekeeping::rotate() {
    run_blocking<Status>(
        loop_, "housekeeping", [this] { return sandboxes_.rotate_logs(); },
        [this](const Status& rotated) {
            if (!rotated) log_failure("logs.rotate_failed", rotated.error());
            loop_.after(k_rotate_interval, [this] { rotate(); });
        });
}

void Housekeeping::prune() {
    run_blocking<Status>(
        loop_, "housekeeping",
        [data = data_, live = live_()] {
            remove_old_uploads(data.uploads());
            return prune_logs(data, [&](const std::string& id) { return live.contains(id); });
        },
        [this](const Status& pruned) {
            if (!pruned) log_failure("logs.prune_failed", pruned.error());
            loop_.after(k_prune_interval, [this] { prune(); });
        });
}

}  // namespace moln
