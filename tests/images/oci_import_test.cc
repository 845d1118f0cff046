// OCI images for real: a registry on loopback, skopeo, layouts and archives; layers shared between
// images, whiteouts seen through an overlay, and what is wrong with them told.
#include <filesystem>
#include <fstream>
#include <iterator>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chroot_one_shots.h"
#include "drivers/image/host_images.h"
#include "drivers/image/oci_image.h"
#include "drivers/image/sha256.h"
#include "drivers/image/tar_for_tests.h"
#include "drivers/process/child.h"

namespace moln {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;
namespace fs = std::filesystem;

// Writes OCI layouts without any tool, so that they can be wrong too.
class LayoutForTests {
public:
    explicit LayoutForTests(std::string path) : path_(std::move(path)) {
        fs::create_directories(path_ + "/blobs/sha256");
        write("oci-layout", R"({"imageLayoutVersion": "1.0.0"})");
    }
    LayoutForTests& layer(const TarForTests& tar) {
        const auto bytes = tar.bytes();
        diff_ids_.push_back(json::value(json::string("sha256:" + sha256_of(bytes))));
        layers_.push_back(blob(bytes, "application/vnd.oci.image.layer.v1.tar"));
        return *this;
    }
    const std::string& finish(json::object config = {{"Cmd", {"/run"}}}) {
        return write_index(manifest(std::move(config)));
    }
    // The manifest of the layers so far; begins the next image.
    json::object manifest(json::object config) {
        const json::object image{{"architecture", "amd64"},
                                 {"os", "linux"},
                                 {"config", std::move(config)},
                                 {"rootfs", {{"type", "layers"}, {"diff_ids", diff_ids_}}}};
        const json::object manifest{
            {"schemaVersion", 2},
            {"mediaType", "application/vnd.oci.image.manifest.v1+json"},
            {"config", blob(json::serialize(image), "application/vnd.oci.image.config.v1+json")},
            {"layers", layers_}};
        return blob(json::serialize(manifest), "application/vnd.oci.image.manifest.v1+json");
    }
    void begin_next() {
        layers_.clear();
        diff_ids_.clear();
    }
    // An index of images for several architectures.
    const std::string& finish_index(const json::array& manifests) {
        const json::object index{{"schemaVersion", 2},
                                 {"mediaType", "application/vnd.oci.image.index.v1+json"},
                                 {"manifests", manifests}};
        return write_index(blob(json::serialize(index), "application/vnd.oci.image.index.v1+json"));
    }
    std::string blob_file(std::size_t layer) const {
        return blob_path(path_, layers_.at(layer).at("digest").as_string());
    }

private:
    const std::string& write_index(const json::object& descriptor) {
        write("index.json", json::serialize(json::object{{"schemaVersion", 2},
                                                         {"manifests", json::array{descriptor}}}));
        return path_;
    }
    json::object blob(const std::string& bytes, std::string_view type) {
        const auto hex = sha256_of(bytes);
        write("blobs/sha256/" + hex, bytes);
        return {{"mediaType", type}, {"digest", "sha256:" + hex}, {"size", bytes.size()}};
    }
    void write(const std::string& name, const std::string& bytes) {
        std::ofstream(path_ + "/" + name, std::ios::binary) << bytes;
    }

    std::string path_;
    json::array layers_;
    json::array diff_ids_;
};

class OciImport : public ::testing::Test {
protected:
    Result<BuildResult> import(const std::string& reference, bool plain_http = false) {
        return images_.import(
            {.app = AppId("default/shop"), .reference = reference, .plain_http = plain_http},
            {.line = [this](std::string line) { log_ += line + "\n"; }});
    }
    std::string layer(const BuildResult& result, std::size_t index) const {
        return data_.layers() + "/" + result.image.layers.at(index);
    }
    static std::string read(const std::string& path) {
        std::ifstream in(path, std::ios::binary);
        return {std::istreambuf_iterator<char>(in), {}};
    }
    static LayoutForTests two_layers(const std::string& path) {
        LayoutForTests layout(path);
        layout.layer(
            TarForTests().file("etc/a", "lower").file("etc/b", "gone").file("run", "#!", 0755));
        layout.layer(TarForTests().file("etc/a", "upper").file("etc/.wh.b", ""));
        return layout;
    }

