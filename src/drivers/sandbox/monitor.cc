#include "drivers/sandbox/monitor.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

#include <boost/json.hpp>
#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "drivers/process/child.h"
#include "drivers/sandbox/join.h"
#include "io/file/fd.h"
#include "io/file/files.h"
#include "io/file/tree.h"
#include "model/limits.h"

namespace moln {
namespace {

constexpr int k_sync_fd = 3;  // where conmon finds the pipe on which it tells of the creation
constexpr int k_create_limit_ms = 60'000;
constexpr std::size_t k_sync_bytes_max = 64 * 1024;

// Of an instance's log; there are three files: what is written, what was before it, and, until
// rotate_log() has looked, one between these.
// The rest is for what a file system rounds up.
constexpr std::int64_t k_log_file_bytes_max = (k_log_bytes_per_instance.count - 64 * 1024) / 3;

std::optional<pid_t> read_pid(const std::string& path) {
    const auto text = read_file(path);
    if (!text) return std::nullopt;
    pid_t pid = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), pid);
    if (error != std::errc{} || pid <= 1) return std::nullopt;
    return pid;
}

std::vector<std::string> monitor_argv(const MonitorSpec& spec, const SandboxPaths& paths,
                                      const OciRuntime& runtime) {
    const auto& id = spec.instance;
    std::vector<std::string> argv{
        "conmon", "--api-version", "1", "--cid", id.text, "--cuuid", id.text, "--name", id.text,
        "--runtime", runtime.program(), "--bundle", paths.bundle(id), "--persist-dir",
        paths.run(id), "--container-pidfile", paths.pid_file(id), "--conmon-pidfile",
        paths.monitor_pid_file(id), "--exit-dir", paths.exits(), "--socket-dir-path",
        paths.sockets(), "--log-path", "k8s-file:" + paths.log(spec.app, id),
        // Another file takes its place then, also while no daemon is there: rotate_log() has given
        // it a second name.
        "--log-size-max", std::to_string(k_log_file_bytes_max), "--no-sync-log"};
    for (const auto& argument : runtime.global_arguments()) {
        argv.push_back("--runtime-arg=" + argument);
    }
    if (spec.terminal) argv.emplace_back("--terminal");
    if (spec.terminal || spec.keep_stdin) argv.emplace_back("--stdin");
    return argv;
}

// Reads until the other side closes or a whole line has come.
Result<std::string> read_sync(const Fd& fd) {
    std::string text;
    std::array<char, 4096> buffer;
    while (text.find('\n') == std::string::npos && text.size() < k_sync_bytes_max) {
        pollfd ready{fd.get(), POLLIN, 0};
        const int found = poll(&ready, 1, k_create_limit_ms);
        if (found < 0 && errno == EINTR) continue;
        if (found == 0) return fail(ErrorCode::timeout, "its monitor did not answer in a minute");
        const ssize_t count = read(fd.get(), buffer.data(), buffer.size());
        if (count <= 0) break;
        text.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return text;
}

// {"pid": 123}, or {"pid": -1, "message": "why"}; older ones say {"data": ...}.
Result<pid_t> parse_sync(const std::string& text) {
    boost::system::error_code error;
    const auto value = boost::json::parse(text, error);
    if (error || !value.is_object()) {
        return fail(ErrorCode::internal, "its monitor ended before it created it");
    }
    const auto& object = value.get_object();
    const auto* pid = object.if_contains("pid");
    if (pid == nullptr) pid = object.if_contains("data");
    if (pid != nullptr && pid->is_int64() && pid->get_int64() > 1) {
        return static_cast<pid_t>(pid->get_int64());
    }
    std::string message = "the OCI runtime gave no reason";
    if (const auto* said = object.if_contains("message"); said != nullptr && said->is_string()) {
        message = std::string(said->get_string());
    }
    while (!message.empty() && message.back() == '\n') message.pop_back();
    return fail(ErrorCode::internal, message);
}

}  // namespace

Result<pid_t> Monitors::create(const MonitorSpec& spec, const OciRuntime& runtime) const {
    MOLN_TRY(forget(spec.instance));
    for (const auto& folder : {paths_.exits(), paths_.sockets()}) {
        MOLN_TRY(make_folders(folder, 0700));
    }
    MOLN_TRY(make_folders(paths_.log_folder(spec.app), 0700));
    MOLN_ASSIGN(Pipe sync, make_pipe());
    const auto join = cgroups_.join_files(spec.instance.text);
    const int sync_fd = sync.write_end.get();
    const ChildSpec child{.argv = monitor_argv(spec, paths_, runtime),
                          .env = {fmt::format("_OCI_SYNCPIPE={}", k_sync_fd)},
                          .before_exec = [&]() -> Status {
                              if (!join_groups(join)) return fail(Error{});
                              // dup2 onto itself would keep close-on-exec.
                              if (sync_fd == k_sync_fd) {
                                  fcntl(sync_fd, F_SETFD, 0);
                              } else if (dup2(sync_fd, k_sync_fd) < 0) {
                                  return fail(Error{});
                              }
                              return {};
                          }};
    MOLN_TRY(run_child_ok(child));
    sync.write_end.reset();
    MOLN_ASSIGN(const auto answer, read_sync(sync.read_end));
    MOLN_ASSIGN(const pid_t pid, parse_sync(answer));
    // It was born in the instance's group so that what it creates is; from here on the instance's
    // limits are not the monitor's.
    if (const auto monitor = read_pid(paths_.monitor_pid_file(spec.instance))) {
        MOLN_TRY(cgroups_.move(*monitor, k_monitors_group));
    }
    return pid;
}

