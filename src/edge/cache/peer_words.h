// What two edges say to one another in the field Moln-Peer when one fills its cache from the other.
// Pure: the time is given.
//
// A question: "b stockholm sibling https 1764469200 <32 hex digits>": who asks, what the asked one
// is to it, how its client asked, when, and a code over all of that and the URL under the key that
// all edges share. Who has no key is a client like any other. A question is as good as its clock:
// within k_peer_clock_max of the asked edge's.
//
// Every answer to a question has the field, so that one without it is of an edge that has not
// understood: "age=1200 life=60000 …" if it may be stored, how old and fresh it is by the words of
// the app, which the asked edge has read and not all of which it keeps, whether it is only given
// because the app does not answer there (flag e), and what purges it; "pass"
// if it is for who asked alone; "failed" if the asked edge made it itself as it had none.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "base/units.h"
#include "edge/cache/freshness.h"
#include "edge/cache/purge_book.h"
#include "edge/cache/storing.h"
#include "edge/sip_hash.h"
#include "http/head.h"
#include "model/cache_peering.h"

namespace moln::edge {

inline constexpr std::string_view k_peer_field = "Moln-Peer";
inline constexpr std::string_view k_peer_failed = "failed";
inline constexpr std::string_view k_peer_pass = "pass";
// Clocks of machines that nobody sets differ by less; an old question overheard is of no use.
inline constexpr Milliseconds k_peer_clock_max = seconds(300);

struct PeerKey {
    SipKey first;  // two codes of 64 bits: SipHash gives one
    SipKey second;
};
// 64 hexadecimal digits, blanks around them; nothing for anything else.
std::optional<PeerKey> parse_peer_key(std::string_view text);

inline std::string_view word_of(CachePeerKind kind) {
    return kind == CachePeerKind::parent ? "parent" : "sibling";
}

struct PeerQuestion {
    std::string_view from;  // name of who asks
    CachePeerKind as = CachePeerKind::sibling;
    std::string_view scheme = "http";  // or "https": how its client asked
    WallTime at;
};

inline constexpr std::size_t k_peer_question_bytes_max = k_cache_peer_name_max + 80;
// In `out`. Empty: the request's URL is too long for a key of the cache.
std::string_view format_question(const PeerQuestion& question, const http::RequestHead& request,
                                 const PeerKey& key,
                                 std::span<char, k_peer_question_bytes_max> out);
// Of a request that bears the field once; `from` points into it. Nothing: it is none of an edge
// that has the key, of another URL, or too old.
std::optional<PeerQuestion> read_question(const http::RequestHead& request, const PeerKey& key,
                                          WallTime now);

// Why an answer is given.
enum class GivenAs : std::uint8_t {
    answer,
    stale_on_error,  // the app there fails: who has another asks it first (RFC 5861 4)
};

struct PeerAnswer {
    Freshness freshness;  // its age is of when the answer's head was sent
    PurgeMarks marks;
    GivenAs given = GivenAs::answer;
};

// What becomes of a peer's answer.
enum class PeerStep : std::uint8_t {
    take,     // it may be stored
    pass_on,  // it is for who asked alone
    next,     // it is none: the next peer is asked, or the app
    give_up,  // as next, and the peer did not know the question for one
};
// `word`: of the field, "" without one. Not kept there as a part says nothing of the app's other
// parts; and a bare 304 is of what is stored here, no answer to who asked for it.
PeerStep peer_step(std::string_view word, std::uint16_t status, PartAsked part);

// A number takes at most 20 digits, a mark eight and a comma.
inline constexpr std::size_t k_peer_answer_bytes_max = 5 * 32 + k_purge_marks_max * 9;
// No age or lifetime of an answer is longer: sums of them cannot overflow.
inline constexpr std::int64_t k_peer_count_max = 1'000'000'000'000'000;  // ms, 31,000 years
// In `out`. k_peer_pass for more than k_purge_marks_max marks, which no other edge would take.
std::string_view format_answer(const Freshness& freshness, std::span<const PurgeMark> marks,
                               GivenAs given, std::span<char, k_peer_answer_bytes_max> out);
// Nothing for what format_answer() does not make.
std::optional<PeerAnswer> parse_answer(std::string_view text);

}  // namespace moln::edge
