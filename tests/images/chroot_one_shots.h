// OneShots for tests of builds: the command runs as uid 1000 in a chroot of the host's /usr with
// the folder at /app and the cache at /cache, in mount and process namespaces of its own. No
// limits, and the host's network unless told otherwise: only for commands that the test chose.
#pragma once

#include <string>
#include <vector>

#include "drivers/process/child.h"
#include "io/file/files.h"
#include "ports/one_shots.h"

namespace moln {

class ChrootOneShots final : public OneShots {
public:
    // `scratch` becomes an empty folder to mount on.
    explicit ChrootOneShots(std::string scratch) : scratch_(std::move(scratch)) {}

    Result<InstanceExit> run(const OneShotSpec& spec, const std::function<void(std::string)>& line,
                             const std::atomic<bool>* cancelled) override {
        MOLN_TRY(make_folders(scratch_, 0755));
        // The mounts end with the namespace, and that with the command.
        constexpr const char* k_script = R"(set -e
root=$1 folder=$2 cache=$3; shift 3
ip link set lo up
mount -t tmpfs none "$root"; cd "$root"
mkdir -p usr app cache proc dev tmp etc home; chmod 1777 tmp
mount --rbind /usr usr; mount --rbind /etc etc; mount --rbind /dev dev; mount -t proc none proc
for link in bin lib lib64 sbin; do ln -s "usr/$link" "$link"; done
mount --bind "$folder" app; mount --bind "$cache" cache
exec chroot --userspec=1000:1000 . /bin/sh -c 'cd /app && exec env -i "$@"' sh "$@"
)";
        std::vector<std::string> argv = {"unshare", "--mount", "--pid", "--fork", "--kill-child"};
        if (!spec.network) argv.emplace_back("--net");
        const std::vector<std::string> rest = {"sh",     "-c",        k_script,         "sh",
                                               scratch_, spec.folder, spec.cache_folder};
        argv.insert(argv.end(), rest.begin(), rest.end());
        auto env = spec.env;
        env.emplace("PATH", "/usr/local/bin:/usr/bin:/bin");
        for (const auto& [name, value] : env) argv.push_back(name + "=" + value);
        argv.insert(argv.end(), spec.command.begin(), spec.command.end());
        MOLN_ASSIGN(const auto ended, run_child({.argv = std::move(argv),
                                                 .time_limit = spec.time_limit,
                                                 .line = line,
                                                 .cancelled = cancelled}));
        return InstanceExit{.code = ended.exit_code};
    }

private:
    std::string scratch_;
};

}  // namespace moln
