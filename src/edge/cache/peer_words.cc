#include "edge/cache/peer_words.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <limits>

#include "base/hex.h"
#include "edge/cache/target.h"
#include "http/write.h"

namespace moln::edge {
namespace {

constexpr std::size_t k_code_digits = 32;
constexpr std::string_view k_version = "b";  // with what purge_mark() gives

std::optional<std::uint64_t> parse_hex(std::string_view digits) {
    std::uint64_t number = 0;
    const auto [end, error] =
        std::from_chars(digits.data(), digits.data() + digits.size(), number, 16);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

// Of a count of milliseconds or seconds: never below 0.
std::optional<std::int64_t> parse_count(std::string_view digits) {
    std::int64_t number = 0;
    if (digits.empty() || digits.front() == '-') return std::nullopt;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
    return number;
}

void write_hex(http::ByteWriter& out, std::uint64_t number, int digits) {
    std::array<char, 16> text;
    for (int i = digits; i-- > 0; number >>= 4) {
        text[static_cast<std::size_t>(i)] = k_hex_digits[number & 0xf];
    }
    out.text({text.data(), static_cast<std::size_t>(digits)});
}

// All but the code.
void write_claim(http::ByteWriter& out, const PeerQuestion& question) {
    out.text(k_version);
    out.text(" ");
    out.text(question.from);
    out.text(" ");
    out.text(word_of(question.as));
    out.text(" ");
    out.text(question.scheme);
    out.text(" ");
    out.number(static_cast<std::uint64_t>(question.at.ms / 1000));
}

// 32 digits over the claim and the URL.
bool write_code(http::ByteWriter& out, std::string_view claim, const PeerQuestion& question,
                const http::RequestHead& request, const PeerKey& key) {
    std::array<char, k_peer_question_bytes_max + 1 + k_cache_key_bytes_max> room;
    std::array<char, k_cache_key_bytes_max> url_room;
    const auto url = cache_key({.scheme = question.scheme}, request, url_room);
    if (!url) return false;
    http::ByteWriter text(room);
    text.text(claim);
    text.text(" ");
    text.text(*url);
    if (!text.fits()) return false;
    const auto bytes = std::as_bytes(std::span(text.written()));
    write_hex(out, sip_hash(key.first, bytes), 16);
    write_hex(out, sip_hash(key.second, bytes), 16);
    return true;
}

// How long it takes says nothing of where the two differ.
bool is_same_code(std::string_view a, std::string_view b) {
    if (a.size() != b.size()) return false;
    unsigned differ = 0;
    for (std::size_t i = 0; i < a.size(); ++i) {
        differ |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
    }
    return differ == 0;
}

// What stands before the next blank; `text` keeps what follows it.
std::string_view take_word(std::string_view& text) {
    const auto blank = text.find(' ');
    const auto word = text.substr(0, blank);
    text.remove_prefix(blank == std::string_view::npos ? text.size() : blank + 1);
    return word;
}

std::optional<PeerQuestion> parse_claim(std::string_view text) {
    if (take_word(text) != k_version) return std::nullopt;
    PeerQuestion question{.from = take_word(text)};
    const auto as = take_word(text);
    const auto scheme = take_word(text);
    const auto at = parse_count(text);
    if (as != "sibling" && as != "parent") return std::nullopt;
    if (scheme != "http" && scheme != "https") return std::nullopt;
    if (!at || *at > std::numeric_limits<std::int64_t>::max() / 1000) return std::nullopt;
    question.as = as == "parent" ? CachePeerKind::parent : CachePeerKind::sibling;
    question.scheme = scheme == "https" ? "https" : "http";
    question.at = {*at * 1000};
    return question;
}

void write_count(http::ByteWriter& out, std::string_view name, std::int64_t count) {
    out.text(name);
    out.number(static_cast<std::uint64_t>(std::clamp<std::int64_t>(count, 0, k_peer_count_max)));
}

bool read_flags(std::string_view text, PeerAnswer& answer) {
    Freshness& freshness = answer.freshness;
    bool on_error = false;
    for (const char c : text) {
        bool* flag = c == 'v'   ? &freshness.always_validate
                     : c == 'n' ? &freshness.never_stale
                     : c == 's' ? &freshness.said
                     : c == 'e' ? &on_error
                                : nullptr;
        if (flag == nullptr || *flag) return false;
        *flag = true;
    }
    if (on_error) answer.given = GivenAs::stale_on_error;
    return true;
}

bool read_marks(std::string_view text, PurgeMarks& marks) {
    constexpr std::size_t k_digits = 8;
    std::size_t count = 0;
    while (!text.empty()) {
        const auto mark = parse_hex(text.substr(0, k_digits));
        if (!mark || text.size() < k_digits || ++count > k_purge_marks_max) return false;
        marks.add(static_cast<PurgeMark>(*mark));
        text.remove_prefix(k_digits);
        if (text.empty()) return true;
        if (text.front() != ',' || text.size() == 1) return false;
        text.remove_prefix(1);
    }
    return true;
}

}  // namespace

std::optional<PeerKey> parse_peer_key(std::string_view text) {
    constexpr std::string_view k_blank = " \t\r\n";
    const auto begin = text.find_first_not_of(k_blank);
    if (begin == std::string_view::npos) return std::nullopt;
    text = text.substr(begin, text.find_last_not_of(k_blank) + 1 - begin);
    constexpr std::size_t k_digits = 64;
    if (text.size() != k_digits) return std::nullopt;
    std::array<std::uint64_t, 4> words{};
    for (std::size_t i = 0; i < words.size(); ++i) {
        const auto digits = text.substr(i * 16, 16);
        if (digits.find_first_not_of("0123456789abcdefABCDEF") != std::string_view::npos) {
            return std::nullopt;
        }
        words[i] = *parse_hex(digits);
    }
    return PeerKey{{words[0], words[1]}, {words[2], words[3]}};
}

std::string_view format_question(const PeerQuestion& question, const http::RequestHead& request,
                                 const PeerKey& key,
                                 std::span<char, k_peer_question_bytes_max> out) {
    http::ByteWriter text(out);
    write_claim(text, question);
    const auto claim = text.written();
    text.text(" ");
    const bool good = write_code(text, claim, question, request, key);
    return good && text.fits() ? text.written() : std::string_view();
}

std::optional<PeerQuestion> read_question(const http::RequestHead& request, const PeerKey& key,
                                          WallTime now) {
    const auto value = request.fields.only(http::FieldId::moln_peer);
    if (!value || request.method != http::Method::get) return std::nullopt;
    if (value->size() < k_code_digits + 1 || value->size() > k_peer_question_bytes_max) {
        return std::nullopt;
    }
    const auto claim = value->substr(0, value->size() - k_code_digits - 1);
    if ((*value)[claim.size()] != ' ') return std::nullopt;
    const auto question = parse_claim(claim);
    if (!question) return std::nullopt;
    std::array<char, k_code_digits> room;
    http::ByteWriter code(room);
    if (!write_code(code, claim, *question, request, key)) return std::nullopt;
    if (!is_same_code(code.written(), value->substr(claim.size() + 1))) return std::nullopt;
    const auto apart = now.ms - question->at.ms;
    if (apart > k_peer_clock_max.count || -apart > k_peer_clock_max.count) return std::nullopt;
    return question;
}

std::string_view format_answer(const Freshness& freshness, std::span<const PurgeMark> marks,
                               GivenAs given, std::span<char, k_peer_answer_bytes_max> out) {
    if (marks.size() > k_purge_marks_max) return k_peer_pass;
    http::ByteWriter text(out);
    write_count(text, "age=", freshness.age_ms);
    write_count(text, " life=", freshness.lifetime_ms);
    write_count(text, " swr=", freshness.revalidate_ms);
    write_count(text, " sie=", freshness.error_ms);
    text.text(" flags=");
    if (freshness.always_validate) text.text("v");
    if (freshness.never_stale) text.text("n");
    if (freshness.said) text.text("s");
    if (given == GivenAs::stale_on_error) text.text("e");
    text.text(" marks=");
    for (std::size_t i = 0; i < marks.size(); ++i) {
        if (i != 0) text.text(",");
        write_hex(text, marks[i], 8);
    }
    return text.written();
}

std::optional<PeerAnswer> parse_answer(std::string_view text) {
    PeerAnswer answer;
    Freshness& freshness = answer.freshness;
    const auto take = [&](std::string_view name) -> std::optional<std::string_view> {
        auto word = take_word(text);
        if (!word.starts_with(name)) return std::nullopt;
        return word.substr(name.size());
    };
    const auto take_count = [&](std::string_view name, std::int64_t& count) {
        const auto digits = take(name);
        const auto number = digits ? parse_count(*digits) : std::nullopt;
        if (!number || *number > k_peer_count_max) return false;
        count = *number;
        return true;
    };
    const bool counts =
        take_count("age=", freshness.age_ms) && take_count("life=", freshness.lifetime_ms) &&
        take_count("swr=", freshness.revalidate_ms) && take_count("sie=", freshness.error_ms);
    if (!counts) return std::nullopt;
    const auto flags = take("flags=");
    constexpr std::string_view k_marks = "marks=";
    if (!flags || !text.starts_with(k_marks)) return std::nullopt;
    const auto marks = text.substr(k_marks.size());
    if (!read_flags(*flags, answer) || !read_marks(marks, answer.marks)) return std::nullopt;
    return answer;
}

PeerStep peer_step(std::string_view word, std::uint16_t status, PartAsked part) {
    constexpr std::uint16_t k_not_modified = 304;
    if (word.empty()) return PeerStep::give_up;
    if (parse_answer(word)) return PeerStep::take;
    const bool passes = word == k_peer_pass && part == PartAsked::no && status != k_not_modified;
    return passes ? PeerStep::pass_on : PeerStep::next;
}

}  // namespace moln::edge
