#include "drivers/image/oci_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "drivers/image/sha256.h"
#include "drivers/image/tar_for_tests.h"

namespace moln {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
namespace fs = std::filesystem;

ImageApp app_of(std::string_view config) {
    const auto app = app_of_image(config);
    if (!app) throw std::runtime_error(app.error().reason);
    return *app;
}

TEST(ImageApp, what_the_image_says_becomes_a_web_process) {
    const auto app = app_of(R"({"config": {
        "Entrypoint": ["/entry"], "Cmd": ["serve", "--all"], "WorkingDir": "/srv",
        "User": "www-data", "Env": ["PATH=/opt/bin:/bin", "A=1=2", "EMPTY="],
        "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGQUIT"}})");
    const auto& web = app.config.processes.at("web");
    EXPECT_THAT(web.command, ElementsAre("/entry", "serve", "--all"));
    EXPECT_EQ(web.port, 80);
    EXPECT_EQ(app.config.workdir, "/srv");
    EXPECT_EQ(app.config.user, "www-data");
    EXPECT_EQ(app.config.env, (std::map<std::string, std::string>{
                                  {"PATH", "/opt/bin:/bin"}, {"A", "1=2"}, {"EMPTY", ""}}));
    EXPECT_EQ(app.config.stop_signal, "SIGQUIT");
    EXPECT_THAT(app.warnings, IsEmpty());
}

TEST(ImageApp, what_is_not_said_has_the_images_defaults) {
    const auto app = app_of(R"({"config": {"Cmd": ["/run"]}})");
    EXPECT_EQ(app.config.workdir, "/");
    EXPECT_EQ(app.config.user, "0:0");
    EXPECT_EQ(app.config.processes.at("web").port, 8080);
    EXPECT_THAT(app.warnings, ElementsAre(HasSubstr("listen on PORT=8080")));
}

TEST(ImageApp, the_port_is_the_images_own_choice) {
    const auto port = [](std::string_view rest) {
        return app_of(R"({"config": {"Cmd": ["/run"], )" + std::string(rest) + "}}")
            .config.processes.at("web")
            .port;
    };
    EXPECT_EQ(port(R"("ExposedPorts": {"9000/tcp": {}, "3000": {}, "53/udp": {}})"), 3000);
    EXPECT_EQ(port(R"("Env": ["PORT=5000"], "ExposedPorts": {"80/tcp": {}})"), 5000);
    EXPECT_EQ(port(R"("Env": ["PORT=none"], "ExposedPorts": {"80/tcp": {}})"), 80);
}

TEST(ImageApp, what_cannot_be_kept_is_told) {
    const auto app = app_of(R"({"config": {"Cmd": ["/run"], "ExposedPorts": {"80/tcp": {}},
        "Env": ["bad-name=1", "MOLN_X=1"], "StopSignal": "SIGSTOP", "Volumes": {"/data": {}},
        "Healthcheck": {"Test": ["CMD", "true"]}}})");
    EXPECT_THAT(app.warnings,
                ElementsAre(HasSubstr("bad-name is left out"), HasSubstr("MOLN_X is left out"),
                            HasSubstr("SIGSTOP is not known"), HasSubstr("health check"),
                            HasSubstr("data in /data")));
}

TEST(ImageApp, signals_have_numbers_and_short_names) {
    const auto signal = [](std::string_view text) {
        return app_of(R"({"config": {"Cmd": ["/run"], "StopSignal": ")" + std::string(text) +
                      "\"}}")
            .config.stop_signal;
    };
    EXPECT_EQ(signal("3"), "SIGQUIT");
    EXPECT_EQ(signal("INT"), "SIGINT");
    EXPECT_EQ(signal("SIGRTMIN+3"), "SIGRTMIN+3");
}

TEST(ImageApp, an_image_without_a_command_is_refused) {
    EXPECT_THAT(app_of_image(R"({"config": {}})").error().reason, HasSubstr("names no command"));
    EXPECT_THAT(app_of_image(R"({})").error().reason, HasSubstr("names no command"));
    EXPECT_EQ(app_of_image("[]").error().code, ErrorCode::corrupt);
    EXPECT_THAT(app_of_image(R"({"config": {"Cmd": ["x"], "WorkingDir": "srv"}})").error().reason,
                HasSubstr("workdir"));
}

TEST(ImageReference, bare_names_are_registries) {
    EXPECT_EQ(parse_image_reference("127.0.0.1:5000/shop:2")->text,
              "docker://127.0.0.1:5000/shop:2");
    EXPECT_EQ(parse_image_reference("docker://h/n")->text, "docker://h/n");
    EXPECT_EQ(parse_image_reference("oci:/srv/my image:tag")->text, "oci:/srv/my image:tag");
    EXPECT_EQ(parse_image_reference("docker-archive:/a.tar")->text, "docker-archive:/a.tar");
}

