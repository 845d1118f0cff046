#include "edge/site/hashed_name.h"

#include <cstdint>

#include "model/media_type.h"

namespace moln::edge {
namespace {

constexpr std::size_t k_hex_min = 8;     // 32 bits
constexpr std::size_t k_mixed_min = 6;   // 36 bits
constexpr std::size_t k_token_max = 64;  // SHA-256 in hexadecimal
// Words change the class of their letters seldom: "iPhone12" thrice, "Q3Final2024" four times in
// eleven; what is random does so between any two letters more often than not.
constexpr std::size_t k_changes_min = 4;

enum class Kind : std::uint8_t { digit, lower, upper, mark, other };

Kind kind_of(char c) {
    if (c >= '0' && c <= '9') return Kind::digit;
    if (c >= 'a' && c <= 'z') return Kind::lower;
    if (c >= 'A' && c <= 'Z') return Kind::upper;
    return c == '_' ? Kind::mark : Kind::other;
}

struct Look {
    bool digit = false, lower = false, upper = false, other = false;
    bool beyond_hex = false;
    std::size_t changes = 0;
};

Look look_at(std::string_view token) {
    Look out;
    Kind before = kind_of(token.front());
    for (const char c : token) {
        const Kind kind = kind_of(c);
        out.digit = out.digit || kind == Kind::digit;
        out.lower = out.lower || kind == Kind::lower;
        out.upper = out.upper || kind == Kind::upper;
        out.other = out.other || kind == Kind::other;
        out.beyond_hex = out.beyond_hex || kind == Kind::mark || (kind == Kind::lower && c > 'f');
        if (kind != before) ++out.changes;
        before = kind;
    }
    return out;
}

bool looks_random(std::string_view token) {
    if (token.size() < k_mixed_min || token.size() > k_token_max) return false;
    const auto look = look_at(token);
    // A date is digits, a word is letters.
    if (look.other || !look.digit || !look.lower) return false;
    if (look.upper) return look.changes >= k_changes_min && look.changes * 2 >= token.size();
    return token.size() >= k_hex_min && !look.beyond_hex && look.changes > 1;
}

}  // namespace

bool bears_hash(std::string_view path) {
    const auto type = media_type_of(path);
    if (type.empty() || is_page(type)) return false;
    auto name = path.substr(path.rfind('/') + 1);
    // What is before the first mark is the name itself: a hash follows another part.
    bool first = true;
    for (std::size_t end = name.find_first_of(".-"); end != std::string_view::npos;
         end = name.find_first_of(".-")) {
        if (!first && looks_random(name.substr(0, end))) return true;
        first = false;
        name.remove_prefix(end + 1);
    }
    return false;
}

}  // namespace moln::edge
