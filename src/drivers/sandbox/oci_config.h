// From what an instance is to be, the OCI runtime's config.json (runtime-spec 1.0.2). Pure.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "ports/sandboxes.h"

namespace moln {

struct SandboxUser {
    std::int64_t uid = 1000;
    std::int64_t gid = 1000;
    std::vector<std::int64_t> groups = {};
    std::string home = "/home/app";
};

struct OciBind {
    std::string from;  // on the host
    std::string to;    // inside
    bool read_only = false;
};

struct OciConfigInput {
    std::string root;    // host path of the mounted root file system
    std::string netns;   // host path; empty: a fresh namespace with nothing in it
    std::string cgroup;  // "moln/web-7f3k2m", for runtimes that insist on placing it themselves
    SandboxUser user;
    std::vector<OciBind> binds;
    std::string init_program = {};    // on the host; empty: none
    std::string seccomp_filter = {};  // SeccompFilter::text()
    std::int64_t files_max = 1024;    // RLIMIT_NOFILE, within the node's hard limit
};

// The text holds secrets: it belongs into a file that only root can read.
std::string oci_config(const SandboxSpec& spec, const OciConfigInput& input);

}  // namespace moln
