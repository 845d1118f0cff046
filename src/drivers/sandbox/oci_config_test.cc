#include "drivers/sandbox/oci_config.h"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace moln {
namespace {

namespace json = boost::json;

SandboxSpec spec() {
    SandboxSpec out;
    out.instance = InstanceId("web-abc");
    out.command = {"node", "server.js"};
    out.env = {{"COLOR", "green"}};
    out.secret_env.emplace("TOKEN", Secret("hidden"));
    out.workdir = "/app";
    out.hostname = "web-abc";
    out.uid_base = 1'000'000;
    return out;
}

json::value config(const OciConfigInput& input) {
    return json::parse(oci_config(spec(), input));
}

const OciConfigInput k_input{.root = "/r", .netns = "/n", .cgroup = "moln/web-abc", .user = {}};

TEST(OciConfig, an_unprivileged_user_has_no_capability_at_all) {
    const auto value = config(k_input);
    for (const char* set : {"bounding", "effective", "permitted", "inheritable", "ambient"}) {
        EXPECT_TRUE(value.at("process").at("capabilities").at(set).as_array().empty()) << set;
    }
    EXPECT_TRUE(value.at("process").at("noNewPrivileges").as_bool());
}

TEST(OciConfig, an_images_root_has_no_capability_over_the_kernel) {
    auto input = k_input;
    input.user.uid = 0;
    const auto text = json::serialize(config(input).at("process").at("capabilities"));
    EXPECT_NE(text.find("CAP_SETUID"), std::string::npos);
    for (const char* one :
         {"SYS_ADMIN", "NET_ADMIN", "NET_RAW", "SYS_PTRACE", "MKNOD", "SYS_MODULE"}) {
        EXPECT_EQ(text.find(one), std::string::npos) << one;
    }
}

TEST(OciConfig, every_namespace_is_its_own) {
    const auto text = json::serialize(config(k_input).at("linux").at("namespaces"));
    for (const char* type : {"user", "mount", "pid", "ipc", "uts", "cgroup", "network"}) {
        EXPECT_NE(text.find(type), std::string::npos) << type;
    }
    EXPECT_NE(text.find("\"path\":\"/n\""), std::string::npos);
}

TEST(OciConfig, the_environment_holds_home_path_and_the_secrets) {
    const auto text = json::serialize(config(k_input).at("process").at("env"));
    EXPECT_NE(text.find("HOME=/home/app"), std::string::npos);
    EXPECT_NE(text.find("PATH=/usr/local/sbin"), std::string::npos);
    EXPECT_NE(text.find("COLOR=green"), std::string::npos);
    EXPECT_NE(text.find("TOKEN=hidden"), std::string::npos);
}

TEST(OciConfig, the_init_stands_before_the_command) {
    auto input = k_input;
    EXPECT_EQ(config(input).at("process").at("args").at(0).as_string(), "node");
    input.init_program = "/opt/moln-init";
    EXPECT_EQ(config(input).at("process").at("args").at(0).as_string(), "/dev/moln-init");
    EXPECT_EQ(config(input).at("process").at("args").at(1).as_string(), "node");
}

TEST(OciConfig, a_one_off_with_open_input_begins_when_somebody_listens) {
    auto input = k_input;
    input.init_program = "/opt/moln-init";
    SandboxSpec spec;
    spec.command = {"node"};
    spec.open_input = true;
    const auto text = oci_config(spec, input);
    EXPECT_NE(text.find(R"("args":["/dev/moln-init","--attended","node"])"), std::string::npos);
}

TEST(OciConfig, a_filter_that_is_known_goes_along_with_its_profile) {
    auto input = k_input;
    EXPECT_FALSE(config(input).as_object().contains("annotations"));
    input.seccomp_filter = "OCBieXRlcy4=";
    const auto with = config(input);
    EXPECT_EQ(with.at("annotations").at("run.oci.seccomp_bpf_data").as_string(), "OCBieXRlcy4=");
    EXPECT_TRUE(with.at("linux").as_object().contains("seccomp"));
}

TEST(OciConfig, new_namespaces_cannot_be_made_by_any_call) {
    const auto seccomp = config(k_input).at("linux").at("seccomp");
    EXPECT_EQ(seccomp.at("defaultAction").as_string(), "SCMP_ACT_ERRNO");
    for (const auto& rule : seccomp.at("syscalls").as_array()) {
        if (rule.at("action").as_string() != "SCMP_ACT_ALLOW") continue;
        for (const auto& name : rule.at("names").as_array()) {
            for (const char* refused : {"unshare", "setns", "clone3", "mount", "bpf", "keyctl"}) {
                EXPECT_NE(name.as_string(), refused);
            }
            EXPECT_TRUE(name.as_string() != "clone" || !rule.at("args").as_array().empty());
        }
    }
}

}  // namespace
}  // namespace moln
