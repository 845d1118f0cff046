#include "drivers/sandbox/names.h"

#include <gtest/gtest.h>

namespace moln {
namespace {

TEST(ResolvText, what_only_the_host_can_reach_is_left_out) {
    EXPECT_EQ(resolv_text("nameserver 127.0.0.53\nnameserver ::1\nnameserver fd00::1\n"
                          "nameserver 9.9.9.9\nsearch corp.example\noptions edns0\n"),
              "nameserver 9.9.9.9\noptions edns0\n");
}

TEST(ResolvText, comments_and_broken_lines_are_ignored) {
    EXPECT_EQ(resolv_text("# nameserver 1.1.1.1\nnameserver\n\nnameserver 1.1.1.1 # x\n"),
              "nameserver 1.1.1.1\n");
}

TEST(HostsText, it_knows_its_own_name) {
    EXPECT_NE(
        hosts_text({.hostname = "web-abc", .address = "10.213.1.2"}).find("10.213.1.2\tweb-abc\n"),
        std::string::npos);
    EXPECT_EQ(hosts_text({.hostname = "web-abc", .address = ""}).find("web-abc"),
              std::string::npos);
}

}  // namespace
}  // namespace moln
