#include "main/edge_keeper.h"

#include <algorithm>
#include <charconv>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <set>
#include <utility>

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/file/files.h"
#include "io/host/log.h"
#include "io/host/program.h"
#include "main/roles.h"
#include "main/trace_option.h"
#include "model/codec.h"
#include "model/quantity.h"

namespace moln {
namespace {

// The edge's own user: in no password file, so that it owns nothing else.
constexpr int k_edge_uid = 64'208;
constexpr std::size_t k_edge_log_bytes_max = 8u << 20;

// "7.lock" and "7.sock" are of process 7.
std::optional<std::int64_t> number_in(const std::string& file) {
    std::int64_t number = 0;
    const auto* end = file.data() + file.size();
    const auto [rest, error] = std::from_chars(file.data(), end, number);
    if (error != std::errc() || number <= 0) return std::nullopt;
    const std::string_view kind(rest, static_cast<std::size_t>(end - rest));
    return kind == ".lock" || kind == ".sock" ? std::optional(number) : std::nullopt;
}

}  // namespace

EdgeKeeper::EdgeKeeper(HostLoop& loop, EdgeLinks& links, const NodeOptions& options,
                       std::function<void(const EdgeTold&)> tell)
    : loop_(loop), links_(links), wanted_(options), options_(options), tell_(std::move(tell)) {}

EdgeProcessOptions EdgeKeeper::process_options(Number number, std::optional<Number> before) const {
    const auto& data = options_.data;
    const auto& ports = before ? wanted_ : options_;
    EdgeProcessOptions process;
    process.log_path = data.edge_state() + "/edge.log";
    process.lock_path = data.edge_lock(number);
    process.argv = {own_program(),       "edge",
                    "--control",         data.edge_socket(number),
                    "--state",           data.edge_state(),
                    "--sites",           data.sites(),
                    "--access-log",      data.access_log(),
                    "--threads",         std::to_string(options_.edge_threads),
                    "--cache-memory",    format_size(options_.cache_memory),
                    "--cache-disk",      data.edge_cache(),
                    "--cache-disk-size", format_size(options_.cache_disk),
                    "--run-as",          std::to_string(k_edge_uid)};
    const auto add = [&](std::initializer_list<std::string> words) {
        process.argv.insert(process.argv.end(), words);
    };
    add({"--access-log-format", std::string(enum_word(options_.access_log_format))});
    for (const auto& listen : ports.listens) add({"--listen", listen});
    for (const auto& listen : ports.tls_listens) add({"--listen-tls", listen});
    if (!ports.tls_listens.empty() || !options_.cache_peers.empty()) {
        add({"--seal-key", data.seal_key_file()});
    }
    if (!options_.metrics_listen.empty()) add({"--metrics", options_.metrics_listen});
    std::ranges::copy(trace_export_arguments(options_.traces), std::back_inserter(process.argv));
    if (before) {
        add({"--take-over", data.edge_socket(*before), "--drain-limit-ms",
             std::to_string(options_.edge_drain_limit.count)});
    }
    return process;
}

// ---- processes come and go --------------------------------------------------------------------

Status EdgeKeeper::start(std::function<void(Error)> failed) {
    failed_ = std::move(failed);
    MOLN_TRY(make_folders(options_.data.edge_state(), 0700));
    MOLN_TRY(make_folders(options_.data.edge_run(), 0700));
    // The edge's own user is to find its way in it, once it was opened for it.
    MOLN_TRY(make_folders(options_.data.sites(), 0755));
    MOLN_TRY(find_all());
    if (main_) return {};
    MOLN_ASSIGN(main_, start_one({}));
    watch_hang(*main_, k_edge_start_limit);
    return {};
}

// Of a daemon before this one, which may have died in the middle of an upgrade.
Status EdgeKeeper::find_all() {
    std::set<Number> numbers;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(options_.data.edge_run(), error)) {
        if (const auto number = number_in(entry.path().filename().string())) {
            numbers.insert(*number);
        }
    }
    for (const Number number : numbers) {
        number_ = number;
        auto process = std::make_unique<EdgeProcess>(loop_, process_options(number, {}));
        MOLN_ASSIGN(const bool found, process->find());
        if (!found) {
            remove_files(number);
            continue;
        }
        log_info("edge.found", {{"pid", process->pid()}, {"number", number}});
        add(number, std::move(process));
        main_ = number;
        has_served_ = true;  // an edge that could not even start is not what dies now
    }
    if (main_) watch_hang(*main_);
    for (const auto& [number, one] : processes_) {
        if (number != main_) watch_leaving(number);
    }
    return {};
}