TEST(ImageReference, loopback_is_known) {
    EXPECT_TRUE(parse_image_reference("127.0.0.1:5000/shop")->loopback);
    EXPECT_TRUE(parse_image_reference("localhost/shop")->loopback);
    EXPECT_TRUE(parse_image_reference("[::1]:5000/shop")->loopback);
    EXPECT_FALSE(parse_image_reference("127.example.org.evil/shop")->loopback);
    EXPECT_FALSE(parse_image_reference("registry.example.org/shop")->loopback);
    EXPECT_FALSE(parse_image_reference("shop")->loopback);
}

TEST(ImageReference, what_is_no_reference_is_refused) {
    for (const auto* text : {"", "-x", "--help", "docker://", "docker:///x", "a b", "dir://x",
                             "containers-storage://x", "oci:relative", "docker-archive:", "x/"}) {
        EXPECT_FALSE(parse_image_reference(text)) << text;
    }
    EXPECT_THAT(parse_image_reference("a b").error().reason, HasSubstr("expected docker://"));
}

class OciLayout : public ::testing::Test {
protected:
    OciLayout() { fs::create_directories(scratch_ / "blobs/sha256"); }

    json::object add(const std::string& bytes) {
        const auto hex = sha256_of(bytes);
        write("blobs/sha256/" + hex, bytes);
        return {{"digest", "sha256:" + hex}, {"size", bytes.size()}, {"mediaType", "x"}};
    }
    void write(const std::string& name, const std::string& bytes) {
        std::ofstream(scratch_ / name, std::ios::binary) << bytes;
    }
    void write_index(const json::object& manifest) {
        write("index.json", json::serialize(json::object{{"manifests", json::array{manifest}}}));
    }
    Result<OciImage> read() { return read_oci_layout(scratch_.path()); }

    TempDir scratch_;
};

TEST_F(OciLayout, leads_from_the_index_to_the_layers) {
    const auto layer = add("layer bytes");
    const json::object manifest{{"config", add(R"({"config": {}})")}, {"layers", {layer}}};
    write_index(add(json::serialize(manifest)));
    const auto image = read();
    ASSERT_TRUE(image) << image.error().reason;
    ASSERT_EQ(image->layers.size(), 1u);
    EXPECT_TRUE(check_blob(scratch_.path(), image->layers[0]));
    EXPECT_EQ(image->config, R"({"config": {}})");
}

TEST_F(OciLayout, other_bytes_than_the_digest_says_are_told) {
    const auto layer = add("layer bytes");
    const json::object manifest{{"config", add("{}")}, {"layers", {layer}}};
    write_index(add(json::serialize(manifest)));
    const auto image = read();
    ASSERT_TRUE(image);
    write("blobs/sha256/" + image->layers[0].digest.substr(7), "other bytes");
    EXPECT_THAT(check_blob(scratch_.path(), image->layers[0]).error().reason,
                HasSubstr("has other bytes"));
    write("blobs/sha256/" + image->layers[0].digest.substr(7), "short");
    EXPECT_THAT(check_blob(scratch_.path(), image->layers[0]).error().reason,
                HasSubstr("has 5 bytes, not 11"));
    fs::remove(scratch_ / ("blobs/sha256/" + image->layers[0].digest.substr(7)));
    EXPECT_THAT(check_blob(scratch_.path(), image->layers[0]).error().reason,
                HasSubstr("is missing"));
}

TEST_F(OciLayout, digests_that_are_paths_are_refused) {
    write_index({{"digest", "sha256:../../../../etc/passwd"}, {"size", 3}});
    EXPECT_THAT(read().error().reason, HasSubstr("no SHA-256 digest"));
}

TEST_F(OciLayout, what_is_missing_is_told) {
    EXPECT_THAT(read().error().reason, HasSubstr("no index.json"));
    write("index.json", "{}");
    EXPECT_THAT(read().error().reason, HasSubstr("names no manifest"));
    write_index(add("[]"));
    EXPECT_THAT(read().error().reason, HasSubstr("is not a JSON object"));
    write_index(add("{}"));
    EXPECT_THAT(read().error().reason, HasSubstr("configuration is not described"));
    write_index(add(json::serialize(json::object{{"config", add("{}")}})));
    EXPECT_THAT(read().error().reason, HasSubstr("has no layers"));
}

TEST(Sha256, of_nothing_and_of_sequences) {
    EXPECT_EQ(sha256_of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    Sha256 one;
    one.add_text("ab");
    one.add_text("c");
    Sha256 two;
    two.add_text("a");
    two.add_text("bc");
    EXPECT_NE(one.hex(), two.hex());
}

}  // namespace
}  // namespace moln
