#include "main/edge_keeper.h"

#include <algorithm>
#include <csignal>
#include <utility>

#include "io/file/files.h"
#include "io/host/log.h"
#include "main/roles.h"
#include "model/quantity.h"

namespace moln {
namespace {

// The edge's own user: in no password file, so that it owns nothing else.
constexpr int k_edge_uid = 64'208;
constexpr std::size_t k_edge_log_bytes_max = 8u << 20;

}  // namespace

EdgeKeeper::EdgeKeeper(HostLoop& loop, const NodeOptions& options)
    : loop_(loop), options_(options) {}

EdgeProcessOptions EdgeKeeper::process_options() const {
    const auto& data = options_.data;
    EdgeProcessOptions process;
    process.log_path = data.edge_state() + "/edge.log";
    process.lock_path = data.run() + "/edge.lock";
    process.argv = {own_program(),       "edge",
                    "--control",         data.edge_socket(),
                    "--state",           data.edge_state(),
                    "--access-log",      data.access_log(),
                    "--threads",         std::to_string(options_.edge_threads),
                    "--cache-memory",    format_size(options_.cache_memory),
                    "--cache-disk",      data.edge_cache(),
                    "--cache-disk-size", format_size(options_.cache_disk),
                    "--run-as",          std::to_string(k_edge_uid)};
    for (const auto& listen : options_.listens) {
        process.argv.insert(process.argv.end(), {"--listen", listen});
    }
    for (const auto& listen : options_.tls_listens) {
        process.argv.insert(process.argv.end(), {"--listen-tls", listen});
    }
    if (!options_.tls_listens.empty()) {
        process.argv.insert(process.argv.end(), {"--seal-key", data.seal_key_file()});
    }
    if (!options_.metrics_listen.empty()) {
        process.argv.insert(process.argv.end(), {"--metrics", options_.metrics_listen});
    }
    return process;
}

Status EdgeKeeper::start(std::function<void(Error)> failed) {
    failed_ = std::move(failed);
    MOLN_TRY(make_folders(options_.data.edge_state(), 0700));
    return ensure();
}

Status EdgeKeeper::ensure() {
    process_ = std::make_unique<EdgeProcess>(loop_, process_options());
    process_->on_death([this](pid_t) { died(); });
    started_ = loop_.now().mono;
    MOLN_ASSIGN(const auto found, process_->ensure());
    log_info(found == EdgeFound::running ? "edge.found" : "edge.started",
             {{"pid", process_->pid()}});
    return {};
}

void EdgeKeeper::heard(const EdgeReport& report) {
    if (!report.listens.empty()) options_.listens = report.listens;
    if (!report.tls_listens.empty()) options_.tls_listens = report.tls_listens;
    heard_pid_ = static_cast<pid_t>(report.pid);
    has_served_ = true;
}

// One that has not reported yet may not handle the signal yet either and would die of it.
void EdgeKeeper::reopen_access_log() {
    if (!process_ || process_->pid() == 0 || process_->pid() != heard_pid_) return;
    (void)process_->send_signal(SIGHUP);
}

void EdgeKeeper::died() {
    if (closing_) {
        if (closed_) std::exchange(closed_, nullptr)();
        return;
    }
    if (!has_served_) {
        failed_({ErrorCode::refused, last_words()});
        return;
    }
    log_error("edge.died", {{"last_words", last_words()}});
    // One that ran for a while is started at once, one that dies again and again ever later.
    if (loop_.now().mono - started_ > seconds(10)) delay_ = k_edge_restart_first;
    loop_.after(delay_, [this] {
        if (closing_) return;
        if (const auto ensured = ensure(); !ensured) {
            log_failure("edge.start_failed", ensured.error());
            died();
        }
    });
    delay_ = std::min(delay_ * 2, k_edge_restart_max);
}

std::string EdgeKeeper::last_words() const {
    const auto text = read_file(process_options().log_path, k_edge_log_bytes_max);
    if (!text || text->empty()) return "the edge ended without a word";
    auto end = text->find_last_not_of('\n');
    if (end == std::string::npos) return "the edge ended without a word";
    const auto begin = text->rfind('\n', end);
    return text->substr(begin == std::string::npos ? 0 : begin + 1,
                        end - (begin == std::string::npos ? 0 : begin + 1) + 1);
}

void EdgeKeeper::close(Ending ending, std::function<void()> done) {
    const bool first = !closing_;
    closing_ = true;
    if (done) closed_ = std::move(done);
    if (!process_ || process_->pid() == 0) {
        if (closed_) loop_.post(std::exchange(closed_, nullptr));
        return;
    }
    // The first SIGTERM lets the edge finish what was begun, the second ends it at once.
    if (first) (void)process_->send_signal(SIGTERM);
    if (ending == Ending::now) (void)process_->send_signal(SIGTERM);
}

}  // namespace moln
