#include "drivers/sandbox/real_sandboxes.h"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <set>

#include <signal.h>

#include "drivers/process/mounts.h"
#include "drivers/process/pidfd.h"
#include "io/file/files.h"
#include "io/file/tree.h"

namespace moln {
namespace {

constexpr Milliseconds k_begin_limit{500};
constexpr Milliseconds k_monitor_end_limit = seconds(10);

WallTime wall_now() {
    using namespace std::chrono;
    return {duration_cast<milliseconds>(system_clock::now().time_since_epoch()).count()};
}

std::unexpected<Error> absent(const InstanceId& instance) {
    return fail(ErrorCode::not_found, "no instance " + instance.text + " on this node");
}

}  // namespace

RealSandboxes::RealSandboxes(SandboxHost& host) : host_(host) {}
RealSandboxes::~RealSandboxes() = default;

void RealSandboxes::on_exit(std::function<void(InstanceId)> callback) {
    const std::lock_guard lock(exit_mutex_);
    on_exit_ = std::move(callback);
}

Status RealSandboxes::watch_exits() {
    return watch_.add(host_.paths.exits(), [this](const std::string& name) {
        const std::lock_guard lock(exit_mutex_);
        if (on_exit_) on_exit_(InstanceId(name));
    });
}

// ---- what is there --------------------------------------------------------------------------

// Writes down how it ended, with what only the cgroup can tell, before that is gone.
Result<InstanceExit> RealSandboxes::settle(const SandboxRecord& record, const InstanceExit& exit) {
    InstanceExit whole = exit;
    const auto usage = host_.cgroups.usage(record.instance.text);
    // The group is made anew with every start: its kills are this run's. Only SIGKILL comes from
    // the kernel's out-of-memory killer; another end after one was the program's own.
    whole.out_of_memory = whole.signal == SIGKILL && usage && usage->oom_kills > 0;
    MOLN_TRY(write_kept(host_.paths.ended(record.instance), whole));
    return whole;
}

Result<SandboxSeen> RealSandboxes::look(const SandboxRecord& record) {
    const auto& id = record.instance;
    SandboxSeen seen{.instance = id, .generation = record.generation};
    if (record.network != 0) {
        MOLN_ASSIGN(const auto subnet, host_.stage.subnet(record));
        seen.address = subnet.address;
    }
    MOLN_ASSIGN(const auto started, read_kept<SandboxStarted>(host_.paths.started(id)));
    if (!started || host_.runtime_waits(id)) {
        seen.phase = InstancePhase::prepared;
        return seen;
    }
    seen.started = started->at;
    seen.signalled = path_exists(host_.paths.signalled(id));
    MOLN_ASSIGN(seen.exit, read_kept<InstanceExit>(host_.paths.ended(id)));
    if (seen.exit) {
        seen.phase = InstancePhase::ended;
        return seen;
    }
    auto exit = host_.monitors.exit_of(id);
    if (!exit) {
        if (const auto pid = host_.monitors.instance_pid(id)) seen.pid = *pid;
        // A monitor without its instance is about to write how that ended.
        if (seen.pid != 0 || host_.monitors.running(id)) {
            seen.phase = InstancePhase::running;
            return seen;
        }
        // It may have written it between our two looks. Without a word of it (a reboot, or that was
        // killed too) the instance counts as killed.
        exit = host_.monitors.exit_of(id);
        if (!exit) exit = InstanceExit{.code = 0, .signal = SIGKILL, .at = wall_now()};
    }
    // A file's time is that of the kernel's last tick, which may have been before the start.
    exit->at = std::max(exit->at, seen.started);
    MOLN_ASSIGN(seen.exit, settle(record, *exit));
    seen.phase = InstancePhase::ended;
    return seen;
}

Result<SandboxSeen> RealSandboxes::inspect(const InstanceId& instance) {
    MOLN_ASSIGN(const auto record, read_kept<SandboxRecord>(host_.paths.record(instance)));
    if (!record) return SandboxSeen{.instance = instance};
    return look(*record);
}

Result<SandboxUsage> RealSandboxes::usage(const InstanceId& instance) {
    MOLN_ASSIGN(const auto usage, host_.cgroups.usage(instance.text));
    return SandboxUsage{.memory = usage.memory,
                        .cpu_used_us = usage.cpu_used_us,
                        .oom_kills = usage.oom_kills,
                        .pids = usage.pids};
}

// ---- recover --------------------------------------------------------------------------------

// Takes away what belongs to no sandbox.
Status RealSandboxes::tidy(const std::set<std::string>& known) {
    for (const auto& name : host_.cgroups.list()) {
        if (!known.contains(name)) MOLN_TRY(host_.cgroups.remove(name));
    }
    MOLN_TRY(host_.networks.recover(known));
    std::error_code ignored;
    for (const auto* folder : {"/i", "/s"}) {
        const std::filesystem::path path = host_.paths.run_root + folder;
        for (const auto& entry : std::filesystem::directory_iterator(path, ignored)) {
            if (known.contains(entry.path().filename())) continue;
            MOLN_TRY(unmount_below(entry.path()));
            MOLN_TRY(remove_tree(entry.path()));
        }
    }
    for (const auto& entry :
         std::filesystem::directory_iterator(host_.paths.runtime_state(), ignored)) {
        const InstanceId id(entry.path().filename());
        if (!known.contains(id.text)) MOLN_TRY(host_.runtime().forget(id));
    }
    return {};
}

Result<std::vector<SandboxSeen>> RealSandboxes::recover() {
    MOLN_TRY(host_.set_up());
    MOLN_TRY(watch_exits());
    std::vector<SandboxSeen> found;
    std::set<std::string> known;
    std::vector<InstanceId> half_made;
    for (const auto& entry : std::filesystem::directory_iterator(host_.paths.data.instances())) {
        const InstanceId id(entry.path().filename());
        const auto kept = read_kept<SandboxRecord>(host_.paths.record(id));
        if (!kept) {
            // Unreadable: one broken file must not stop a node, nor what may run behind it.
            known.insert(id.text);
            found.push_back({.instance = id, .phase = InstancePhase::failed});
            continue;
        }
        const auto& record = *kept;
        if (!record || record->one_shot) {
            half_made.push_back(id);
            continue;
        }
        known.insert(id.text);
        // Left in the instance's group by a death of ours just after it was made.
        if (const auto monitor = host_.monitors.running(id)) {
            MOLN_TRY(host_.cgroups.move(*monitor, k_monitors_group));
        }
        MOLN_ASSIGN(auto seen, look(*record));
        if (seen.phase == InstancePhase::running) keep_log(*record);
        found.push_back(std::move(seen));
    }
    MOLN_TRY(tidy(known));
    for (const auto& id : half_made) {
        MOLN_TRY(host_.stage.take_down(id));
        MOLN_TRY(remove_tree(host_.paths.home(id)));
    }
    return found;
}

// ---- prepare and start ----------------------------------------------------------------------

Status RealSandboxes::prepare(const SandboxSpec& spec) {
    MOLN_TRY(host_.set_up());
    const auto& id = spec.instance;
    MOLN_ASSIGN(const auto before, read_kept<SandboxRecord>(host_.paths.record(id)));
    if (before && before->generation == spec.generation) return {};
    if (before) {
        MOLN_ASSIGN(const auto seen, look(*before));
        if (seen.phase == InstancePhase::running) {
            return fail(ErrorCode::refused,
                        id.text + " runs: stop it before it is prepared from another spec");
        }
    }
    const auto record = record_of(spec);
    MOLN_TRY(host_.stage.raise(record));
    MOLN_TRY(host_.stage.write_bundle(spec));
    for (const auto& path :
         {host_.paths.started(id), host_.paths.ended(id), host_.paths.signalled(id)}) {
        MOLN_TRY(remove_file(path));
    }
    // Last: a sandbox with a record is whole.
    return write_kept(host_.paths.record(id), record);
}

Status RealSandboxes::start_anew(const SandboxRecord& record) {
    const auto& id = record.instance;
    MOLN_TRY(host_.stage.raise(record));
    MOLN_TRY(host_.stage.fresh_cgroup(record));
    MOLN_TRY(host_.runtime().forget(id));
    MOLN_TRY(remove_file(host_.paths.signalled(id)));
    const MonitorSpec monitor{.instance = id,
                              .app = record.app,
                              .terminal = record.terminal,
                              .keep_stdin = record.open_input};
    MOLN_TRY(host_.monitors.create(monitor, host_.runtime()));
    host_.stage.learn(id);
    keep_log(record);  // before it prints
    // Created, not running: look() tells this by the runtime's start fifo, so that after a crash
    // here it is only prepared, and the next start makes it anew.
    // Unsynced: a loss of power ends the run that it stands for.
    MOLN_TRY(write_kept(host_.paths.started(id), SandboxStarted{wall_now()}, Durability::unsynced));
    MOLN_TRY(remove_file(host_.paths.ended(id)));
    return host_.runtime().start(id);
}

Status RealSandboxes::start(const InstanceId& instance) {
    MOLN_TRY(host_.set_up());
    MOLN_TRY(watch_exits());
    MOLN_ASSIGN(const auto record, read_kept<SandboxRecord>(host_.paths.record(instance)));
    if (!record) return absent(instance);
    MOLN_ASSIGN(const auto seen, look(*record));
    if (seen.phase == InstancePhase::running) return {};
    if (auto started = start_anew(*record); !started) {
        (void)host_.cgroups.kill(instance.text);
        (void)host_.runtime().forget(instance);
        (void)remove_file(host_.paths.started(instance));
        return fail_in("start " + instance.text, started.error());
    }
    return {};
}

// ---- ending ---------------------------------------------------------------------------------

Status RealSandboxes::signal(const InstanceId& instance, const std::string& signal) {
    const int number = signal_number(signal);
    if (number == 0) return fail(ErrorCode::invalid, signal + " is not the name of a signal");
    MOLN_ASSIGN(const auto seen, inspect(instance));
    if (seen.phase == InstancePhase::absent) return absent(instance);
    const auto pid = host_.monitors.instance_pid(instance);
    if (!pid) return {};
    const auto process = open_process(*pid);
    // Opened, then looked at again: it is the instance's own and will not become another's.
    if (!process || host_.monitors.instance_pid(instance) != pid) return {};
    // Just started, it may still be the runtime. One that never handles the signal is not waited
    // for in vain: without an init the signal would be lost anyway.
    wait_until_heard(*pid, number, k_begin_limit);
    MOLN_TRY(send_signal(*process, number));
    // Behind the signal: one that is sent twice is a lesser evil than one that was never sent. A
    // loss of power ends the run that this stands for.
    return write_file(host_.paths.signalled(instance), "", 0600, Durability::unsynced);
}

Status RealSandboxes::kill(const InstanceId& instance) {
    MOLN_ASSIGN(const auto record, read_kept<SandboxRecord>(host_.paths.record(instance)));
    if (!record) return {};
    if (host_.cgroups.exists(instance.text)) MOLN_TRY(host_.cgroups.kill(instance.text));
    if (const auto monitor = host_.monitors.running(instance)) {
        const auto process = open_process(*monitor);
        if (process && !wait_for_end(*process, k_monitor_end_limit)) {
            // Its instance is dead: nothing is lost with it but the exit status.
            MOLN_TRY(send_signal(*process, SIGKILL));
            wait_for_end(*process, k_monitor_end_limit);
        }
    }
    MOLN_TRY(look(*record));
    return {};
}

Result<Bytes> RealSandboxes::remove(const InstanceId& instance, const TrashId& trash) {
    MOLN_TRY(host_.set_up());
    MOLN_ASSIGN(const auto record, read_kept<SandboxRecord>(host_.paths.record(instance)));
    if (record) {
        MOLN_ASSIGN(const auto seen, look(*record));
        if (seen.phase == InstancePhase::running) {
            return fail(ErrorCode::refused,
                        instance.text + " runs: it must end before it is removed");
        }
    }
    MOLN_TRY(host_.runtime().forget(instance));
    MOLN_ASSIGN(const auto written, host_.stage.written(instance));
    MOLN_TRY(host_.stage.take_down(instance));
    MOLN_TRY(host_.monitors.forget(instance));
    const auto trash_folder = host_.paths.data.trash(trash);
    if (written.files > 0) MOLN_TRY(host_.stage.move_writable_layer(instance, trash_folder));
    // The record goes with the last: until then a repeated call finds its way.
    for (const auto& path : {host_.paths.bundle(instance), host_.paths.names_layer(instance)}) {
        MOLN_TRY(remove_tree(path));
    }
    MOLN_TRY(remove_tree(host_.paths.home(instance)));
    if (written.files > 0) return written.bytes;
    // A call before this one may have moved it and then been cut off.
    return path_exists(trash_folder) ? tree_size(trash_folder).bytes : Bytes{};
}

// ---- logs -----------------------------------------------------------------------------------

// Whoever logs fast fills more than one file between two calls of rotate_logs(): what its monitor
// begins anew is held at once.
void RealSandboxes::keep_log(const SandboxRecord& record) {
    const auto began = [this, app = record.app](const std::string& name) {
        constexpr std::string_view k_suffix = ".log";
        if (!name.ends_with(k_suffix)) return;
        (void)rotate_log(app, InstanceId(name.substr(0, name.size() - k_suffix.size())));
    };
    // Without it rotate_logs() alone keeps what it can.
    (void)watch_.add(host_.paths.log_folder(record.app), began);
    (void)rotate_log(record.app, record.instance);
}

Status RealSandboxes::rotate_log(const AppId& app, const InstanceId& instance) {
    const std::lock_guard lock(rotate_mutex_);
    return host_.monitors.rotate_log(app, instance);
}

Status RealSandboxes::rotate_logs() {
    std::error_code ignored;
    for (const auto& entry :
         std::filesystem::directory_iterator(host_.paths.data.instances(), ignored)) {
        const InstanceId id(entry.path().filename());
        const auto record = read_kept<SandboxRecord>(host_.paths.record(id));
        if (record && *record) MOLN_TRY(rotate_log((*record)->app, id));
    }
    return {};
}

Status RealSandboxes::drop_unused() {
    MOLN_TRY(host_.networks.drop_unused());
    return host_.stage.drop_unused();
}

}  // namespace moln
