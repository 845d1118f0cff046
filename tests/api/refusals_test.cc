// What the API refuses, and in which words: bad input of every kind through the real server.
#include <gmock/gmock.h>

#include "tests/api/api_fixture.h"

namespace moln {
namespace {

using testing::HasSubstr;

class Refusals : public ApiTest {
protected:
    void SetUp() override {
        ApiTest::SetUp();
        on_loop([this] { control_->add_app("shop"); });
    }
    void expect(const RawAnswer& answer, int status, const std::string& code,
                const std::string& words) {
        EXPECT_EQ(answer.status, status) << answer.body;
        EXPECT_EQ(answer.error_code(), code);
        EXPECT_THAT(answer.reason(), HasSubstr(words));
    }
    std::size_t executed() {
        return on_loop([this] { return control_->commands.size(); });
    }
};

TEST_F(Refusals, an_unknown_path_is_not_found) {
    expect(call("GET", "/v1/nothing"), 404, "not_found", "/v1/nothing");
    expect(call("GET", "/"), 404, "not_found", "openapi.json");
}

TEST_F(Refusals, a_wrong_method_names_the_right_ones) {
    const auto answer = call("POST", "/v1/apps/shop");
    expect(answer, 405, "invalid", "expected one of GET, DELETE");
    EXPECT_EQ(answer.headers.at("allow"), "GET, DELETE");
}

TEST_F(Refusals, bad_json_says_so) {
    expect(call("PUT", "/v1/apps/shop/scale", "{"), 400, "invalid", "not JSON");
    expect(call("PUT", "/v1/apps/shop/scale", R"({"a":1,"a":2})"), 400, "invalid", "twice");
    expect(call("PUT", "/v1/apps/shop/scale", "[]"), 400, "invalid", "expected an object");
    EXPECT_EQ(executed(), 0u);
}

TEST_F(Refusals, unknown_fields_are_named) {
    expect(call("PUT", "/v1/apps/shop/scale", R"({"instances":{"web":1},"extra":1})"), 400,
           "invalid", "extra: unknown field");
}

TEST_F(Refusals, values_of_a_wrong_type_are_named) {
    expect(call("PUT", "/v1/apps/shop/scale", R"({"instances":{"web":"three"}})"), 400, "invalid",
           "instances.web: expected a whole number");
    expect(call("PUT", "/v1/apps/shop/scale", "{}"), 400, "invalid", "at least one process");
    expect(call("PATCH", "/v1/apps/shop/env", R"({"set":{"1A":"x"}})"), 400, "invalid", "1A");
    expect(call("PATCH", "/v1/apps/shop/env", "{}"), 400, "invalid", "set");
    expect(call("POST", "/v1/apps/shop/routes", R"({"host":"A b"})"), 400, "invalid", "host");
    expect(call("POST", "/v1/apps/shop/routes", R"({"host":"a.b","path":"x"})"), 400, "invalid",
           "path");
}

TEST_F(Refusals, bad_secrets_are_refused_without_being_shown) {
    expect(call("PUT", "/v1/apps/shop/secrets/KEY", ""), 400, "invalid", "KEY");
    const auto nul = call("PUT", "/v1/apps/shop/secrets/KEY", std::string("hidden\0x", 8));
    expect(nul, 400, "invalid", "NUL");
    EXPECT_THAT(nul.body, testing::Not(HasSubstr("hidden")));
    expect(call("PUT", "/v1/apps/shop/secrets/9KEY", "v"), 400, "invalid", "secret name");
    EXPECT_EQ(on_loop([this] { return control_->seals.size(); }), 0u);
}

TEST_F(Refusals, unknown_and_bad_query_parameters_are_named) {
    expect(call("GET", "/v1/apps?colour=red"), 400, "invalid", "colour");
    expect(call("GET", "/v1/apps/shop/logs?lines=10001"), 400, "invalid", "from 0 to 10000");
    expect(call("GET", "/v1/apps/shop/logs?lines=-1"), 400, "invalid", "lines");
    expect(call("GET", "/v1/apps/shop/logs?follow=maybe"), 400, "invalid", "follow");
    expect(call("GET", "/v1/apps?project=a&project=b"), 400, "invalid", "once");
    expect(call("GET", "/v1/apps?x=%zz"), 400, "invalid", "target");
    EXPECT_EQ(call("GET", "/v1/apps/shop/logs?lines=10000").status, 200);
}

TEST_F(Refusals, names_that_cannot_be_are_refused) {
    expect(call("GET", "/v1/apps/UPPER"), 400, "invalid", "app");
    expect(call("GET", "/v1/apps?project=.."), 400, "invalid", "project");
    expect(call("GET", "/v1/apps/a%2Fb"), 400, "invalid", "app");
}

TEST_F(Refusals, a_json_body_one_byte_past_its_limit_is_refused) {
    const std::string limit_body = R"({"recipe":"debian"})" + std::string((1 << 20) - 19, ' ');
    ASSERT_EQ(limit_body.size(), 1u << 20);
    EXPECT_EQ(call("POST", "/v1/platforms", limit_body).status, 200);
    expect(call("POST", "/v1/platforms", limit_body + " "), 413, "invalid", "1048576");
}

TEST_F(Refusals, a_chunked_body_is_counted_too) {
    RawClient client(socket());
    client.send("POST /v1/platforms HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string chunk(64 * 1024, ' ');
    for (int i = 0; i < 17; ++i) {
        if (!client.send("10000\r\n" + chunk + "\r\n")) break;
    }
    expect(client.read_answer(), 413, "invalid", "larger than");
}

TEST_F(Refusals, a_body_where_none_is_taken_is_refused) {
    expect(call("GET", "/v1/apps", "x"), 413, "invalid", "0");
}

TEST_F(Refusals, a_wrong_content_type_is_refused) {
    expect(call("PUT", "/v1/apps/shop/scale", "{}", {{"Content-Type", "text/plain"}}), 415,
           "invalid", "application/json");
    expect(call("POST", "/v1/apps/shop/deploys", "x", {{"Content-Type", "application/zip"}}), 415,
           "invalid", "application/x-tar");
}

TEST_F(Refusals, a_head_past_its_limit_is_refused) {
    RawClient client(socket());
    client.send("GET /v1/apps HTTP/1.1\r\nHost: x\r\nX: " + std::string(64 * 1024, 'x') +
                "\r\n\r\n");
    EXPECT_EQ(client.read_answer().status, 431);
}

TEST_F(Refusals, what_is_not_http_is_refused) {
    RawClient client(socket());
    client.send("\x16\x03\x01\x02 hello\r\n\r\n");
    expect(client.read_answer(), 400, "invalid", "not HTTP/1.1");
}

TEST_F(Refusals, the_wrong_generation_changes_nothing) {
    expect(call("POST", "/v1/apps/shop/restart", "", {{"If-Match", "\"7\""}}), 412, "conflict",
           "changed meanwhile");
    EXPECT_EQ(executed(), 0u);
    EXPECT_EQ(call("POST", "/v1/apps/shop/restart", "", {{"If-Match", "1"}}).status, 200);
    expect(call("POST", "/v1/apps/shop/restart", "", {{"If-Match", "one"}}), 400, "invalid",
           "If-Match");
    on_loop([this] { control_->next_error = Error{ErrorCode::conflict, "moved on"}; });
    EXPECT_EQ(call("POST", "/v1/apps/shop/restart").status, 409);
}

TEST_F(Refusals, a_repeat_with_its_key_does_nothing_twice) {
    const std::map<std::string, std::string> key = {{"Idempotency-Key", "k-1"}};
    const auto first = call("POST", "/v1/apps/shop/restart", "", key);
    const auto second = call("POST", "/v1/apps/shop/restart", "", key);
    EXPECT_EQ(first.json().at("reply"), second.json().at("reply"));
    EXPECT_EQ(executed(), 1u);
    const std::string longest(128, 'k');
    EXPECT_EQ(call("POST", "/v1/apps/shop/restart", "", {{"Idempotency-Key", longest}}).status,
              200);
    expect(call("POST", "/v1/apps/shop/restart", "", {{"Idempotency-Key", longest + "k"}}), 400,
           "invalid", "Idempotency-Key");
}

TEST_F(Refusals, errors_of_the_control_have_their_status) {
    const std::pair<ErrorCode, int> all[] = {
        {ErrorCode::invalid, 400},     {ErrorCode::denied, 403},  {ErrorCode::not_found, 404},
        {ErrorCode::exists, 409},      {ErrorCode::refused, 422}, {ErrorCode::internal, 500},
        {ErrorCode::unavailable, 503}, {ErrorCode::timeout, 504}, {ErrorCode::full, 507},
        {ErrorCode::corrupt, 500}};
    for (const auto& [code, status] : all) {
        on_loop([this, code = code] { control_->next_error = Error{code, "so it is"}; });
        expect(call("POST", "/v1/apps/shop/restart"), status, std::string(word(code)), "so it is");
    }
}

TEST_F(Refusals, a_plain_request_for_a_terminal_is_refused) {
    expect(call("GET", "/v1/instances/web-shop/terminal"), 426, "invalid", "WebSocket");
}

}  // namespace
}  // namespace moln
