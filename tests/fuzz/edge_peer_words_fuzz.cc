// Any bytes in the field by which edges know one another, as a question and as an answer. A
// question that was not made with the key is none; what is read of an answer is the same after it
// was said again.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/check.h"
#include "edge/cache/peer_words.h"
#include "fuzz_input.h"
#include "http/head_testing.h"

namespace {

using namespace moln;
using namespace moln::edge;

const PeerKey k_key = *parse_peer_key(std::string(64, '7'));
constexpr WallTime k_now{1'764'469'200'000};

http::testing::ParsedRequest asked(std::string_view field) {
    return http::testing::parse_request(
        "GET /a?b HTTP/1.1\r\nHost: shop.test\r\nMoln-Peer: " + std::string(field) + "\r\n\r\n");
}

void check_question(std::string_view field) {
    const auto request = asked(field);
    if (request.result.progress != http::Progress::done) return;
    const auto question = read_question(request.head, k_key, k_now);
    if (!question) return;
    // It was found by chance or stands in the corpus: then it is as this edge would have asked.
    std::array<char, k_peer_question_bytes_max> room;
    const auto again = format_question(*question, request.head, k_key, room);
    const auto value = request.head.fields.first(http::FieldId::moln_peer);
    CHECK(value && again.size() <= k_peer_question_bytes_max);
    CHECK(question->as == CachePeerKind::sibling || question->as == CachePeerKind::parent);
}

// Whoever asks in a name of such bytes is heard as that.
void check_own_question(std::string_view name, std::int64_t seconds) {
    std::string from(name.substr(0, k_cache_peer_name_max));
    std::ranges::replace_if(from, [](char c) { return c < 'a' || c > 'z'; }, 'x');
    const PeerQuestion question{.from = from, .at = {k_now.ms + seconds * 1000}};
    std::array<char, k_peer_question_bytes_max> room;
    const auto plain = asked("");
    const std::string field(format_question(question, plain.head, k_key, room));
    CHECK(!field.empty());
    const auto request = asked(field);
    CHECK(request.result.progress == http::Progress::done);
    const auto heard = read_question(request.head, k_key, k_now);
    const bool in_time = std::abs(seconds) * 1000 <= k_peer_clock_max.count;
    CHECK(heard.has_value() == in_time);
    if (heard) CHECK(heard->from == from && heard->at == question.at);
}

void check_answer(std::string_view text) {
    const auto answer = parse_answer(text);
    if (!answer) return;
    std::array<char, k_peer_answer_bytes_max> room;
    const auto again =
        parse_answer(format_answer(answer->freshness, answer->marks.view(), answer->given, room));
    CHECK(again && again->freshness == answer->freshness && again->given == answer->given);
    CHECK(std::ranges::equal(again->marks.view(), answer->marks.view()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size > 16'384) return 0;
    FuzzInput input(data, size);
    const auto seconds = static_cast<std::int64_t>(input.byte()) * 5 - 640;
    const auto question = input.line();
    check_question(question);
    check_own_question(question, seconds);
    check_answer(input.line());
    (void)parse_peer_key(input.rest());
    return 0;
}
