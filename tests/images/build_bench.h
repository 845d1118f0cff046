// A data directory with HostImages over a chroot, for tests that build a folder and ask what it
// serves: the same way as a deploy, but for the instance's own sandbox.
#pragma once

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

#include "chroot_one_shots.h"
#include "drivers/image/host_images.h"
#include "drivers/image/tar_for_tests.h"
#include "drivers/process/child.h"

namespace moln {

class BuildBench : public ::testing::Test {
protected:
    void write(const std::string& name, std::string_view text) {
        const auto path = source() + "/" + name;
        std::filesystem::create_directories(std::filesystem::path(path).parent_path());
        std::ofstream(path, std::ios::binary) << text;
    }
    std::string source() const { return scratch_ / "source"; }

    Result<BuildResult> build(const std::string& folder) {
        const auto archive = scratch_ / "source.tar";
        MOLN_TRY(run_child_ok({.argv = {"tar", "-C", folder, "-cf", archive, "."}}));
        return images_.build({.app = AppId("default/shop"),
                              .archive = archive,
                              .platform = "",
                              .base_name = std::filesystem::path(folder).filename().string()},
                             {.line = [this](std::string line) { log_ += line + "\n"; }});
    }

    // Starts the web process in a network of its own and gives what it answers to GET `path`. The
    // app and all it started end with the asking.
    Result<std::string> ask(const BuildResult& built, const std::string& path) {
        constexpr const char* k_script = R"(url=$1; shift
"$@" >/tmp/log 2>&1 &
tries=0
until curl -fsS --max-time 5 "$url" 2>/dev/null; do
  tries=$((tries + 1)); [ $tries -lt 200 ] || { cat /tmp/log; exit 9; }
  sleep 0.1
done)";
        const auto& web = built.config.processes.at("web");
        std::vector<std::string> command = {"sh", "-c", k_script, "sh",
                                            "http://127.0.0.1:" + std::to_string(web.port) + path};
        command.insert(command.end(), web.command.begin(), web.command.end());
        auto env = built.config.env;
        env["PORT"] = std::to_string(web.port);
        std::string output;
        // The examples name their volumes' folders by these; here any folder will do.
        env["DATA"] = "/tmp";
        env["JOBS"] = "/tmp";
        MOLN_ASSIGN(const auto ended,
                    one_shots_.run(
                        {.name = "ask",
                         .image = built.image,
                         .folder = data_.layers() + "/" + built.image.layers.at(0) + "/app",
                         .cache_folder = scratch_.path(),
                         .command = std::move(command),
                         .env = std::move(env),
                         .time_limit = minutes(2),
                         .network = false},
                        [&](std::string line) { output += line + "\n"; }, nullptr));
        if (ended.code != 0) return fail(ErrorCode::internal, output);
        return output;
    }

    TempDir scratch_;
    DataDir data_{.root = scratch_ / "data"};
    ChrootOneShots one_shots_{scratch_ / "root"};
    HostImages images_{
        data_, one_shots_, {.platform_recipes = "", .wall_now = [] { return WallTime{}; }}};
    std::string log_;
};

}  // namespace moln