    TempDir scratch_;
    DataDir data_{.root = scratch_ / "data"};
    ChrootOneShots one_shots_{scratch_ / "root"};
    HostImages images_{
        data_, one_shots_, {.platform_recipes = "", .wall_now = [] { return WallTime{}; }}};
    std::string log_;
};

TEST_F(OciImport, a_layout_becomes_layers_that_an_overlay_stacks) {
    const auto image = import("oci:" + two_layers(scratch_ / "layout").finish());
    ASSERT_TRUE(image) << image.error().reason;
    EXPECT_EQ(image->image.kind, ImageKind::oci);
    ASSERT_THAT(image->image.layers, SizeIs(2));
    const auto target = scratch_ / "merged";
    fs::create_directory(target);
    const auto options = "lowerdir=" + layer(*image, 1) + ":" + layer(*image, 0);
    ASSERT_EQ(mount("overlay", target.c_str(), "overlay", MS_RDONLY, options.c_str()), 0);
    EXPECT_EQ(read(target + "/etc/a"), "upper");
    EXPECT_FALSE(fs::exists(target + "/etc/b"));
    EXPECT_EQ(read(target + "/run"), "#!");
    EXPECT_EQ(umount(target.c_str()), 0);
}

TEST_F(OciImport, layers_are_unpacked_once) {
    ASSERT_TRUE(import("oci:" + two_layers(scratch_ / "one").finish()));
    log_.clear();
    const auto other =
        import("oci:" + two_layers(scratch_ / "two").layer(TarForTests().file("c", "")).finish());
    ASSERT_TRUE(other) << other.error().reason;
    EXPECT_THAT(other->image.layers, SizeIs(3));
    EXPECT_THAT(log_, HasSubstr("is here already"));
    EXPECT_EQ(std::distance(fs::directory_iterator(data_.layers()), {}), 3);
    EXPECT_TRUE(fs::is_empty(data_.builds()));
}

TEST_F(OciImport, more_layers_than_an_overlay_takes_become_one) {
    LayoutForTests layout(scratch_ / "many");
    for (std::size_t i = 0; i <= 48; ++i) {
        layout.layer(TarForTests().file("file", std::to_string(i)));
    }
    layout.layer(TarForTests().file("other", ""));
    const auto image = import("oci:" + layout.finish());
    ASSERT_TRUE(image) << image.error().reason;
    ASSERT_THAT(image->image.layers, SizeIs(1));
    EXPECT_EQ(read(layer(*image, 0) + "/file"), "48");
}

TEST_F(OciImport, of_several_architectures_the_machines_own_is_taken) {
    LayoutForTests layout(scratch_ / "layout");
    const auto with = [&](std::string_view architecture, std::string_view content) {
        layout.begin_next();
        layout.layer(TarForTests().file("arch", content));
        auto manifest = layout.manifest({{"Cmd", {"/run"}}});
        manifest["platform"] = {{"architecture", architecture}, {"os", "linux"}};
        return manifest;
    };
    const auto machine = *run_child_ok({.argv = {"dpkg", "--print-architecture"}});
    const auto own = machine.substr(0, machine.find('\n'));
    const auto path = layout.finish_index({with("s390x", "other"), with(own, "own")});
    const auto image = import("oci:" + path);
    ASSERT_TRUE(image) << image.error().reason;
    EXPECT_EQ(read(layer(*image, 0) + "/arch"), "own");

    LayoutForTests foreign(scratch_ / "foreign");
    foreign.layer(TarForTests().file("arch", "other"));
    auto manifest = foreign.manifest({{"Cmd", {"/run"}}});
    manifest["platform"] = {{"architecture", "s390x"}, {"os", "linux"}};
    const auto none = import("oci:" + foreign.finish_index({manifest}));
    ASSERT_FALSE(none);
    EXPECT_THAT(none.error().reason, HasSubstr("not made for this machine"));
}

TEST_F(OciImport, an_archive_is_taken_too) {
    const auto layout = two_layers(scratch_ / "layout").finish();
    const auto archive = scratch_ / "image.tar";
    ASSERT_TRUE(run_child_ok(
        {.argv = {"skopeo", "copy", "oci:" + layout, "docker-archive:" + archive + ":shop:1"}}));
    const auto image = import("docker-archive:" + archive);
    ASSERT_TRUE(image) << image.error().reason;
    EXPECT_THAT(image->image.layers, SizeIs(2));
    EXPECT_EQ(image->config.processes.at("web").command, std::vector<std::string>{"/run"});
}

TEST_F(OciImport, other_bytes_than_their_digest_are_refused) {
    auto layout = two_layers(scratch_ / "layout");
    const auto path = layout.finish();
    auto bytes = read(layout.blob_file(1));
    bytes[600] = '?';
    std::ofstream(layout.blob_file(1), std::ios::binary) << bytes;
    const auto image = import("oci:" + path);
    ASSERT_FALSE(image);
    EXPECT_EQ(image.error().code, ErrorCode::corrupt) << image.error().reason;
    EXPECT_TRUE(!fs::exists(data_.builds()) || fs::is_empty(data_.builds()));
}

TEST_F(OciImport, a_layer_that_leads_out_is_refused) {
    LayoutForTests layout(scratch_ / "layout");
    layout.layer(TarForTests().file("../../../evil", "x"));
    const auto image = import("oci:" + layout.finish());
    ASSERT_FALSE(image);
    EXPECT_THAT(image.error().reason, HasSubstr("leads out of its folder"));
    EXPECT_FALSE(fs::exists(scratch_ / "evil"));
}

TEST_F(OciImport, what_is_not_there_is_told) {
    const auto missing = import("oci:" + (scratch_ / "nothing"));
    ASSERT_FALSE(missing);
    EXPECT_EQ(missing.error().code, ErrorCode::not_found) << missing.error().reason;
    EXPECT_FALSE(import("docker-archive:" + (scratch_ / "nothing.tar")));
    const auto closed = import("127.0.0.1:1/shop", true);
    ASSERT_FALSE(closed);
    EXPECT_EQ(closed.error().code, ErrorCode::unavailable) << closed.error().reason;
}

// Debian's docker-registry, on a port that the kernel chose.
class Registry : public OciImport {
protected:
    void SetUp() override {
        port_ = free_port();
        const auto config = scratch_ / "registry.yml";
        std::ofstream(config) << "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: "
                              << scratch_ / "registry" << "\nhttp:\n  addr: 127.0.0.1:" << port_
                              << "\n";
        pid_ = fork();
        ASSERT_GE(pid_, 0);
        if (pid_ == 0) {
            const auto log = scratch_ / "registry.log";
            if (std::freopen(log.c_str(), "w", stderr) == nullptr) _exit(126);
            if (dup2(STDERR_FILENO, STDOUT_FILENO) < 0) _exit(126);
            execlp("docker-registry", "docker-registry", "serve", config.c_str(), nullptr);
            _exit(127);
        }
        const auto up = run_child(
            {.argv = {"curl", "-fsS", "--retry", "100", "--retry-delay", "0", "--retry-max-time",
                      "30", "--retry-connrefused", "http://" + address() + "/v2/"}});
        ASSERT_TRUE(up && up->exit_code == 0) << read(scratch_ / "registry.log");
    }
    void TearDown() override {
        if (pid_ <= 0) return;
        kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
    }
    static std::string free_port() {
        const auto port =
            run_child_ok({.argv = {"python3", "-c",
                                   "import socket; s = socket.socket(); s.bind(('127.0.0.1', 0)); "
                                   "print(s.getsockname()[1], end='')"}});
        return port ? *port : "";
    }
    std::string address() const { return "127.0.0.1:" + port_; }
    void push(const std::string& layout, const std::string& name) {
        const auto pushed = run_child_ok({.argv = {"skopeo", "copy", "--dest-tls-verify=false",
                                                   "oci:" + layout, "docker://" + name}});
        ASSERT_TRUE(pushed) << pushed.error().reason;
    }