void EdgeKeeper::add(Number number, std::unique_ptr<EdgeProcess> process) {
    process->on_death([this, number](pid_t) { died(number); });
    processes_[number] = {.process = std::move(process), .known = loop_.now().mono};
    links_.add(number, {.path = options_.data.edge_socket(number), .cache_peers = cache_peers_});
}

void EdgeKeeper::set_cache_peers(std::string line) {
    cache_peers_ = std::move(line);
    links_.tell_cache_peers(cache_peers_);
}

void EdgeKeeper::remove_files(Number number) const {
    (void)::unlink(options_.data.edge_socket(number).c_str());
    (void)::unlink(options_.data.edge_lock(number).c_str());
}

// The lines are told of it before it runs: nothing is open there that nobody asks for.
Result<EdgeKeeper::Number> EdgeKeeper::start_one(std::optional<Number> before) {
    const Number number = ++number_;
    started_ = loop_.now().mono;
    words_begin_ = log_size();
    auto process = std::make_unique<EdgeProcess>(loop_, process_options(number, before));
    auto& its = *process;
    add(number, std::move(process));
    const auto found = its.ensure();
    if (!found) {
        processes_.erase(number);
        links_.remove(number);
        remove_files(number);
        return fail(found.error());
    }
    log_info("edge.started", {{"pid", its.pid()}, {"number", number}});
    return number;
}

std::optional<EdgeKeeper::Number> EdgeKeeper::number_of(std::int64_t pid) const {
    for (const auto& [number, one] : processes_) {
        if (one.process->pid() == pid) return number;
    }
    return std::nullopt;
}

void EdgeKeeper::heard(const EdgeReport& report) {
    for (const auto& one : report.leaving_processes) {
        if (const auto number = number_of(one.pid)) processes_[*number].heard = true;
    }
    const auto number = number_of(report.pid);
    if (!number) return;
    processes_[*number].heard = true;
    has_served_ = true;
    alone_ = false;
    if (report.leaving) {
        // The one that took its place has died.
        if (!fresh_ && main_ == number && !closing_) {
            main_.reset();
            restart_later();
        }
        return;
    }
    if (!report.listens.empty()) options_.listens = report.listens;
    if (!report.tls_listens.empty()) options_.tls_listens = report.tls_listens;
    if (fresh_ == number) {
        fresh_.reset();
        if (main_) watch_leaving(*main_);
        end_upgrade({});
        tell_({EventLevel::info, "edge.upgraded",
               fmt::format("a new edge, process {}, serves; the one before finishes what it has "
                           "begun",
                           report.pid)});
    }
    main_ = number;
    if (std::exchange(has_compared_, true) || fresh_) return;
    if (runs_other_program(static_cast<pid_t>(report.pid))) (void)upgrade("by an update");
}

std::vector<EdgeProcessView> EdgeKeeper::processes() const {
    std::vector<EdgeProcessView> views;
    for (auto one = processes_.rbegin(); one != processes_.rend(); ++one) {
        const auto& [number, process] = *one;
        auto& view = views.emplace_back(links_.seen(number).value_or(EdgeProcessView{}));
        if (view.pid != 0) continue;
        view.pid = process.process->pid();
        view.state = process.heard ? EdgeProcessState::unheard : EdgeProcessState::starting;
    }
    return views;
}

