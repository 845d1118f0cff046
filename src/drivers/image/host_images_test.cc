// HostImages over real folders and a OneShots that only pretends to build.
#include "drivers/image/host_images.h"

#include <atomic>
#include <functional>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>

#include "drivers/image/tar_for_tests.h"
#include "drivers/image/workspace.h"
#include "io/file/files.h"

namespace moln {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace fs = std::filesystem;

class PretendedOneShots final : public OneShots {
public:
    Result<InstanceExit> run(const OneShotSpec& spec, const std::function<void(std::string)>& line,
                             const std::atomic<bool>*) override {
        specs.push_back(spec);
        return answer(spec, line);
    }
    std::vector<OneShotSpec> specs;
    std::function<Result<InstanceExit>(const OneShotSpec&, const std::function<void(std::string)>&)>
        answer = [](const OneShotSpec& spec, const auto&) {
            std::ofstream(spec.folder + "/built") << "bytes";
            return Result<InstanceExit>(InstanceExit{});
        };
};

class HostImagesTest : public ::testing::Test {
protected:
    static constexpr WallTime k_now{1'795'305'600'000};  // 2026-11-22

    Result<BuildResult> build(const TarForTests& tar, bool dry_run = false) {
        return images_.build({.app = AppId("default/shop"),
                              .archive = tar.write_to(scratch_),
                              .platform = "",
                              .base_name = "shop",
                              .dry_run = dry_run},
                             progress_);
    }
    std::string layer(const BuildResult& result) const {
        return data_.layers() + "/" + result.image.layers.at(0);
    }
    std::vector<std::string> names_in(const std::string& folder) const {
        std::vector<std::string> names;
        std::error_code ignored;
        for (const auto& entry : fs::directory_iterator(folder, ignored)) {
            names.push_back(entry.path().filename().string());
        }
        return names;
    }
    // Builds by a command of the folder's own, so that no language is needed on this host.
    static TarForTests app(std::string_view content = "1") {
        return TarForTests()
            .file("moln.toml", "[build]\ncommand = ['make']\n[process.web]\ncommand = ['./run']\n")
            .file("run", content, 0755);
    }

