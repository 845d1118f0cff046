#include "edge/collector.h"

#include <algorithm>
#include <array>

#include <fmt/format.h>

#include "edge/limits.h"
#include "http/field.h"
#include "http/url.h"

namespace moln::edge {
namespace {

constexpr std::string_view k_signal_path = "/v1/traces";
constexpr std::uint16_t k_port_plain = 80;
constexpr std::uint16_t k_port_tls = 443;
constexpr std::array<std::string_view, 7> k_own_fields = {
    "host",       "content-length", "content-type",    "transfer-encoding",
    "connection", "expect",         "content-encoding"};

std::unexpected<Error> bad(std::string_view what) {
    return fail(ErrorCode::invalid,
                fmt::format("the collector's URL: {}; expected http://HOST:PORT or "
                            "https://HOST:PORT, maybe with a path",
                            what));
}

std::string_view trimmed(std::string_view text) {
    const auto begin = text.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

bool is_value(std::string_view text) {
    return std::ranges::all_of(text, [](char c) {
        return c == '\t' || (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f);
    });
}

bool is_name(std::string_view text) {
    constexpr std::string_view k_marks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               k_marks.find(c) != std::string_view::npos;
    });
}

Status add_field(std::string& out, std::string_view line) {
    const auto colon = line.find(':');
    if (colon == std::string_view::npos || !is_name(line.substr(0, colon))) {
        return fail(ErrorCode::invalid, "expected a field's name and a colon");
    }
    const auto name = line.substr(0, colon);
    const auto value = trimmed(line.substr(colon + 1));
    if (value.empty() || !is_value(value)) {
        return fail(ErrorCode::invalid, "expected a value of printable characters");
    }
    const bool own = std::ranges::any_of(
        k_own_fields, [&](std::string_view one) { return http::equals_ignoring_case(one, name); });
    if (own) return fail(ErrorCode::invalid, "the edge says this field itself");
    out += name;
    out += ": ";
    out += value;
    out += "\r\n";
    return {};
}

}  // namespace

std::string Collector::authority() const {
    const bool literal = host.find(':') != std::string::npos;
    return fmt::format("{}{}{}:{}", literal ? "[" : "", host, literal ? "]" : "", port);
}

Result<Collector> parse_collector(std::string_view url) {
    constexpr std::string_view k_plain = "http://";
    constexpr std::string_view k_tls = "https://";
    Collector collector;
    if (url.size() > k_collector_url_bytes_max) return bad("it is too long");
    if (url.find_first_of("?#") != std::string_view::npos) return bad("it has a query or fragment");
    collector.tls = url.starts_with(k_tls);
    if (!collector.tls && !url.starts_with(k_plain))
        return bad("it has neither http:// nor https:// in front");
    url.remove_prefix(collector.tls ? k_tls.size() : k_plain.size());
    const auto slash = std::min(url.find('/'), url.size());
    if (url.substr(0, slash).find('@') != std::string_view::npos) {
        return bad("users and passwords do not belong there, but into the file of headers");
    }
    const auto authority = http::parse_authority(url.substr(0, slash));
    if (!authority) return bad("the host or port is none");
    collector.host = authority->host;
    if (collector.host.starts_with('[')) {
        collector.host = collector.host.substr(1, collector.host.size() - 2);
    }
    collector.port = authority->port.value_or(collector.tls ? k_port_tls : k_port_plain);
    auto path = url.substr(slash);
    while (path.ends_with('/')) path.remove_suffix(1);
    if (!path.empty() && !http::is_path(path)) return bad("the path is none");
    collector.path = std::string(path) + std::string(k_signal_path);
    return collector;
}

Result<Secret> collector_fields(std::string_view text) {
    if (text.size() > k_collector_fields_bytes_max) {
        return fail(ErrorCode::invalid,
                    fmt::format("more than {} bytes", k_collector_fields_bytes_max));
    }
    std::string out;
    out.reserve(2 * k_collector_fields_bytes_max);  // a secret is not left behind by growing
    std::size_t number = 0;
    std::size_t count = 0;
    while (!text.empty()) {
        const auto end = std::min(text.find('\n'), text.size());
        const auto line = trimmed(text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
        ++number;
        if (line.empty() || line.starts_with('#')) continue;
        if (++count > k_collector_fields_max) {
            return fail(ErrorCode::invalid,
                        fmt::format("more than {} fields", k_collector_fields_max));
        }
        if (const auto added = add_field(out, line); !added) {
            return fail_in(fmt::format("line {}", number), added.error());
        }
    }
    return Secret(std::move(out));
}

}  // namespace moln::edge
