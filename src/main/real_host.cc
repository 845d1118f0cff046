#include "main/real_host.h"

#include <filesystem>
#include <utility>

#include <fmt/format.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>

#include "drivers/process/mounts.h"
#include "io/file/files.h"
#include "io/host/log.h"
#include "main/log_stream.h"
#include "main/roles.h"
#include "main/terminal.h"
#include "model/limits.h"

namespace moln {
namespace {

std::string seal_context(const AppId& app, const std::string& name) {
    return app.text + "/" + name;
}

}  // namespace

NodeFacts RealHost::facts() {
    NodeFacts facts;
    struct ::sysinfo info{};
    if (::sysinfo(&info) == 0) {
        facts.memory = {static_cast<std::int64_t>(info.totalram) * info.mem_unit};
    }
    facts.cpu_millis = std::int64_t{1000} * ::get_nprocs();
    struct ::statvfs disk{};
    if (::statvfs(parts_.data.root.c_str(), &disk) == 0) {
        const auto block = static_cast<std::int64_t>(disk.f_frsize);
        facts.disk_free = {static_cast<std::int64_t>(disk.f_bavail) * block};
        facts.disk_total = {static_cast<std::int64_t>(disk.f_blocks) * block};
    }
    return facts;
}

Result<std::string> RealHost::seal(const AppId& app, const std::string& name, const Secret& value) {
    return parts_.seals.seal(value, seal_context(app, name));
}

Result<Secret> RealHost::unseal(const AppId& app, const std::string& name,
                                const std::string& sealed) {
    return parts_.seals.unseal(sealed, seal_context(app, name));
}

Result<std::unique_ptr<Terminal>> RealHost::open_terminal(const Instance& instance,
                                                          const TerminalRequest& request) {
    return make_terminal(parts_.loop, parts_.sandboxes, instance, request);
}

std::shared_ptr<void> RealHost::logs(const World&, const LogQuery& query,
                                     std::function<void(LogLine)> line,
                                     std::function<void(Status)> end) {
    return stream_logs(parts_.loop, parts_.data, query, std::move(line), std::move(end));
}

void RealHost::edge_metrics(std::function<void(Result<std::string>)> done) {
    parts_.edge_link.request_metrics([this, done = std::move(done)](Result<std::string> edge) {
        parts_.paths.metrics([edge = std::move(edge), done](Result<std::string> kernel) {
            if (!kernel || kernel->empty()) return done(edge);
            done(edge ? *edge + *kernel : *kernel);
        });
    });
}

void RealHost::edge_routes(std::function<void(Result<std::vector<EdgeProcessRoutes>>)> done) {
    parts_.edge_link.request_routes(done);
}

void RealHost::purge_cache(CachePurge purge, std::function<void(Status)> done) {
    parts_.edge_link.request_purge(purge, std::move(done));
}

Result<std::string> RealHost::new_upload() {
    MOLN_ASSIGN(const auto free, free_space(parts_.data.root));
    if (free < k_disk_reserve) {
        return fail(ErrorCode::full,
                    fmt::format("too little space: {} MiB free under {}, {} MiB are kept for what "
                                "runs; nothing was changed. `moln trash ls` shows what could go",
                                free.count >> 20, parts_.data.root, k_disk_reserve.count >> 20));
    }
    MOLN_TRY(make_folders(parts_.data.uploads(), 0700));
    return parts_.data.uploads() + "/" + fresh_suffix(parts_.entropy, 16);
}

void RealHost::close_edge(Ending ending, std::function<void()> done) {
    parts_.edge_link.expect_end();
    auto left = std::make_shared<int>(2);
    const auto one = [left, done = std::move(done)] {
        if (--*left == 0) done();
    };
    parts_.paths.close(ending, one);
    parts_.edge_keeper.close(ending, one);
}

// As before a first start: the data directory can be moved away. The next start mounts again, as
// after a reboot.
void RealHost::unmount_all() {
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(parts_.data.instances(), error)) {
        const InstanceId id(entry.path().filename().string());
        if (const auto down = parts_.sandboxes.stage.take_down(id); !down) {
            log_failure("node.unmount_failed", down.error());
        }
    }
    if (const auto down = unmount_below(parts_.data.volumes()); !down) {
        log_failure("node.unmount_failed", down.error());
    }
}

void RealHost::shut_down_done() {
    unmount_all();
    log_info("node.stopped");
    parts_.end(k_exit_shut_down);
}

void RealHost::leadership_lost(const Error& error) {
    log_failure("leadership.lost", error);
    parts_.end(error.code == ErrorCode::corrupt ? k_exit_cannot : k_exit_failed);
}

}  // namespace moln
