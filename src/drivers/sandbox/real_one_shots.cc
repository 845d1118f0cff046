#include "drivers/sandbox/real_one_shots.h"

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>

#include <fmt/format.h>
#include <fts.h>
#include <signal.h>
#include <unistd.h>

#include "drivers/sandbox/join.h"
#include "drivers/sandbox/record.h"
#include "io/file/files.h"
#include "io/file/tree.h"

namespace moln {
namespace {

constexpr uid_t k_app_uid = 1000;

WallTime wall_now() {
    using namespace std::chrono;
    return {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

// Root's files in `folder` become the app user's, so that the command can change them.
Status give_to_app(const std::string& folder) {
    std::string root = folder;
    std::array<char*, 2> roots{root.data(), nullptr};
    const std::unique_ptr<FTS, int (*)(FTS*)> tree(
        fts_open(roots.data(), FTS_PHYSICAL | FTS_XDEV | FTS_NOCHDIR, nullptr), fts_close);
    if (!tree) return fail(error_from_errno(errno, "read " + folder));
    while (const FTSENT* entry = fts_read(tree.get())) {
        if (entry->fts_info == FTS_DP || entry->fts_statp->st_uid != 0) continue;
        if (lchown(entry->fts_accpath, k_app_uid, k_app_uid) != 0) {
            return fail(error_from_errno(errno, std::string("chown ") + entry->fts_path));
        }
    }
    return {};
}

SandboxSpec sandbox_of(const OneShotSpec& spec, std::uint32_t network) {
    SandboxSpec out;
    out.instance = InstanceId(spec.name);
    out.image = spec.image;
    out.command = spec.command;
    out.env = spec.env;
    out.workdir = spec.folder_inside;
    out.hostname = spec.name;
    out.uid_base = spec.uid_base;
    out.memory = spec.memory;
    out.cpu_millis = spec.cpu_millis;
    out.pids = spec.pids;
    out.network = network;
    out.address_slot = network == 0 ? 0 : k_address_slot_min;
    return out;
}

InstanceExit exit_from(int code) {
    constexpr int k_signal_base = 128;
    InstanceExit exit{.at = wall_now()};
    if (code > k_signal_base && code < k_signal_base + NSIG) {
        exit.signal = code - k_signal_base;
    } else {
        exit.code = code;
    }
    return exit;
}

}  // namespace

class RealOneShots::Network {
public:
    explicit Network(RealOneShots& owner) : owner_(owner) {
        const std::lock_guard lock(owner_.mutex_);
        for (auto number = k_network_number_max; number > k_project_network_max; --number) {
            if (owner_.networks_in_use_.insert(number).second) {
                number_ = number;
                return;
            }
        }
    }
    ~Network() {
        const std::lock_guard lock(owner_.mutex_);
        owner_.networks_in_use_.erase(number_);
    }
    Network(const Network&) = delete;
    Network& operator=(const Network&) = delete;
    std::uint32_t number() const { return number_; }  // 0: none is free

private:
    RealOneShots& owner_;
    std::uint32_t number_ = 0;
};

Status RealOneShots::clean_up(const InstanceId& name) {
    if (host_.cgroups.exists(name.text)) MOLN_TRY(host_.cgroups.kill(name.text));
    MOLN_TRY(host_.runtime().forget(name));
    MOLN_TRY(host_.stage.take_down(name));
    return remove_tree(host_.paths.home(name));
}

Result<InstanceExit> RealOneShots::run_staged(const OneShotSpec& spec, const SandboxSpec& sandbox,
                                              const std::function<void(std::string)>& line,
                                              const std::atomic<bool>* cancelled) {
    auto record = record_of(sandbox);
    record.one_shot = true;
    MOLN_TRY(make_folders(host_.paths.home(sandbox.instance), 0700));
    // First, so that whatever a crash leaves is known not to be an instance's.
    MOLN_TRY(write_kept(host_.paths.record(sandbox.instance), record));
    MOLN_TRY(host_.stage.raise(record));
    MOLN_TRY(host_.stage.fresh_cgroup(record));
    std::vector<OciBind> folders{{.from = spec.folder, .to = spec.folder_inside}};
    if (!spec.cache_folder.empty()) folders.push_back({.from = spec.cache_folder, .to = "/cache"});
    if (!spec.settings_folder.empty()) {
        folders.push_back(
            {.from = spec.settings_folder, .to = spec.settings_inside, .read_only = true});
    }
    MOLN_TRY(host_.stage.write_bundle(sandbox, folders));

    auto child = host_.runtime().command(
        {"run", "--bundle=" + host_.paths.bundle(sandbox.instance), sandbox.instance.text});
    child.line = line;
    child.cancelled = cancelled;
    child.time_limit = spec.time_limit;
    const auto join = host_.cgroups.join_files(sandbox.instance.text);
    child.before_exec = [&join, before = std::move(child.before_exec)]() -> Status {
        if (!join_groups(join)) return fail(Error{});
        return before ? before() : Status{};
    };
    const auto result = run_child(child);
    if (!result && result.error().code == ErrorCode::timeout) {
        return fail(ErrorCode::timeout, fmt::format("{} did not end within {} s and was stopped",
                                                    spec.name, spec.time_limit.count / 1000));
    }
    if (!result) return fail(result.error());
    auto exit = exit_from(result->exit_code);
    const auto usage = host_.cgroups.usage(sandbox.instance.text);
    exit.out_of_memory = exit.signal == SIGKILL && usage && usage->oom_kills > 0;
    return exit;
}

Result<InstanceExit> RealOneShots::run(const OneShotSpec& spec,
                                       const std::function<void(std::string)>& line,
                                       const std::atomic<bool>* cancelled) {
    MOLN_TRY(host_.set_up());
    const Network network(*this);
    if (network.number() == 0) {
        return fail(ErrorCode::refused,
                    fmt::format("{} builds run already: wait until one has ended",
                                k_one_shots_at_once_max));
    }
    const auto sandbox = sandbox_of(spec, spec.network ? network.number() : 0);
    MOLN_TRY(clean_up(sandbox.instance));
    MOLN_TRY(give_to_app(spec.folder));
    if (!spec.cache_folder.empty()) MOLN_TRY(give_to_app(spec.cache_folder));
    auto result = run_staged(spec, sandbox, line, cancelled);
    if (auto cleaned = clean_up(sandbox.instance); !cleaned && result) return fail(cleaned.error());
    return result;
}

}  // namespace moln