    std::string port_;
    pid_t pid_ = -1;
};

TEST_F(Registry, an_image_is_pulled_and_its_settings_kept) {
    push(two_layers(scratch_ / "layout")
             .finish({{"Entrypoint", {"/run"}},
                      {"Cmd", {"--all"}},
                      {"Env", {"COLOR=blue"}},
                      {"ExposedPorts", {{"3000/tcp", json::object()}}},
                      {"WorkingDir", "/srv"},
                      {"User", "33"}}),
         address() + "/shop:1");
    const auto image = import(address() + "/shop:1", true);
    ASSERT_TRUE(image) << image.error().reason;
    EXPECT_EQ(image->image.source, "docker://" + address() + "/shop:1");
    const auto& web = image->config.processes.at("web");
    EXPECT_EQ(web.command, (std::vector<std::string>{"/run", "--all"}));
    EXPECT_EQ(web.port, 3000);
    EXPECT_EQ(image->config.env.at("COLOR"), "blue");
    EXPECT_EQ(image->config.user, "33");
    EXPECT_EQ(read(layer(*image, 1) + "/etc/a"), "upper");
}

TEST_F(Registry, a_missing_tag_is_told) {
    push(two_layers(scratch_ / "layout").finish(), address() + "/shop:1");
    const auto tag = import(address() + "/shop:2", true);
    ASSERT_FALSE(tag);
    EXPECT_EQ(tag.error().code, ErrorCode::not_found) << tag.error().reason;
    EXPECT_EQ(import(address() + "/other", true).error().code, ErrorCode::not_found);
}

TEST_F(Registry, plain_http_must_be_asked_for) {
    push(two_layers(scratch_ / "layout").finish(), address() + "/shop:1");
    const auto image = import(address() + "/shop:1");
    ASSERT_FALSE(image);
    EXPECT_THAT(image.error().reason, HasSubstr("plain HTTP"));
}

}  // namespace
}  // namespace moln
