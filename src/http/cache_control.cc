#include "http/cache_control.h"

#include <algorithm>
#include <cstring>

#include "http/scan.h"
#include "http/structured.h"

namespace moln::http {
namespace {

enum class Value : std::uint8_t { absent, good, bad };

struct Directive {
    std::string_view name;
    std::string_view value;  // without quotes
    std::string_view rest;   // what follows value up to the comma: Surrogate-Control's parameters
    Value state = Value::absent;
};

// Where the member that begins at `at` ends: a comma outside of quotes, or the line's end.
std::size_t member_end(std::string_view line, std::size_t at) {
    bool quoted = false;
    for (; at < line.size(); ++at) {
        if (quoted && line[at] == '\\') {
            ++at;
        } else if (line[at] == '"') {
            quoted = !quoted;
        } else if (line[at] == ',' && !quoted) {
            return at;
        }
    }
    return line.size();
}

void take_value(std::string_view text, Directive& out) {
    out.state = Value::bad;
    if (text.starts_with('"')) {
        const auto close = text.find('"', 1);
        if (close == std::string_view::npos) return;
        out.value = text.substr(1, close - 1);
        out.rest = text.substr(close + 1);
        // An escape means that the quotes were needed: no number, no list of names.
        if (out.value.find('\\') != std::string_view::npos) return;
    } else {
        const char* end = skip(k_byte_token, text.data(), text.data() + text.size());
        const auto size = static_cast<std::size_t>(end - text.data());
        out.value = text.substr(0, size);
        out.rest = text.substr(size);
        if (size == 0) return;
    }
    out.state = Value::good;
}

// name [ "=" ( token / quoted-string ) ]
Directive split(std::string_view member) {
    Directive out;
    const char* end = skip(k_byte_token, member.data(), member.data() + member.size());
    const auto size = static_cast<std::size_t>(end - member.data());
    out.name = member.substr(0, size);
    out.rest = member.substr(size);
    if (!out.rest.starts_with('=')) {
        // "max-age =1" is no directive without a value.
        if (trim_blanks(out.rest).starts_with('=')) out.state = Value::bad;
        return out;
    }
    take_value(out.rest.substr(1), out);
    return out;
}

std::optional<std::uint32_t> seconds_of(const Directive& directive) {
    if (directive.state != Value::good || directive.value.empty()) return std::nullopt;
    if (!trim_blanks(directive.rest).empty()) return std::nullopt;
    std::uint64_t number = 0;
    for (const char c : directive.value) {
        if (!is_digit(c)) return std::nullopt;
        number = std::min<std::uint64_t>(number * 10 + static_cast<std::uint64_t>(c - '0'),
                                         k_delta_seconds_max);
    }
    return static_cast<std::uint32_t>(number);
}

void keep_shorter(std::optional<std::uint32_t>& kept, std::uint32_t seconds) {
    kept = kept ? std::min(*kept, seconds) : seconds;
}

void note_no_cache(const Directive& directive, CacheControl& control) {
    const bool list = directive.state == Value::good && !directive.value.empty() &&
                      control.no_cache_list_count < k_no_cache_lists_max;
    if (!list) {
        control.no_cache = true;
        return;
    }
    control.no_cache_lists[control.no_cache_list_count++] = directive.value;
}

struct Flag {
    std::string_view name;
    bool CacheControl::* flag;
};
constexpr std::array<Flag, 8> k_flags = {{
    {"no-store", &CacheControl::no_store},
    {"only-if-cached", &CacheControl::only_if_cached},
    {"private", &CacheControl::is_private},
    {"public", &CacheControl::is_public},
    {"must-revalidate", &CacheControl::must_revalidate},
    {"proxy-revalidate", &CacheControl::proxy_revalidate},
    {"must-understand", &CacheControl::must_understand},
    {"no-transform", &CacheControl::no_transform},
}};

struct Lifetime {
    std::string_view name;
    std::optional<std::uint32_t> CacheControl::* lifetime;
};
constexpr std::array<Lifetime, 5> k_lifetimes = {{
    {"max-age", &CacheControl::max_age},
    {"s-maxage", &CacheControl::s_maxage},
    {"min-fresh", &CacheControl::min_fresh},
    {"stale-while-revalidate", &CacheControl::stale_while_revalidate},
    {"stale-if-error", &CacheControl::stale_if_error},
}};

void note(const Directive& directive, CacheControl& control) {
    control.present = true;
    for (const auto& [name, flag] : k_flags) {
        if (equals_ignoring_case(directive.name, name)) control.*flag = true;
    }
    if (equals_ignoring_case(directive.name, "no-cache")) note_no_cache(directive, control);
    for (const auto& [name, lifetime] : k_lifetimes) {
        if (!equals_ignoring_case(directive.name, name)) continue;
        // min-fresh that is no number asks for nothing; any other lifetime is over.
        const auto seconds = seconds_of(directive);
        if (!seconds && name == "min-fresh") continue;
        keep_shorter(control.*lifetime, seconds.value_or(0));
    }
    if (equals_ignoring_case(directive.name, "max-stale")) {
        const bool any = directive.state == Value::absent;
        keep_shorter(control.max_stale,
                     any ? k_delta_seconds_max : seconds_of(directive).value_or(0));
    }
}

// Calls visit(directive) for every member of the line.
template <typename Visit>
void for_each_directive(std::string_view line, Visit&& visit) {
    for (std::size_t at = 0; at < line.size();) {
        const std::size_t end = member_end(line, at);
        const auto member = trim_blanks(line.substr(at, end - at));
        at = end + 1;
        if (!member.empty()) visit(split(member));
    }
}

// Is this directive of Surrogate-Control for us? Its parameters go.
bool is_for(std::string_view us, Directive& directive) {
    std::string_view rest = trim_blanks(directive.rest);
    // "max-age=600+300": fresh for 600, then usable stale; the second number is not needed to be
    // right.
    if (const auto target = rest.find(';'); target != std::string_view::npos) {
        const auto name = trim_blanks(rest.substr(target + 1));
        if (!equals_ignoring_case(name, us)) return false;
        rest = trim_blanks(rest.substr(0, target));
    }
    directive.rest = rest;
    if (const auto plus = directive.value.find('+'); plus != std::string_view::npos) {
        directive.value = directive.value.substr(0, plus);
    }
    return true;
}

void note_member(const structured::Member& member, CacheControl& control) {
    using structured::Kind;
    // Of two with one key the later counts.
    const bool on = member.kind != Kind::boolean || member.boolean;
    for (const auto& [name, flag] : k_flags) {
        if (member.key == name) control.*flag = on;
    }
    if (member.key == "no-cache") control.no_cache = on;
    for (const auto& [name, lifetime] : k_lifetimes) {
        if (member.key != name) continue;
        const bool good = member.kind == Kind::integer && member.integer >= 0;
        const auto seconds = std::min<std::int64_t>(member.integer, k_delta_seconds_max);
        control.*lifetime = good ? static_cast<std::uint32_t>(seconds) : 0;
    }
}

}  // namespace

void read_cache_control(std::string_view line, CacheControl& control) {
    for_each_directive(line, [&](const Directive& directive) { note(directive, control); });
}

CacheControl cache_control_of(const FieldTable& fields) {
    CacheControl control;
    for (const std::string_view value : fields.all(FieldId::cache_control)) {
        read_cache_control(value, control);
    }
    return control;
}

CacheControl surrogate_control_of(const FieldTable& fields, std::string_view us) {
    CacheControl control;
    for (const std::string_view value : fields.all(FieldId::surrogate_control)) {
        for_each_directive(value, [&](Directive directive) {
            if (is_for(us, directive)) note(directive, control);
        });
    }
    return control;
}

std::optional<CacheControl> cdn_cache_control_of(const FieldTable& fields) {
    std::array<char, k_targeted_bytes_max> room;
    std::size_t size = 0;
    for (const std::string_view value : fields.all(FieldId::cdn_cache_control)) {
        const std::size_t comma = size == 0 ? 0 : 1;
        if (size + comma + value.size() > room.size()) return std::nullopt;
        if (comma != 0) room[size++] = ',';
        std::memcpy(room.data() + size, value.data(), value.size());
        size += value.size();
    }
    CacheControl control;
    const bool good =
        structured::for_each_member({room.data(), size}, [&](const structured::Member& member) {
            control.present = true;
            note_member(member, control);
        });
    if (!good || !control.present) return std::nullopt;
    return control;
}

}  // namespace moln::http
