#include "main/housekeeping.h"

#include <chrono>
#include <filesystem>
#include <utility>

#include "drivers/log/reader.h"
#include "drivers/log/set_aside.h"
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
                           HousekeepingCalls calls)
    : loop_(loop), data_(std::move(data)), sandboxes_(sandboxes), calls_(std::move(calls)) {}

void Housekeeping::start() {
    rotate();
    prune();
}

void Housekeeping::rotate() {
    struct Rotated {
        Status instances;
        bool access_log = false;
    };
    run_blocking<Rotated>(
        loop_, "housekeeping",
        [this, log = data_.access_log()] {
            return Rotated{sandboxes_.rotate_logs(), set_log_aside(log, k_access_log_bytes_max)};
        },
        [this](const Rotated& rotated) {
            if (!rotated.instances) log_failure("logs.rotate_failed", rotated.instances.error());
            if (rotated.access_log) calls_.reopen_access_log();
            loop_.after(k_rotate_interval, [this] { rotate(); });
        });
}

void Housekeeping::prune() {
    struct Pruned {
        Status logs;
        Status sandboxes;
    };
    run_blocking<Pruned>(
        loop_, "housekeeping",
        [this, data = data_, live = calls_.live()] {
            remove_old_uploads(data.uploads());
            return Pruned{
                prune_logs(data, [&](const std::string& id) { return live.contains(id); }),
                sandboxes_.drop_unused()};
        },
        [this](const Pruned& pruned) {
            if (!pruned.logs) log_failure("logs.prune_failed", pruned.logs.error());
            if (!pruned.sandboxes) log_failure("sandboxes.prune_failed", pruned.sandboxes.error());
            loop_.after(k_prune_interval, [this] { prune(); });
        });
}

}  // namespace moln