void EdgeKeeper::died(Number number) {
    processes_.erase(number);
    links_.remove(number);
    remove_files(number);
    if (closing_) {
        if (processes_.empty() && closed_) std::exchange(closed_, nullptr)();
        return;
    }
    if (fresh_ == number) upgrade_failed();
    if (main_ != number) return;
    main_.reset();
    if (fresh_) return;  // has its sockets, or dies as well
    if (!has_served_ && processes_.empty()) {
        failed_({ErrorCode::refused, last_words()});
        return;
    }
    log_error("edge.died", {{"last_words", last_words()}});
    restart_later();
}

// ---- another in its place ---------------------------------------------------------------------

Result<EdgeUpgrade> EdgeKeeper::upgrade(const std::string& why,
                                        std::function<void(Status)> served) {
    if (closing_) return fail(ErrorCode::refused, "edge: the node is shutting down");
    if (fresh_) {
        return fail(ErrorCode::refused,
                    fmt::format("edge: process {} is about to take the place of the one that "
                                "serves already; `moln edge status` tells when it has",
                                processes_[*fresh_].process->pid()));
    }
    if (!main_) {
        return fail(ErrorCode::unavailable,
                    "edge: no process serves that another could replace; one is being started");
    }
    has_compared_ = true;
    const auto before = processes_[*main_].process->pid();
    log_info("edge.upgrade", {{"why", why}, {"pid", before}});
    auto started = start_one(main_);
    if (!started) {
        const auto text = fmt::format(
            "the new edge could not be started, the old one serves on: {}", started.error().reason);
        tell_({EventLevel::warning, "edge.upgrade_failed", text});
        return fail(ErrorCode::failed, text);
    }
    fresh_ = *started;
    fresh_late_ = false;
    served_ = std::move(served);
    loop_.after(k_edge_upgrade_limit, [this, number = *fresh_] { check_upgrade(number); });
    return EdgeUpgrade{.pid_before = before, .pid = processes_[*fresh_].process->pid()};
}

void EdgeKeeper::check_upgrade(Number number) {
    if (fresh_ != number || closing_) return;
    log_error("edge.upgrade_late", {{"limit_ms", k_edge_upgrade_limit.count}});
    fresh_late_ = true;
    (void)processes_[number].process->send_signal(SIGKILL);
}

void EdgeKeeper::upgrade_failed() {
    fresh_.reset();
    const auto words = last_words();
    log_error("edge.upgrade_failed", {{"last_words", words}});
    // It may have asked in vain one that hangs.
    const bool old_hangs = main_ && is_silent(*main_);
    const auto* old = !main_      ? "the old one has died, another is started"
                      : old_hangs ? "the old one hangs and is ended, another is started"
                                  : "the old one serves on";
    const auto text = fmt::format(
        "the new edge did not come up{}, {}: {}",
        fresh_late_ ? fmt::format(" within {} s", k_edge_upgrade_limit.count / 1000) : "", old,
        words);
    tell_({EventLevel::warning, "edge.upgrade_failed", text});
    end_upgrade(fail(ErrorCode::failed, text));
    if (old_hangs) return end_hung(*main_);
    // Unless that has left already, or died meanwhile.
    if (!main_) return restart_later();
    watch_hang(*main_);
}

// ---- one that hangs ---------------------------------------------------------------------------

bool EdgeKeeper::is_silent(Number number) const {
    const auto one = processes_.find(number);
    return one != processes_.end() && !links_.seen(number) &&
           loop_.now().mono - one->second.known >= k_edge_silence_max;
}

void EdgeKeeper::watch_hang(Number number, Milliseconds limit) {
    loop_.after(limit, [this, number] {
        if (is_silent(number)) end_hung(number);
    });
}

// What it has open is waited for, and nobody would hear the end of that.
void EdgeKeeper::watch_leaving(Number number) {
    loop_.after(k_edge_hang_limit, [this, number] {
        if (!processes_.contains(number)) return;
        if (number != main_ && is_silent(number)) watch_hang(number);
        watch_leaving(number);
    });
}

