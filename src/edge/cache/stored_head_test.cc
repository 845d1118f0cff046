// What is kept of a head and how a 304 changes it.
#include "edge/cache/stored_head.h"

#include <gtest/gtest.h>

#include "http/head_testing.h"

namespace moln::edge {
namespace {

using http::testing::parse_response;

constexpr WallTime k_came{784'111'777'000};

std::string text_of(const StoredHead& stored) {
    http::ResponseHead head;
    stored.show(head);
    std::string text = std::to_string(head.status) + " " + std::string(head.reason()) + "|";
    for (const http::Field field : head.fields) {
        EXPECT_EQ(field.id, http::field_id(field.name));
        text.append(field.name).append(": ").append(field.value).append("|");
    }
    return text;
}
StoredHead stored(const std::string& fields) {
    return StoredHead::of(parse_response("HTTP/1.1 200 Fine\r\n" + fields + "\r\n").head, k_came);
}
std::string kept(const std::string& fields) {
    return text_of(stored("Date: d\r\n" + fields));
}

TEST(StoredHead, keeps_the_order_and_what_it_does_not_know) {
    EXPECT_EQ(kept("X-A: 1\r\nETag: \"e\"\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nEmpty:\r\n"),
              "200 Fine|Date: d|X-A: 1|ETag: \"e\"|Set-Cookie: a|Set-Cookie: b|Empty: |");
}

TEST(StoredHead, leaves_out_what_is_for_one_connection_or_for_a_cache) {
    EXPECT_EQ(kept("Connection: a, close\r\nA: 1\r\nKeep-Alive: x\r\nB: 2\r\nContent-Length: 3\r\n"
                   "Age: 4\r\nSurrogate-Control: max-age=1\r\nCache-Tag: t\r\nSurrogate-Key: t\r\n"
                   "Proxy-Authenticate: x\r\nProxy-Authentication-Info: x\r\nUpgrade: x\r\n"),
              "200 Fine|Date: d|B: 2|");
    EXPECT_EQ(kept("Cache-Control: no-cache=\"a, B\"\r\nA: 1\r\nB: 2\r\nC: 3\r\n"),
              "200 Fine|Date: d|Cache-Control: no-cache=\"a, B\"|C: 3|");
}

TEST(StoredHead, has_a_date_always) {
    EXPECT_EQ(text_of(stored("")), "200 Fine|Date: Sun, 06 Nov 1994 08:49:37 GMT|");
}

TEST(StoredHead, of_what_is_coded_has_neither_its_tag_nor_parts) {
    const auto head = stored("Date: d\r\nETag: \"e\"\r\naccept-ranges: bytes\r\nA: 1\r\n");
    http::ResponseHead out;
    head.show(out, HeadForm::coded);
    EXPECT_EQ(out.fields.size(), 2u);
    EXPECT_EQ(out.fields.first("A"), "1");
    head.show_not_modified(out, HeadForm::coded);
    EXPECT_EQ(out.fields.size(), 2u);
    EXPECT_EQ(out.fields.first(http::FieldId::date), "d");
}

TEST(StoredHead, of_the_whole_of_a_part_is_a_200_without_its_range) {
    const auto part = StoredHead::of(
        parse_response("HTTP/1.1 206 Some\r\nDate: d\r\nContent-Range: bytes 0-1/2\r\nA: 1\r\n\r\n")
            .head,
        k_came);
    http::ResponseHead out;
    part.show(out, HeadForm::whole);
    EXPECT_EQ(out.status, 200);
    EXPECT_EQ(out.reason(), "");
    EXPECT_EQ(out.fields.size(), 2u);
    part.show(out);
    EXPECT_EQ(out.status, 206);
    EXPECT_EQ(out.fields.size(), 3u);
}

TEST(StoredHead, is_brought_up_to_date_by_a_304) {
    const auto before =
        stored("Date: d\r\nA: 1\r\nA: 2\r\nB: 3\r\nETag: \"e\"\r\nContent-Encoding: g\r\n");
    const auto update = parse_response(
        "HTTP/1.1 304 Not Modified\r\nDate: n\r\na: 4\r\nETag: \"f\"\r\nContent-Encoding: h\r\n"
        "Content-Length: 9\r\nC: 5\r\nConnection: close\r\n\r\n");
    EXPECT_EQ(text_of(before.merged(update.head, k_came)),
              "200 Fine|B: 3|ETag: \"e\"|Content-Encoding: g|Date: n|a: 4|C: 5|");
}

TEST(StoredHead, that_is_merged_for_ever_does_not_grow) {
    auto head = stored("Date: d\r\nA: 1\r\nB: 2\r\n");
    const auto update = parse_response("HTTP/1.1 304 X\r\nA: 3\r\n\r\n");
    head = head.merged(update.head, k_came);
    const auto size = head.bytes();
    for (int i = 0; i < 100; ++i) head = head.merged(update.head, k_came);
    EXPECT_EQ(head.bytes(), size);
    EXPECT_EQ(text_of(head), "200 Fine|Date: Sun, 06 Nov 1994 08:49:37 GMT|B: 2|A: 3|");
}

TEST(StoredHead, fields_at_their_limit_and_past_it_by_merging) {
    std::string fields = "Date: d\r\n";
    for (std::size_t i = 1; i < http::k_fields_max; ++i)
        fields += "A" + std::to_string(i) + ": 1\r\n";
    const auto head = stored(fields);
    std::string more;
    for (std::size_t i = 0; i < http::k_fields_max; ++i)
        more += "B" + std::to_string(i) + ": 1\r\n";
    const auto update = parse_response("HTTP/1.1 304 X\r\n" + more + "\r\n");
    http::ResponseHead shown;
    head.merged(update.head, k_came).show(shown);
    EXPECT_EQ(shown.fields.size(), http::k_fields_max);
}

TEST(Tags, are_read_from_both_fields) {
    const auto head = parse_response(
        "HTTP/1.1 200 OK\r\nCache-Tag: a, b b\r\nSurrogate-Key: c  d\r\nCache-Tag: e\r\n\r\n");
    std::string seen;
    for_each_tag(head.head.fields, [&](std::string_view tag) { seen.append(tag).append("|"); });
    EXPECT_EQ(seen, "a|b b|e|c|d|");
}

}  // namespace
}  // namespace moln::edge
