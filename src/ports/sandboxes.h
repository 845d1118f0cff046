// The sandboxes of a node: instances as namespaced, limited, unprivileged processes. Blocking
// calls, each idempotent and safe to repeat after a crash at any point within it; calls for one
// instance come one after the other, calls for different instances at the same time.
// tests/contracts/sandbox_contract.h is the suite that the fake and the real one pass.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/id.h"
#include "base/result.h"
#include "base/secret.h"
#include "base/units.h"
#include "model/observed.h"
#include "model/resources.h"

namespace moln {

struct SandboxMount {
    VolumeId volume;
    std::string path;  // absolute, inside
    Sharing sharing = Sharing::exclusive;
    friend bool operator==(const SandboxMount&, const SandboxMount&) = default;
};

// All that an instance is made from. The driver derives directories from the ids.
struct SandboxSpec {
    InstanceId instance;
    AppId app;
    std::int64_t generation = 0;
    ImageRef image;
    std::vector<std::string> command;
    std::map<std::string, std::string> env;
    std::map<std::string, Secret> secret_env;
    std::string workdir;
    std::string user;  // "", "uid[:gid]" or a name in the image's /etc/passwd
    std::string hostname;
    std::int64_t uid_base = 0;  // host uid of the user namespace's 0; 65,536 follow
    Bytes memory;
    std::int64_t cpu_millis = 1000;
    std::int64_t pids = 256;
    std::uint32_t network = 0;       // number of the project's private network, 1..
    std::uint32_t address_slot = 0;  // host number within it, 2..
    std::vector<SandboxMount> mounts;
    bool terminal = false;    // one-off with a TTY: console socket is kept for attach()
    bool open_input = false;  // one-off without: it starts when somebody attaches, see attach.h
};

struct SandboxSeen {
    InstanceId instance;
    std::int64_t generation = 0;                  // of the spec it was prepared from
    InstancePhase phase = InstancePhase::absent;  // absent, prepared, running or ended
    std::string address;
    std::int64_t pid = 0;
    WallTime started;
    std::optional<InstanceExit> exit;  // phase ended
    // A stop signal was sent since it last started. Kept beside the sandbox, so that a daemon that
    // starts again does not signal twice: many programs take a second SIGTERM as "quit at once".
    bool signalled = false;
};

struct SandboxUsage {
    Bytes memory;
    std::int64_t cpu_used_us = 0;
    std::int64_t oom_kills = 0;
    std::int64_t pids = 0;
};

class Sandboxes {
public:
    virtual ~Sandboxes() = default;

    // First verb after a start: finds every sandbox that is there, whole or half made, and tidies
    // what no sandbox owns (mounts, namespaces, cgroups of ours). Never stops a running one.
    virtual Result<std::vector<SandboxSeen>> recover() = 0;

    // Root file system (overlay of image and a writable layer), network, volumes, runtime bundle.
    // A second call with the same instance and generation is a no-op; the writable layer of an
    // instance that exists already is kept.
    virtual Status prepare(const SandboxSpec& spec) = 0;

    // Starts a prepared (or ended: starts again) sandbox. Ok if it runs already.
    virtual Status start(const InstanceId& instance) = 0;

    // Sends a signal ("SIGTERM") to its first process. Ok if it has ended.
    virtual Status signal(const InstanceId& instance, const std::string& signal) = 0;

    // Kills everything in it and waits until nothing of it runs.
    virtual Status kill(const InstanceId& instance) = 0;

    // Of an ended sandbox: gives up cgroup, network and mounts and moves the writable layer
    // to trash_dir(trash). Returns the size of what lies there:
    // repeated after a crash it says the same. With nothing written, nothing is moved and the size
    // is 0. Ok if nothing is there.
    virtual Result<Bytes> remove(const InstanceId& instance, const TrashId& trash) = 0;

    virtual Result<SandboxSeen> inspect(const InstanceId& instance) = 0;
    virtual Result<SandboxUsage> usage(const InstanceId& instance) = 0;

    // Called, from any thread, as soon as a sandbox's first process has ended. The callee posts.
    virtual void on_exit(std::function<void(InstanceId)> callback) = 0;
};

}  // namespace moln