// A process that is stopped takes no other signal.
void EdgeKeeper::end_hung(Number number) {
    const auto pid = processes_[number].process->pid();
    log_error("edge.hangs", {{"pid", pid}, {"number", number}});
    const bool leaves = main_ && main_ != number;
    if (!closing_) {
        tell_({EventLevel::warning, "edge.hangs",
               fmt::format("the edge, process {}, says nothing any more: it is ended, with what it "
                           "had open, and another {}",
                           pid, leaves ? "serves" : "is started")});
    }
    if (!leaves) alone_ = true;  // it would hand nothing over
    (void)processes_[number].process->send_signal(SIGKILL);
}

void EdgeKeeper::end_upgrade(Status status) {
    if (!served_) return;
    loop_.post(
        [served = std::exchange(served_, nullptr), status = std::move(status)] { served(status); });
}

// One that ran for a while is started at once, one that dies again and again ever later.
void EdgeKeeper::restart_later() {
    if (loop_.now().mono - started_ > seconds(10)) delay_ = k_edge_restart_first;
    loop_.after(delay_, [this] { restart(); });
    delay_ = std::min(delay_ * 2, k_edge_restart_max);
}

// From one that still drains the sockets are to be had, with all that waits in them.
void EdgeKeeper::restart() {
    if (closing_ || main_ || fresh_) return;
    std::optional<Number> before;
    if (!processes_.empty() && !alone_) before = processes_.rbegin()->first;
    // Who was asked in vain still has the ports.
    for (const auto& [number, one] : processes_) {
        if (alone_ && is_silent(number)) end_hung(number);
    }
    alone_ = before.has_value();  // if this one comes up, heard() says otherwise
    auto started = start_one(before);
    if (!started) {
        log_failure("edge.start_failed", started.error());
        return restart_later();
    }
    main_ = *started;
    watch_hang(*main_, k_edge_start_limit);
}

// ---- the rest ---------------------------------------------------------------------------------

// One that has not reported yet may not handle the signal yet either and would die of it.
void EdgeKeeper::reopen_access_log() {
    for (auto& [number, one] : processes_) {
        if (one.heard) (void)one.process->send_signal(SIGHUP);
    }
}

std::int64_t EdgeKeeper::log_size() const {
    struct stat info{};
    const auto path = process_options(number_, {}).log_path;
    return ::stat(path.c_str(), &info) == 0 ? info.st_size : 0;
}

// All processes write to one file: what stood there before it was started is of others.
std::string EdgeKeeper::last_words() const {
    constexpr const char* k_none = "the edge ended without a word";
    const auto read = read_file(process_options(number_, {}).log_path, k_edge_log_bytes_max);
    if (!read) return k_none;
    std::string_view text = *read;
    // A smaller one was begun anew meanwhile.
    const auto begin = static_cast<std::size_t>(words_begin_);
    if (begin <= text.size()) text.remove_prefix(begin);
    const auto end = text.find_last_not_of('\n');
    if (end == std::string_view::npos) return k_none;
    text = text.substr(0, end + 1);
    const auto newline = text.rfind('\n');
    return std::string(newline == std::string_view::npos ? text : text.substr(newline + 1));
}

void EdgeKeeper::close(Ending ending, std::function<void()> done) {
    const bool first = !closing_;
    closing_ = true;
    end_upgrade(fail(ErrorCode::unavailable, "edge: the node is shutting down"));
    if (done) closed_ = std::move(done);
    if (processes_.empty()) {
        if (closed_) loop_.post(std::exchange(closed_, nullptr));
        return;
    }
    // The first signal lets the edge finish what was begun, the second ends it at once. They are of
    // two kinds: of one kind only one waits to be taken.
    for (auto& [number, one] : processes_) {
        if (first) (void)one.process->send_signal(SIGTERM);
        if (first && is_silent(number)) watch_hang(number);
        if (ending == Ending::now) (void)one.process->send_signal(SIGINT);
    }
}

}  // namespace moln
