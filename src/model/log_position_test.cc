#include "model/log_position.h"

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln {
namespace {

TEST(LogPosition, is_written_as_instance_file_and_end) {
    const LogPosition position{InstanceId("night-job-7f3k2m"), {0x1a2b, 0x6a1f}, 5310};
    EXPECT_EQ(position.text(), "night-job-7f3k2m.1a2b.6a1f.14be");
    EXPECT_EQ(parse_log_position(position.text()), position);
}

TEST(LogPosition, anything_else_is_refused) {
    for (const auto* text :
         {"", "web-a", "web-a.1", "web-a.1.2", ".1.2.3", "web-a.1.2.", "web-a.1..3", "web-a.01.2.3",
          "web-a.1.2.g", "web-a.1.2.A", "web-a.1.2.-3", "web-a.1.2.3 ",
          "web-a.1.2.11112222333344445", "a,b.1.2.3", "../b.1.2.3"}) {
        const auto parsed = parse_log_position(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error().code, ErrorCode::invalid);
    }
}

TEST(LogPosition, one_longer_than_its_limit_is_refused) {
    const std::string numbers = ".1.2.3";
    const std::string name(k_log_position_length_max - numbers.size(), 'a');
    EXPECT_TRUE(parse_log_position(name + numbers));
    EXPECT_FALSE(parse_log_position("a" + name + numbers));
}

TEST(LogPosition, what_is_written_is_read_as_the_same) {
    EXPECT_TRUE(rc::check([](std::uint64_t inode, std::uint64_t born, std::uint64_t end) {
        const LogPosition position{InstanceId("web-7f3k2m"), {inode, born}, end};
        RC_ASSERT(parse_log_position(position.text()).value() == position);
    }));
}

}  // namespace
}  // namespace moln
