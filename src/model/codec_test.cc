#include "model/codec.h"

#include <gtest/gtest.h>

#include "model/edge.h"
#include "model/resources.h"

namespace moln {
namespace {

TEST(Codec, equal_values_give_equal_bytes_and_come_back) {
    EdgeSnapshot snapshot;
    snapshot.version = 7;
    snapshot.routes.push_back(
        {.host = "shop.example", .path = "/", .app = AppId("p/shop"), .process = "web"});
    snapshot.apps.push_back({.app = AppId("p/shop"), .process = "web"});
    snapshot.apps[0].endpoints.push_back({.instance = InstanceId("web-a"),
                                          .address = "10.0.0.2",
                                          .port = 8080,
                                          .state = EndpointState::draining});
    const auto text = to_json_text(snapshot);
    const auto back = from_json_text<EdgeSnapshot>(text);
    ASSERT_TRUE(back) << back.error().reason;
    EXPECT_EQ(*back, snapshot);
    EXPECT_EQ(to_json_text(*back), text);
}

TEST(Codec, an_optional_is_null_or_its_value) {
    DrainSpec drain;
    EXPECT_EQ(to_json_text(drain), R"({"limit":null})");
    drain.limit = seconds(3);
    EXPECT_EQ(from_json_text<DrainSpec>(to_json_text(drain)).value(), drain);
}

TEST(Codec, a_missing_field_keeps_its_default) {
    EXPECT_EQ(from_json_text<ProcessSpec>("{}").value(), ProcessSpec{});
}

struct Refused {
    const char* text;
    const char* reason;
};

class CodecRefuses : public testing::TestWithParam<Refused> {};

TEST_P(CodecRefuses, bad_input_with_the_path_of_the_field) {
    const auto result = from_json_text<AppConfig>(GetParam().text);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid);
    EXPECT_NE(result.error().reason.find(GetParam().reason), std::string::npos)
        << result.error().reason;
}

INSTANTIATE_TEST_SUITE_P(
    Cases, CodecRefuses,
    testing::Values(Refused{"", "not JSON"}, Refused{"{", "not JSON"}, Refused{"{} x", "not JSON"},
                    Refused{"[]", "expected an object"},
                    Refused{R"({"colour":1})", "colour: unknown field"},
                    Refused{R"({"processes":{"web":{"instnces":1}}})",
                            "processes.web.instnces: unknown field"},
                    Refused{R"({"processes":{"web":{"instances":"1"}}})",
                            "processes.web.instances: expected a whole number"},
                    Refused{R"({"processes":{"web":{"port":65536}}})", "from 0 to 65535"},
                    Refused{R"({"processes":{"web":{"kind":"webb"}}})", "one of web, worker, cron"},
                    Refused{R"({"routes":[{"host":1}]})", "routes.0.host: expected a string"},
                    Refused{R"({"env":{"A":"1","A":"2"}})", "same field twice"}));

TEST(ParseJson, depth_at_the_limit_is_taken_and_one_more_is_not) {
    const auto nested = [](std::size_t depth) {
        return std::string(depth, '[') + std::string(depth, ']');
    };
    EXPECT_TRUE(parse_json(nested(k_json_depth_max)));
    EXPECT_FALSE(parse_json(nested(k_json_depth_max + 1)));
}

TEST(ParseJson, size_at_the_limit_is_taken_and_one_more_is_not) {
    EXPECT_TRUE(parse_json("\"abcd\"", 6));
    EXPECT_FALSE(parse_json("\"abcd\"", 5));
}

TEST(ParseJson, unknown_fields_are_ignored_when_asked) {
    EXPECT_TRUE(from_json_text<DrainSpec>(R"({"later":1})", UnknownFields::ignore));
}

TEST(ParseJson, invalid_utf8_is_refused) {
    EXPECT_FALSE(parse_json("\"\xff\""));
}

}  // namespace
}  // namespace moln
