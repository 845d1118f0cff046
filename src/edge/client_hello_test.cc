#include "edge/client_hello.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>

namespace moln::edge {
namespace {

std::string number(std::size_t value, int bytes) {
    std::string out;
    for (int i = bytes - 1; i >= 0; --i) out += static_cast<char>(value >> (8 * i) & 0xffU);
    return out;
}
std::string vec(const std::string& content, int bytes) {
    return number(content.size(), bytes) + content;
}
std::string extension(int type, const std::string& content) {
    return number(static_cast<std::size_t>(type), 2) + vec(content, 2);
}
std::string server_name(const std::string& host) {
    return extension(0, vec(std::string(1, '\0') + vec(host, 2), 2));
}
std::string message(const std::string& extensions) {
    std::string body = "\3\3" + std::string(32, 'r') + vec(std::string(32, 's'), 1) +
                       vec("\x13\x01\x13\x02", 2) + vec(std::string(1, '\0'), 1);
    if (!extensions.empty()) body += vec(extensions, 2);
    return "\1" + vec(body, 3);
}
std::string records(const std::string& text, std::size_t each) {
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += each) {
        out += "\x16\3\1" + vec(text.substr(at, each), 2);
    }
    return out;
}
std::string hello(const std::string& extensions) {
    return records(message(extensions), 16'384);
}

HelloProgress progress_of(const std::string& bytes) {
    HelloName name;
    return parse_client_hello(bytes, name);
}
std::string name_of(const std::string& bytes) {
    HelloName name;
    return parse_client_hello(bytes, name) == HelloProgress::done ? std::string(name.text())
                                                                  : "(none)";
}

TEST(ClientHello, the_name_that_the_client_asks_for) {
    EXPECT_EQ(name_of(hello(server_name("Db.Example.org"))), "db.example.org");
    EXPECT_EQ(name_of(hello(extension(10, "abcd") + server_name("a.b") + extension(43, "x"))),
              "a.b");
    EXPECT_EQ(name_of(hello(extension(10, "abcd"))), "");
    EXPECT_EQ(name_of(hello("")), "");
}

TEST(ClientHello, what_follows_it_is_not_looked_at) {
    const auto bytes = hello(server_name("a.b"));
    EXPECT_EQ(name_of(bytes + std::string("\x14\3\3\0\1\1", 6)), "a.b");
    EXPECT_EQ(name_of(bytes + "anything"), "a.b");
}

TEST(ClientHello, another_protocol_is_told_apart_by_its_first_bytes) {
    EXPECT_EQ(progress_of("GET / HTTP/1.1\r\n"), HelloProgress::not_tls);
    EXPECT_EQ(progress_of(std::string("\0\0\0\x08\x04\xd2\x16\x2f", 8)), HelloProgress::not_tls);
    EXPECT_EQ(progress_of("\x16\x04"), HelloProgress::not_tls);
    EXPECT_EQ(progress_of(""), HelloProgress::need_more);
    EXPECT_EQ(progress_of("\x16"), HelloProgress::need_more);
}

TEST(ClientHello, a_broken_one_is_refused) {
    const std::vector<std::string> bad = {
        hello(server_name("")),
        hello(server_name("two..dots")),
        hello(server_name("a b")),
        hello(server_name(std::string(256, 'a'))),
        hello(server_name("a.b") + server_name("a.b")),
        hello(extension(0, vec("\1" + vec("a.b", 2), 2))),
        hello(extension(0, vec(std::string(1, '\0') + vec("a", 2) + '\0' + vec("b", 2), 2))),
        hello(extension(0, "")),
        hello(number(0, 2) + number(9, 2) + "short"),
        records("\2" + vec("a server's", 3), 100),
        records("\1" + vec("short", 3), 100),
        std::string("\x16\3\1\0\0", 5),
        "\x16\3\1" + number(16'385, 2),
        records(message(server_name("a.b")), 40).substr(0, 45) + "\x17\3\3" + vec("data", 2),
    };
    for (std::size_t i = 0; i < bad.size(); ++i) {
        EXPECT_EQ(progress_of(bad[i]), HelloProgress::refused) << i;
    }
}

TEST(ClientHello, it_has_a_limit) {
    const auto of_size = [](std::size_t padding) {
        return hello(server_name("a.b") + extension(21, std::string(padding, 'x')));
    };
    EXPECT_EQ(name_of(of_size(16'000)), "a.b");
    const auto whole = records(message(extension(21, std::string(32'000, 'x'))), 16'384);
    EXPECT_LE(whole.size(), k_client_hello_bytes_max);
    EXPECT_EQ(progress_of(whole), HelloProgress::done);
    const auto past = records(message(extension(21, std::string(32'700, 'x'))), 16'384);
    EXPECT_GT(past.size(), k_client_hello_bytes_max);
    EXPECT_EQ(progress_of(past), HelloProgress::refused);
    // Records of a byte each: the limit is of what is received.
    EXPECT_EQ(progress_of(records(message(extension(21, std::string(8'000, 'x'))), 1)),
              HelloProgress::refused);
}

TEST(ClientHello, in_any_parts_the_same) {
    EXPECT_TRUE(rc::check([] {
        const auto host = *rc::gen::element<std::string>("a", "shop.example.org", "x-1.test");
        const auto each = *rc::gen::inRange<std::size_t>(1, 200);
        const auto padding = *rc::gen::inRange<std::size_t>(0, 300);
        const auto bytes =
            records(message(extension(21, std::string(padding, '\0')) + server_name(host)), each);
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            RC_ASSERT(progress_of(bytes.substr(0, i)) == HelloProgress::need_more);
        }
        RC_ASSERT(name_of(bytes) == host);
    }));
}

}  // namespace
}  // namespace moln::edge