    TempDir scratch_;
    DataDir data_{.root = scratch_ / "data"};
    PretendedOneShots one_shots_;
    HostImages images_{data_,
                       one_shots_,
                       {.caps = {.uid_base = 300'000},
                        .platform_recipes = scratch_ / "recipes",
                        .wall_now = [] { return k_now; }}};
    std::vector<std::string> lines_;
    ImageProgress progress_{.line = [this](std::string line) { lines_.push_back(line); }};
};

TEST_F(HostImagesTest, a_folder_becomes_one_layer_with_what_the_build_made) {
    const auto result = build(app());
    ASSERT_TRUE(result) << result.error().reason;
    EXPECT_EQ(result->image.kind, ImageKind::platform);
    EXPECT_EQ(result->image.platform, "host");
    EXPECT_EQ(result->image.source, "folder shop");
    EXPECT_THAT(result->image.layers, SizeIs(1));
    EXPECT_TRUE(path_exists(layer(*result) + "/app/run"));
    EXPECT_TRUE(path_exists(layer(*result) + "/app/built"));
    EXPECT_THAT(result->config.processes.at("web").command, ElementsAre("./run"));
    EXPECT_EQ(result->detected, "moln.toml");
    EXPECT_THAT(names_in(data_.builds()), IsEmpty());
}

TEST_F(HostImagesTest, steps_run_capped_with_the_projects_cache) {
    ASSERT_TRUE(build(app()));
    ASSERT_THAT(one_shots_.specs, SizeIs(1));
    const auto& spec = one_shots_.specs[0];
    EXPECT_THAT(spec.command, ElementsAre("make"));
    EXPECT_EQ(spec.image.platform, "host");
    EXPECT_EQ(spec.uid_base, 300'000);
    EXPECT_EQ(spec.memory, gib(2));
    EXPECT_EQ(spec.folder_inside, "/app");
    EXPECT_EQ(spec.cache_folder, data_.build_cache() + "/default");
    EXPECT_EQ(spec.env.at("HOME"), "/cache/home");
    EXPECT_THAT(lines_, ::testing::Contains(HasSubstr("step 1 of 1: run [build] command")));
}

TEST_F(HostImagesTest, the_same_folder_is_not_built_again) {
    const auto first = build(app());
    const auto second = build(app());
    ASSERT_TRUE(first && second);
    EXPECT_EQ(second->image, first->image);
    EXPECT_THAT(one_shots_.specs, SizeIs(1));
    EXPECT_THAT(lines_.back(), HasSubstr("unchanged: layer app-"));
    const auto other = build(app("2"));
    ASSERT_TRUE(other);
    EXPECT_NE(other->image.layers, first->image.layers);
    EXPECT_THAT(one_shots_.specs, SizeIs(2));
}

TEST_F(HostImagesTest, a_dry_run_makes_nothing) {
    const auto result = build(app(), true);
    ASSERT_TRUE(result);
    EXPECT_THAT(result->image.layers, IsEmpty());
    EXPECT_THAT(one_shots_.specs, IsEmpty());
    EXPECT_THAT(names_in(data_.layers()), IsEmpty());
    EXPECT_THAT(names_in(data_.builds()), IsEmpty());
}

TEST_F(HostImagesTest, a_failed_step_is_told_with_its_last_lines_and_leaves_nothing) {
    one_shots_.answer = [](const auto&, const auto& line) {
        for (std::size_t i = 1; i <= k_error_lines_max + 1; ++i) line(fmt::format("<{}>", i));
        return Result<InstanceExit>(InstanceExit{.code = 2});
    };
    const auto result = build(app());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::failed);
    EXPECT_THAT(result.error().reason,
                HasSubstr("build step `make` failed with exit code 2:\n<2>"));
    EXPECT_THAT(result.error().reason, HasSubstr("<21>"));
    EXPECT_THAT(names_in(data_.layers()), IsEmpty());
    EXPECT_THAT(names_in(data_.builds()), IsEmpty());
}

TEST_F(HostImagesTest, a_build_out_of_memory_is_told_apart) {
    one_shots_.answer = [](const auto&, const auto&) {
        return Result<InstanceExit>(InstanceExit{.signal = 9, .out_of_memory = true});
    };
    EXPECT_THAT(build(app()).error().reason, HasSubstr("needed more memory than the 2G"));
    one_shots_.answer = [](const auto&, const auto&) {
        return Result<InstanceExit>(fail(ErrorCode::timeout, "still running after 30m"));
    };
    const auto late = build(app());
    EXPECT_EQ(late.error().code, ErrorCode::timeout);
    EXPECT_THAT(late.error().reason, HasSubstr("build step `make`: still running"));
}

TEST_F(HostImagesTest, a_bad_folder_is_refused_before_anything_runs) {
    EXPECT_THAT(build(TarForTests().file("moln.toml", "prot = 1")).error().reason,
                HasSubstr("moln.toml:1: prot: unknown key"));
    EXPECT_THAT(
        build(TarForTests().symlink("x", "/etc/shadow").file("index.html", "")).error().reason,
        HasSubstr("folder shop: x is a symbolic link out"));
    EXPECT_THAT(build(TarForTests()).error().reason, HasSubstr("the folder is empty"));
    EXPECT_THAT(
        build(TarForTests().symlink("package.json", "other").file("other", "{}")).error().reason,
        HasSubstr("package.json is a symbolic link"));
    EXPECT_THAT(one_shots_.specs, IsEmpty());
}

TEST_F(HostImagesTest, a_manifest_at_the_limit_and_one_past) {
    const auto with = [&](std::size_t size) {
        return build(TarForTests()
                         .file("Procfile", "web: ./run\n")
                         .file("requirements.txt", std::string(size, '#')),
                     true);
    };
    EXPECT_TRUE(with(k_manifest_bytes_max));
    EXPECT_THAT(with(k_manifest_bytes_max + 1).error().reason, HasSubstr("at most 1048576 bytes"));
}

TEST_F(HostImagesTest, an_unknown_platform_is_told_with_those_there_are) {
    const auto result =
        build(TarForTests().file("moln.toml", "platform = 'plan9'").file("run", ""));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::not_found);
    EXPECT_THAT(result.error().reason, HasSubstr("no platform \"plan9\": there are host;"));
}

TEST_F(HostImagesTest, a_full_disk_is_told_and_leaves_nothing) {
    ASSERT_TRUE(make_folders(data_.root, 0700));
    ASSERT_EQ(mount("tmpfs", data_.root.c_str(), "tmpfs", 0, "size=1m"), 0);
    const auto full = build(app(std::string(2 << 20, 'x')));
    const auto fits = build(app());
    const auto left = names_in(data_.builds());
    ASSERT_EQ(umount2(data_.root.c_str(), MNT_DETACH), 0);
    ASSERT_FALSE(full);
    EXPECT_EQ(full.error().code, ErrorCode::full) << full.error().reason;
    EXPECT_TRUE(fits);
    EXPECT_THAT(left, IsEmpty());
}

TEST_F(HostImagesTest, cancelling_ends_a_build_and_leaves_nothing) {
    std::atomic<bool> cancelled = true;
    progress_.cancelled = &cancelled;
    const auto result = build(app());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::refused);
    EXPECT_THAT(result.error().reason, HasSubstr("cancelled"));
    EXPECT_THAT(names_in(data_.builds()), IsEmpty());
}

TEST_F(HostImagesTest, two_builds_of_the_same_folder_at_once_make_one_layer) {
    // The second starts and ends while the first one's step runs.
    bool inner = false;
    one_shots_.answer = [&](const OneShotSpec& spec, const auto&) {
        std::ofstream(spec.folder + "/built") << "bytes";
        if (!inner) {
            inner = true;
            EXPECT_TRUE(build(app()));
        }
        return Result<InstanceExit>(InstanceExit{});
    };
    const auto result = build(app());
    ASSERT_TRUE(result) << result.error().reason;
    EXPECT_THAT(names_in(data_.layers()), SizeIs(1));
    EXPECT_TRUE(path_exists(layer(*result) + "/app/built"));
    EXPECT_THAT(names_in(data_.builds()), IsEmpty());
}

