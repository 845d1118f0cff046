// What edges say to one another.
#include "edge/cache/peer_words.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "http/head_testing.h"

namespace moln::edge {
namespace {

using http::testing::parse_request;

constexpr WallTime k_now{1'764'469'200'000};
const PeerKey k_key = *parse_peer_key(std::string(32, '1') + std::string(32, 'e'));

std::string request_text(const std::string& target, const std::string& more = "",
                         const std::string& method = "GET") {
    return method + " " + target + " HTTP/1.1\r\nHost: Shop.test\r\n" + more + "\r\n";
}

std::string asked(const PeerQuestion& question, const std::string& target,
                  const PeerKey& key = k_key) {
    const auto request = parse_request(request_text(target));
    std::array<char, k_peer_question_bytes_max> room;
    return std::string(format_question(question, request.head, key, room));
}

std::optional<PeerQuestion> heard(const std::string& field, const std::string& target,
                                  WallTime now = k_now, const std::string& method = "GET") {
    static http::testing::ParsedRequest request;  // the question points into it
    request = parse_request(request_text(target, "Moln-Peer: " + field + "\r\n", method));
    EXPECT_EQ(request.result.progress, http::Progress::done);
    return read_question(request.head, k_key, now);
}

const PeerQuestion k_question{
    .from = "falun", .as = CachePeerKind::parent, .scheme = "https", .at = k_now};

TEST(PeerQuestion, is_heard_as_it_was_asked) {
    const auto field = asked(k_question, "/a?b");
    EXPECT_TRUE(field.starts_with("b falun parent https 1764469200 ")) << field;
    const auto question = heard(field, "/a?b");
    ASSERT_TRUE(question);
    EXPECT_EQ(question->from, "falun");
    EXPECT_EQ(question->as, CachePeerKind::parent);
    EXPECT_EQ(question->scheme, "https");
    EXPECT_EQ(question->at, k_now);
}

TEST(PeerQuestion, of_the_longest_name_fits) {
    const std::string name(k_cache_peer_name_max, 'z');
    const PeerQuestion question{.from = name, .at = {9'999'999'999'000}};
    EXPECT_TRUE(heard(asked(question, "/"), "/", {9'999'999'999'000}));
}

TEST(PeerQuestion, holds_for_its_url_key_method_and_time_alone) {
    const auto field = asked(k_question, "/a");
    EXPECT_FALSE(heard(field, "/b"));
    EXPECT_FALSE(heard(field, "/a?"));
    EXPECT_FALSE(heard(field, "/a", k_now, "HEAD"));
    const auto other = *parse_peer_key(std::string(64, '1'));
    EXPECT_FALSE(heard(asked(k_question, "/a", other), "/a"));
    const auto apart = k_peer_clock_max.count;
    EXPECT_TRUE(heard(field, "/a", {k_now.ms + apart}));
    EXPECT_TRUE(heard(field, "/a", {k_now.ms - apart}));
    EXPECT_FALSE(heard(field, "/a", {k_now.ms + apart + 1}));
    EXPECT_FALSE(heard(field, "/a", {k_now.ms - apart - 1}));
}

TEST(PeerQuestion, said_twice_is_none) {
    const auto field = asked(k_question, "/a");
    EXPECT_FALSE(heard(field + "\r\nMoln-Peer: " + field, "/a"));
}

TEST(PeerQuestion, with_any_byte_changed_is_none) {
    const auto field = asked(k_question, "/a");
    for (std::size_t i = 0; i < field.size(); ++i) {
        auto changed = field;
        changed[i] = changed[i] == 'x' ? 'y' : 'x';
        EXPECT_FALSE(heard(changed, "/a")) << changed;
        EXPECT_FALSE(heard(field.substr(0, i), "/a")) << i;
    }
}

TEST(PeerKey, is_64_digits) {
    EXPECT_TRUE(parse_peer_key(" " + std::string(64, 'A') + "\n"));
    EXPECT_FALSE(parse_peer_key(std::string(63, 'a')));
    EXPECT_FALSE(parse_peer_key(std::string(65, 'a')));
    EXPECT_FALSE(parse_peer_key(std::string(63, 'a') + "g"));
    EXPECT_FALSE(parse_peer_key(" "));
    EXPECT_FALSE(parse_peer_key("+" + std::string(63, 'a')));
}

std::string said(const Freshness& freshness, const std::vector<PurgeMark>& marks,
                 GivenAs given = GivenAs::answer) {
    std::array<char, k_peer_answer_bytes_max> room;
    return std::string(format_answer(freshness, marks, given, room));
}

RC_GTEST_PROP(PeerAnswer, is_heard_as_it_was_said, (std::vector<PurgeMark> marks)) {
    if (marks.size() > k_purge_marks_max) marks.resize(k_purge_marks_max);
    const auto count = rc::gen::inRange<std::int64_t>(0, k_peer_count_max + 1);
    const Freshness freshness{.age_ms = *count,
                              .lifetime_ms = *count,
                              .revalidate_ms = *count,
                              .error_ms = *count,
                              .always_validate = *rc::gen::arbitrary<bool>(),
                              .never_stale = *rc::gen::arbitrary<bool>(),
                              .said = *rc::gen::arbitrary<bool>()};
    const auto given = *rc::gen::element(GivenAs::answer, GivenAs::stale_on_error);
    const auto answer = parse_answer(said(freshness, marks, given));
    RC_ASSERT(answer.has_value());
    RC_ASSERT(answer->given == given);
    RC_ASSERT(answer->freshness == freshness);
    RC_ASSERT(std::ranges::equal(answer->marks.view(), marks));
}

TEST(PeerAnswer, of_the_largest_numbers_and_most_marks_fits) {
    constexpr auto k_max = k_peer_count_max;
    const Freshness most{k_max, k_max, k_max, k_max, true, true, true};
    std::vector<PurgeMark> marks(k_purge_marks_max, 0xffff'ffffu);
    const auto text = said(most, marks, GivenAs::stale_on_error);
    ASSERT_TRUE(parse_answer(text));
    EXPECT_FALSE(parse_answer(text + ",ffffffff"));
    marks.push_back(1);
    EXPECT_EQ(said(most, marks), k_peer_pass);
    EXPECT_FALSE(parse_answer("age=1000000000000001 life=0 swr=0 sie=0 flags= marks="));
}

TEST(PeerStep, is_by_the_word_the_status_and_what_was_asked) {
    const auto kept = said({.lifetime_ms = 1}, {});
    for (const auto part : {PartAsked::no, PartAsked::yes}) {
        EXPECT_EQ(peer_step(kept, 200, part), PeerStep::take);
        EXPECT_EQ(peer_step(kept, 304, part), PeerStep::take);
        EXPECT_EQ(peer_step("", 200, part), PeerStep::give_up);
        EXPECT_EQ(peer_step(k_peer_failed, 503, part), PeerStep::next);
        EXPECT_EQ(peer_step("age=x", 200, part), PeerStep::next);
    }
    EXPECT_EQ(peer_step(k_peer_pass, 200, PartAsked::no), PeerStep::pass_on);
    EXPECT_EQ(peer_step(k_peer_pass, 500, PartAsked::no), PeerStep::pass_on);
    EXPECT_EQ(peer_step(k_peer_pass, 304, PartAsked::no), PeerStep::next);
    EXPECT_EQ(peer_step(k_peer_pass, 206, PartAsked::yes), PeerStep::next);
}

TEST(PeerAnswer, anything_else_is_none) {
    const auto good = said({.age_ms = 1, .lifetime_ms = 2}, {1, 2});
    ASSERT_TRUE(parse_answer(good));
    for (const auto& text :
         {std::string(), std::string(k_peer_failed), std::string(k_peer_pass), good + " ",
          good + ",", good + " x", std::string("age=-1 life=0 swr=0 sie=0 flags= marks="),
          std::string("age=1 life=0 swr=0 sie=0 flags=vv marks="),
          std::string("age=1 life=0 swr=0 sie=0 flags=x marks="),
          std::string("age=1 life=0 swr=0 sie=0 flags=ee marks="),
          std::string("age=1 life=0 swr=0 sie=0 flags= marks=1"),
          std::string("life=0 age=1 swr=0 sie=0 flags= marks="),
          std::string("age=99999999999999999999 life=0 swr=0 sie=0 flags= marks=")}) {
        EXPECT_FALSE(parse_answer(text)) << text;
    }
}

}  // namespace
}  // namespace moln::edge