std::optional<pid_t> Monitors::running(const InstanceId& instance) const {
    const auto pid = read_pid(paths_.monitor_pid_file(instance));
    if (!pid) return std::nullopt;
    const auto command = read_file(fmt::format("/proc/{}/cmdline", *pid));
    if (!command) return std::nullopt;
    const std::string mark = std::string(1, '\0') + instance.text + std::string(1, '\0');
    const bool ours = command->starts_with("conmon") && command->find(mark) != std::string::npos &&
                      command->find(paths_.bundle(instance)) != std::string::npos;
    return ours ? pid : std::nullopt;
}

std::optional<pid_t> Monitors::instance_pid(const InstanceId& instance) const {
    const auto pid = read_pid(paths_.pid_file(instance));
    if (!pid) return std::nullopt;
    const auto members = cgroups_.members(instance.text);
    if (std::find(members.begin(), members.end(), *pid) == members.end()) return std::nullopt;
    // A zombie is listed until it is reaped, but runs no more.
    const auto stat = read_file(fmt::format("/proc/{}/stat", *pid));
    if (!stat) return std::nullopt;
    const auto state = stat->rfind(") ");
    if (state == std::string::npos || stat->substr(state + 2, 1) == "Z") return std::nullopt;
    return pid;
}

std::optional<InstanceExit> Monitors::exit_of(const InstanceId& instance) const {
    struct stat info{};
    const auto text = read_file(paths_.exit_file(instance));
    if (!text || stat(paths_.exit_file(instance).c_str(), &info) != 0) return std::nullopt;
    int status = 0;
    if (std::from_chars(text->data(), text->data() + text->size(), status).ec != std::errc{}) {
        return std::nullopt;
    }
    InstanceExit exit;
    // conmon and shells alike say 128 + signal; 64 is the highest signal.
    constexpr int k_signal_base = 128;
    constexpr int k_signal_max = 64;
    if (status > k_signal_base && status <= k_signal_base + k_signal_max) {
        exit.signal = status - k_signal_base;
    } else {
        exit.code = status;
    }
    exit.at = {info.st_mtim.tv_sec * 1000 + info.st_mtim.tv_nsec / 1'000'000};
    return exit;
}

Status Monitors::control(const InstanceId& instance, const std::string& words) const {
    const auto path = paths_.bundle(instance) + "/ctl";
    // Without a monitor at the other end open() fails with ENXIO instead of waiting for one.
    const Fd fifo(open(path.c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fifo.valid()) {
        return fail(ErrorCode::not_found, fmt::format("{} has no running monitor", instance.text));
    }
    if (write(fifo.get(), words.data(), words.size()) < 0) {
        return fail(error_from_errno(errno, "tell the monitor of " + instance.text));
    }
    return {};
}

// conmon begins a new file by itself, after so many bytes of its own count that nothing resets: to
// rename the file and have it reopened would only have it drop the next one when it holds less.
Status Monitors::rotate_log(const AppId& app, const InstanceId& instance) const {
    const auto path = paths_.log(app, instance);
    const auto held = path + std::string(k_log_held);
    struct stat now{};
    struct stat before{};
    if (stat(path.c_str(), &now) != 0) return {};
    const bool is_held = stat(held.c_str(), &before) == 0;
    if (is_held && before.st_ino == now.st_ino) {
        // A monitor counts from none again: one that starts over and over would never fill it.
        if (now.st_size < k_log_file_bytes_max || running(instance)) return {};
        MOLN_TRY(remove_file(path));
    }
    if (is_held) MOLN_TRY(rename_path(held, path + std::string(k_log_before)));
    if (link(path.c_str(), held.c_str()) == 0 || errno == ENOENT || errno == EEXIST) return {};
    return fail(error_from_errno(errno, "keep the log of " + instance.text));
}

Status Monitors::resize(const InstanceId& instance, int columns, int rows) const {
    return control(instance, fmt::format("1 {} {}\n", rows, columns));
}

bool Monitors::is_first_attached(const InstanceId& instance) const {
    const auto path = paths_.attached(instance);
    return open_fd(path, O_WRONLY | O_CREAT | O_EXCL, 0600).has_value();
}

std::string Monitors::attach_socket(const InstanceId& instance) const {
    return paths_.sockets() + "/" + instance.text + "/attach";
}

Status Monitors::forget(const InstanceId& instance) const {
    for (const auto& path :
         {paths_.attached(instance), paths_.exit_file(instance), paths_.pid_file(instance),
          paths_.monitor_pid_file(instance), paths_.run(instance) + "/oom",
          paths_.bundle(instance) + "/ctl", paths_.bundle(instance) + "/winsz",
          paths_.bundle(instance) + "/attach"}) {
        MOLN_TRY(remove_file(path));
    }
    return remove_tree(paths_.sockets() + "/" + instance.text);
}

}  // namespace moln