TEST_F(HostImagesTest, recover_removes_what_is_half_made_and_no_layer) {
    const auto kept = build(app());
    ASSERT_TRUE(kept);
    ASSERT_TRUE(make_folders(data_.builds() + "/b-crash1/layer/app", 0755));
    std::ofstream(data_.builds() + "/b-crash1/layer/app/file") << "x";
    ASSERT_TRUE(images_.recover());
    EXPECT_THAT(names_in(data_.builds()), IsEmpty());
    EXPECT_TRUE(path_exists(layer(*kept)));
    EXPECT_TRUE(images_.recover());
}

TEST_F(HostImagesTest, layers_go_to_the_trash_and_come_back) {
    const auto made = build(app());
    ASSERT_TRUE(made);
    const TrashId trash("tr-1");
    const auto moved = images_.to_trash(made->image.layers, trash);
    ASSERT_TRUE(moved) << moved.error().reason;
    EXPECT_GT(moved->count, 0);
    EXPECT_FALSE(path_exists(layer(*made)));
    EXPECT_EQ(images_.to_trash(made->image.layers, trash)->count, moved->count);  // repeated
    ASSERT_TRUE(images_.from_trash(trash));
    EXPECT_TRUE(path_exists(layer(*made) + "/app/built"));
    EXPECT_TRUE(images_.from_trash(trash));
    EXPECT_EQ(images_.to_trash({"app-missing"}, TrashId("tr-2"))->count, 0);
}

TEST_F(HostImagesTest, a_layer_made_again_is_not_overwritten_from_the_trash) {
    const auto made = build(app());
    ASSERT_TRUE(images_.to_trash(made->image.layers, TrashId("tr-1")));
    ASSERT_TRUE(build(app()));
    std::ofstream(layer(*made) + "/app/newer") << "x";
    ASSERT_TRUE(images_.from_trash(TrashId("tr-1")));
    EXPECT_TRUE(path_exists(layer(*made) + "/app/newer"));
}

TEST_F(HostImagesTest, names_that_are_no_layers_are_refused) {
    for (const auto* name : {"", "..", "a/b", "../trash"}) {
        EXPECT_FALSE(images_.to_trash({name}, TrashId("tr-1"))) << name;
    }
}

TEST_F(HostImagesTest, plain_http_is_for_loopback_only) {
    const auto result = images_.import({.app = AppId("default/shop"),
                                        .reference = "registry.example.org/shop",
                                        .plain_http = true},
                                       progress_);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::refused);
}

TEST_F(HostImagesTest, platforms_are_the_host_and_what_was_made) {
    const auto folder = data_.platforms() + "/debian-12-20261120";
    ASSERT_TRUE(make_folders(folder + "/rootfs", 0755));
    ASSERT_TRUE(make_folders(data_.platforms() + "/host-1234", 0755));  // the sandboxes' own
    const PlatformInfo info{
        .name = "debian-12-20261120", .summary = "Debian", .size = mib(9), .made = k_now};
    ASSERT_TRUE(write_file(folder + "/manifest.json", to_json_text(info), 0600));
    const auto all = images_.platforms();
    ASSERT_TRUE(all) << all.error().reason;
    ASSERT_THAT(*all, SizeIs(2));
    EXPECT_EQ(all->at(0).name, "host");
    EXPECT_TRUE(all->at(0).is_default);
    EXPECT_EQ(all->at(1).name, "debian-12-20261120");
    EXPECT_THAT(images_.build_platform("nothing", progress_).error().reason,
                HasSubstr("no recipe for a platform \"nothing\""));
    EXPECT_FALSE(images_.build_platform("../etc", progress_));
}

TEST(PlatformRecipe, what_is_wrong_is_told) {
    const auto reason = [](std::string_view text) {
        const auto recipe = parse_platform_recipe(text, "x.toml");
        return recipe ? "" : recipe.error().reason;
    };
    EXPECT_EQ(reason("suite='bookworm'\nversion='12'\npackages=['g++', 'libc6.1']"), "");
    EXPECT_THAT(reason("version='12'\npackages=['a']"), HasSubstr("x.toml: suite"));
    EXPECT_THAT(reason("suite='--x'\nversion='12'\npackages=['a']"), HasSubstr("suite"));
    EXPECT_THAT(reason("suite='a'\nversion='../x'\npackages=['a']"), HasSubstr("version"));
    EXPECT_THAT(reason("suite='a'\nversion='1'\npackages=[]"), HasSubstr("packages"));
    EXPECT_THAT(reason("suite='a'\nversion='1'\npackages=['a,b']"), HasSubstr("packages"));
}

}  // namespace
}  // namespace moln
