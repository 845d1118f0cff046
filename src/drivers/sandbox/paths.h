// Where the things of a sandbox lie: what must survive a reboot below the data directory, what a
// reboot ends (mount points, pid files) below /run. The mount points are outside of the data
// directory also because its 0700 folders are closed to the instance's user namespace, which must
// be able to walk to its own root.
#pragma once

#include <cstddef>
#include <string>

#include "base/id.h"
#include "drivers/data_dir.h"

namespace moln {

// What lies there does not outlive a reboot; must be walkable for all users.
inline constexpr const char* k_run_folder = "/run/moln";

struct SandboxPaths {
    DataDir data;
    std::string run_root;  // 0711, "/run/moln/<of the data directory>"

    std::string home(const InstanceId& id) const { return data.instance(id); }
    std::string record(const InstanceId& id) const { return home(id) + "/record.json"; }
    std::string started(const InstanceId& id) const { return home(id) + "/started.json"; }
    std::string ended(const InstanceId& id) const { return home(id) + "/ended.json"; }
    std::string signalled(const InstanceId& id) const { return home(id) + "/signalled"; }
    std::string bundle(const InstanceId& id) const { return home(id) + "/bundle"; }
    std::string config(const InstanceId& id) const { return bundle(id) + "/config.json"; }
    // Names the folder that is the lowest layer of its root, if that is the host's skeleton.
    std::string skeleton(const InstanceId& id) const { return home(id) + "/skeleton"; }
    // Generated /etc/hosts and the like: the topmost read-only layer.
    std::string names_layer(const InstanceId& id) const { return home(id) + "/names"; }
    std::string layer_image(const InstanceId& id) const { return home(id) + "/layer.img"; }
    std::string layer(const InstanceId& id) const { return home(id) + "/layer"; }
    std::string upper(const InstanceId& id) const { return layer(id) + "/upper"; }
    std::string work(const InstanceId& id) const { return layer(id) + "/work"; }
    std::string tmp(const InstanceId& id) const { return layer(id) + "/tmp"; }
    std::string runtime_state() const { return data.run() + "/oci"; }
    std::string log_folder(const AppId& app) const { return data.logs() + "/" + app.text; }
    std::string log(const AppId& app, const InstanceId& id) const {
        return log_folder(app) + "/" + id.text + ".log";
    }

    std::string run(const InstanceId& id) const { return run_root + "/i/" + id.text; }
    std::string root(const InstanceId& id) const { return run(id) + "/root"; }
    std::string lowers(const InstanceId& id) const { return run(id) + "/l"; }
    std::string volumes(const InstanceId& id) const { return run(id) + "/v"; }
    std::string volume(const InstanceId& id, std::size_t index) const {
        return volumes(id) + "/" + std::to_string(index);
    }
    std::string pid_file(const InstanceId& id) const { return run(id) + "/pid"; }
    std::string monitor_pid_file(const InstanceId& id) const { return run(id) + "/monitor.pid"; }
    std::string attached(const InstanceId& id) const { return run(id) + "/attached"; }
    std::string sockets() const { return run_root + "/s"; }
    std::string exits() const { return run_root + "/exits"; }
    std::string exit_file(const InstanceId& id) const { return exits() + "/" + id.text; }
};

SandboxPaths sandbox_paths(const DataDir& data, const std::string& run_folder = k_run_folder);

}  // namespace moln
